"""The cost command: its counts by other ways, its table, its mistakes."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tiny_run
from run_command import run_command

from t2t_jax.config import from_mapping
from t2t_jax.config_files import load
from t2t_jax.model.flops import update_flops
from t2t_jax.planning.cost import cost_of_text
from t2t_jax.planning.subject import from_text
from t2t_jax.reporting.cost_report import measured_line
from t2t_jax.reporting.run_results import Measured

QUICK = ('--nocompiler', '--topology=')


def cost(*arguments):
  return run_command('cost', *arguments)


def test_base_and_big_in_the_form_of_table_2():
  found = cost('configs/base.py', 'configs/big.py', '--lengths=25x25', *QUICK)
  assert found.status == 0, found.stderr
  assert found.lines[-4:] == [
    '| model | BLEU | parameters | training cost (FLOPs), counted | as the '
    'paper counts it |',
    '| --- | --- | --- | --- | --- |',
    # Six a parameter and token, and the products of attention.
    '| configs/base.py | 27.3 (paper) | 63,045,632 | 9.5e+17 | 3.3e+18 (paper)'
    ' |',
    '| configs/big.py | 28.4 (paper) | 214,171,648 | 9.7e+18 | 2.3e+19 (paper)'
    ' |',
  ]
  assert found.lines[0] == 'configs/base.py: 63,045,632 parameters'
  assert '  embeddings                              18,944,000   30.0%' in (
    found.lines
  )


def test_xla_counts_little_more_than_the_formula():
  found = cost(
    'configs/table3_small.py:E-learned',
    '--lengths=8x8',
    '--topology=h100:1x8,v5e:2x2',
    '--mfu=0.5',
    '--json',
  )
  assert found.status == 0, found.stderr
  [json_] = found.last_json['configs']
  compiler = json_['compiler']
  assert compiler['shape'] == [128, 8, 8]
  assert 1 < compiler['counted'] / compiler['formula'] < 1.05
  assert compiler['formula'] == pytest.approx(json_['update']['flops'])
  assert json_['run_flops'] == 4000 * json_['update']['flops']
  # Two tables of 1,024 positions.
  assert json_['parameters']['positions'] == 2 * 1024 * 128
  assert sum(json_['parameters'].values()) == 1_640_448 + 2 * 1024 * 128
  h100, _ = json_['projections']
  assert h100['topology'] == 'h100:1x8' and math.prod(h100['mesh']) == 8
  at_half = json_['run_flops'] / (8 * 989e12) / 0.5 / 3600
  assert h100['mfu_hours'] == pytest.approx(max(at_half, h100['least_hours']))


def test_text_is_counted_by_its_pairs_and_its_batches(tmp_path):
  tiny_run.write_text(tmp_path)
  config = tiny_run.make_config(tmp_path)
  subject, prepared, batches = from_text(config, lambda line: None)
  found = cost_of_text(subject, batches, prepared.train)
  entries = subject.model.target_vocab_size
  # So many epochs that every shape has a whole number of batches.
  epochs = math.lcm(*(rows for rows, _, _ in batches.shapes))
  padded = real = 0.0
  steps = round(epochs * batches.steps_per_epoch)
  for step in range(steps):
    source_BS, target_BT = batches.batch(step)
    rows, shape = len(source_BS), (source_BS.shape[1], target_BT.shape[1])
    padded += rows * update_flops(config.model, entries, *shape)
    for source_S, target_T in zip(source_BS, target_BT, strict=True):
      lengths = np.count_nonzero(source_S), np.count_nonzero(target_T)
      real += update_flops(config.model, entries, *lengths)
  assert found.total == pytest.approx(padded / steps)
  assert found.real_share == pytest.approx(real / padded)
  assert 0.5 < found.real_share < 1


def test_a_run_that_is_there(trained):
  found = cost(
    f'--workdir={trained.directory}', '--sustained_tflops=2', '--json'
  )
  assert found.status == 0, found.stderr
  metrics = (trained.directory / 'metrics.jsonl').read_text().splitlines()
  rows = [json.loads(line) for line in metrics]
  train = [row for row in rows if row['kind'] == 'train']
  tests = {row['test_set']: row for row in rows if row['kind'] == 'test'}
  before, flops = 0.0, 0.0
  for row in train:
    flops += row['flops_per_second'] * (row['train_seconds'] - before)
    before = row['train_seconds']
  name, bleu, _, counted, as_paper = found.lines[-2].strip('| ').split(' | ')
  assert name == trained.directory.name
  assert bleu == ', '.join(f'{r["bleu"]:.2f} {n}' for n, r in tests.items())
  assert counted == f'{flops:.2g}'
  run = json.loads((trained.directory / 'run.json').read_text())
  devices = math.prod(run['mesh'].values())
  assert as_paper == f'{devices * before * 2e12:.2g}'
  first = found.lines[0]
  assert first.startswith(f'{name}: 4 updates in ')
  assert f' on {run["devices"]}, {flops:.3g} FLOPs of real tokens, ' in first
  assert 'MFU' not in first  # of a CPU
  [run_json] = found.last_json['runs']
  assert run_json['flops'] == pytest.approx(flops)
  assert (run_json['updates'], run_json['mfu']) == (4, None)


def test_runs_of_before_have_no_count(tmp_path):
  """And one that was stopped before its end has no score."""
  (tmp_path / 'config.json').write_text(
    json.dumps(load('configs/quickstart.py').to_dict())
  )
  run = {'parameters': 7, 'devices': '2 x cpu'}
  (tmp_path / 'run.json').write_text(json.dumps(run))
  rows = [
    {'kind': 'train', 'step': step, 'train_seconds': 10 * step}
    for step in (1, 2, 3)
  ]
  text = ''.join(f'{json.dumps(row)}\n' for row in rows)
  (tmp_path / 'metrics.jsonl').write_text(text)
  found = cost(f'--workdir={tmp_path}', '--sustained_tflops=0.5')
  assert found.status == 0, found.stderr
  name = tmp_path.name
  assert found.lines[0] == f'{name}: 3 updates in 30s on 2 x cpu'
  assert found.lines[-1] == (
    f'| {name} | not scored | 7 | not recorded | 3e+13 |'
  )


def test_mfu_of_a_run_on_known_chips():
  run = Measured('x', {}, 1, 8, 'NVIDIA H200', 10, 100.0, 989e12 * 8 * 25)
  assert run.mfu == pytest.approx(0.25)
  assert measured_line(run).endswith(', MFU 25.0%')
  assert dataclasses.replace(run, device_kind='cpu').mfu is None


def test_figures_are_the_papers_for_its_own_models_alone():
  from t2t_jax.planning.published import published_of

  mapping = load('configs/big.py').to_dict()
  mapping['data'] |= {'target_language': 'fr'}
  french = published_of(from_mapping(mapping))
  assert (french.bleu, f'{french.flops:.1e}') == (41.8, '2.3e+19')
  mapping['data'] |= {'target_language': 'nl'}
  assert published_of(from_mapping(mapping)) is None
  for row in ('A-h1', 'C-N2', 'C-ff1024'):
    config = from_mapping(load(f'configs/table3.py:{row}'))
    assert published_of(config) is None


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (
      (),
      'expected configs such as configs/base.py, or --workdir=DIR, found no',
    ),
    (
      ('configs/base.py', '--config.a'),
      '--config.a: expected --config.key=val',
    ),
    (
      ('configs/base.py', '--lengths=8', *QUICK),
      '--lengths=8: expected source',
    ),
    (
      ('configs/base.py', '--topology=x'),
      '--topology=x: expected such as v5e:',
    ),
    (
      ('configs/base.py', '--mfu=2'),
      'flag --mfu=2: 2.0 is not a number in the',
    ),
    (('--workdir=nowhere',), '--workdir=/'),
    (('configs/bas.py', *QUICK), '--config=configs/bas.py: no such file. Did '),
  ],
)
def test_mistakes(arguments, message):
  found = cost(*arguments)
  assert found.status == 2
  assert found.stderr.startswith(f'cost: {message}')
  assert found.stderr.count('\n') == 1
