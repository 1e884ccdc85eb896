"""python -m t2t_jax.report, with the translations of a real model."""

import json
import shutil

import pytest
from run_command import run_command


@pytest.fixture
def workdir(trained, tmp_path):
  """A copy of the finished run, to be reported on and damaged."""
  shutil.copytree(trained.directory, tmp_path / 'copy')
  return tmp_path / 'copy'


def _report(*flags):
  finished = run_command('report', *flags)
  assert finished.stdout == ''
  return finished


def _change(workdir, section, **values):
  file = workdir / 'config.json'
  config = json.loads(file.read_text())
  config[section] |= values
  file.write_text(json.dumps(config))


def test_a_finished_run_with_its_translations(workdir, tmp_path):
  finished = _report(f'--workdir={workdir}')
  assert finished.status == 0, finished.stderr
  assert finished.stderr.splitlines() == [
    'copy: translating 12 dev sentences',
    f'wrote {workdir}/report.html',
    f'wrote {workdir}/report.md',
  ]
  page = (workdir / 'report.html').read_text()
  for section in ('by-length-of-the-source', 'samples', 'attention'):
    assert f'<section id="{section}">' in page
  found = json.loads((workdir / 'report_samples.json').read_text())
  assert len(found['hypotheses']) == 12
  for weights in found['attention']['weights']:
    assert sum(weights) == pytest.approx(1, abs=0.01)
  # All of the dev set: the same as the run itself came to.
  [row] = [
    row
    for row in map(
      json.loads, (workdir / 'metrics.jsonl').read_text().splitlines()
    )
    if row.get('test_set') == 'dev'
  ]
  assert f'BLEU {row["bleu"]:.2f}, chrF {row["chrf"]:.2f}' in page
  # Again: nothing is translated; with other settings everything is.
  again = _report(f'--workdir={workdir}', f'--output={tmp_path}/again.html')
  assert 'translating' not in again.stderr
  assert (tmp_path / 'again.html').read_text() == page
  _change(workdir, 'decoding', beam_size=1)
  assert 'translating 12' in _report(f'--workdir={workdir}').stderr


def test_what_cannot_be_translated_is_said_and_the_rest_is_there(workdir):
  _change(workdir, 'data', kind='text', directory='/no/such')
  finished = _report(f'--workdir={workdir}')
  assert finished.status == 0, finished.stderr
  reason = finished.stderr.splitlines()[0]
  assert reason.startswith('copy: no translations of dev sentences: ')
  assert '/no/such' in reason
  page = (workdir / 'report.html').read_text()
  assert 'no translations of dev sentences' in page
  assert '<section id="curves">' in page
  silent = _report(f'--workdir={workdir}', '--nosamples')
  assert 'no translations' not in silent.stderr
  shutil.rmtree(workdir / 'checkpoints')
  _change(workdir, 'data', kind='generated')
  bare = _report(f'--workdir={workdir}')
  assert bare.status == 0
  assert 'no checkpoint yet' in bare.stderr


def test_mistakes_are_one_line_each(trained, tmp_path):
  for flags, expected in (
    ((), '--workdir: expected a directory, found none'),
    (('--workdir=',), '--workdir: expected a directory, found none'),
    (
      (f'--workdir={tmp_path}/no',),
      f'--workdir={tmp_path}/no: no such directory',
    ),
    (
      (f'--workdir={tmp_path}',),
      f'--workdir={tmp_path}: expected a run of t2t_jax, found no config.json '
      'in it',
    ),
    (
      (trained.flag, trained.flag),
      f'{trained.flag}: given twice',
    ),
    (
      (trained.flag, '--output=a.pdf'),
      "--output: expected FILE.html, found 'a.pdf'",
    ),
  ):
    finished = _report(*flags)
    assert finished.status == 2
    assert finished.stderr == f'report: {expected}\n'
