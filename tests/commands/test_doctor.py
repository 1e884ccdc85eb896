"""The doctor command: what it finds, what it says, how it ends."""

import json

import jax
import jax.numpy as jnp
import pytest
from run_command import run_command

from t2t_jax.config import from_mapping
from t2t_jax.config_files import load
from t2t_jax.planning import checks

_TINY = {
  'model.d_model': 16,
  'model.d_ff': 16,
  'model.d_k': 8,
  'model.d_v': 8,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'model.vocab_row_multiple': 8,
  'vocabulary.size': 40,
  'data.max_tokens': 16,
  'training.global_batch_tokens': 128,
}


_FILES = {
  f'{split}_{side}': (f'{name}.{language}',)
  for split, name in (
    ('train', 'train'),
    ('dev', 'newstest2013'),
    ('test', 'newstest2014'),
  )
  for side, language in (('source', 'en'), ('target', 'de'))
}


def doctor(*arguments, **changes):
  """Runs the command on a tiny model; `section__field=value` changes it."""
  settings = _TINY | {
    key.replace('__', '.'): value for key, value in changes.items()
  }
  flags = [f'--config.{key}={value}' for key, value in settings.items()]
  return run_command('doctor', '--config=configs/base.py', *flags, *arguments)


def write_text(directory, target='Ein Satz.\n'):
  for split in ('train', 'newstest2013', 'newstest2014'):
    (directory / f'{split}.en').write_text('A sentence.\n' * 20)
    (directory / f'{split}.de').write_text(target * 20)


def config_of(directory, **data):
  mapping = load('configs/base.py').to_dict()
  mapping['data'] |= {'directory': str(directory), **_FILES, **data}
  return from_mapping(mapping)


def test_without_text_and_without_compiling():
  found = doctor('--lengths=8x8', '--mesh=2x2x2', '--nocompile', '--json')
  assert (found.status, found.stderr) == (0, '')
  assert 'ok    mesh: 2 x 2 x 2 on 8 x cpu' in found.lines
  [plan] = found.last_json
  assert plan['shape'] == [16, 8, 8]
  assert plan['fits'] and plan['compiled_memory'] is None
  assert plan['memory']['total'] > plan['memory']['parameters'] > 0
  assert {c['kind'] for c in plan['collectives']} == {
    'all-gather',
    'all-reduce',
    'reduce-scatter',
  }


def test_a_mesh_of_the_remaining_devices():
  found = doctor(
    '--lengths=8x8', '--topology=v5e:2x4', '--mesh=2x-1x1', '--nocompile'
  )
  assert (found.status, found.stderr) == (0, '')
  assert 'ok    mesh: 2 x 4 x 1 on v5e:2x4' in found.lines


def test_with_text(tmp_path):
  found = doctor(
    '--mesh=8x1x1',
    '--nocompile',
    '--json',
    f'--workdir={tmp_path}/run',
    data__kind='generated',
    data__generated_train_pairs=300,
    data__generated_dev_pairs=5,
    data__generated_test_pairs=5,
    data__max_tokens=64,
    data__cache_dir=tmp_path / 'cache',
    vocabulary__size=600,
    training__global_batch_tokens=512,
  )
  assert found.status == 0, found.stdout + found.stderr
  names = [line.split(':')[0] for line in found.lines if line[:2] == 'ok']
  assert names == [
    'ok    mesh',
    *['ok    split'] * 3,
    'ok    direction',
    'ok    vocabulary',
    'ok    shapes',
    'ok    memory',
    'ok    disk',
  ]
  # Nothing is left but the token files, which a run would make too.
  assert [path.name for path in tmp_path.iterdir()] == ['cache']


def test_text_that_is_not_there(tmp_path):
  found = doctor('--mesh=8x1x1', data__directory=tmp_path / 'none')
  assert found.status == 2
  bad = [line for line in found.lines if line.startswith('MEND')]
  # Two sides of three corpora, dev and test.
  assert len(bad) == 10
  assert all(f'there is no directory {tmp_path}/none' in line for line in bad)
  assert found.stderr == 'doctor: 10 to mend, see above\n'


def test_compiled_for_the_devices_at_hand():
  found = doctor('--lengths=8x8', '--mesh=8x1x1', '--json')
  assert found.status == 0, found.stderr
  [plan] = json.loads(found.lines[-1])
  assert plan['compiled_memory'] > plan['memory']['parameters']
  [reduced] = plan['collectives']
  assert (reduced['kind'], reduced['axes']) == ('all-reduce', ['data'])
  # The gradients in float32, and three sums of the loss.
  assert reduced['bytes'] == 4 * plan['parameters'] + 12


def test_meshes_are_compared_by_formula():
  found = doctor(
    '--lengths=8x8', '--topology=v5e:2x2', '--nocompile', '--compare=1'
  )
  assert found.status == 0, found.stderr
  start = found.lines.index(next(x for x in found.lines if x[:4] == 'data'))
  meshes = {line[:10].strip() for line in found.lines[start + 1 : start + 6]}
  assert meshes == {
    '4 x 1 x 1',
    '2 x 2 x 1',
    '1 x 4 x 1',
    '2 x 1 x 2',
    '1 x 2 x 2',
  }
  assert any(line.startswith('best of these: --conf') for line in found.lines)


def test_meshes_are_compared_where_that_of_the_config_does_not_fit():
  base = '--config=configs/base.py', '--lengths=64x64', '--topology=v5e:2x4'
  flags = '--nocompile', '--compare=99', '--config.training.device_memory_gib='
  found = run_command('doctor', *base, *flags[:2], f'{flags[2]}0.8')
  assert found.status == 0, found.stderr
  assert '8 x 1 x 1' in found.stdout and 'does not fit' in found.stdout
  assert 'mesh.fsdp=8 --config.mesh.tensor=1' in found.lines[-1]
  # Where none does, what is too large is told, and JSON all the same.
  found = run_command('doctor', *base, *flags[:2], f'{flags[2]}0.1', '--json')
  assert found.status == 2
  assert any(line.startswith('MEND  memory') for line in found.lines)
  assert len(json.loads(found.lines[-1])) == 1


def test_a_mesh_that_does_not_fit_is_to_be_mended():
  found = doctor('--lengths=8x8', '--mesh=1x1x8', '--nocompile')
  assert found.status == 2
  assert found.lines == [
    'MEND  mesh: config.mesh: tensor = 8 does not divide model.num_heads = 2; '
    'the nearest that fits is 4 x 1 x 2'
  ]
  assert found.stderr == 'doctor: 1 to mend, see above\n'


def test_a_model_that_is_too_large_is_to_be_mended():
  found = doctor(
    '--lengths=8x8',
    '--mesh=8x1x1',
    '--nocompile',
    training__device_memory_gib=0.0001,
  )
  assert found.status == 2
  [line] = [line for line in found.lines if line.startswith('MEND')]
  assert 'memory: an update needs about' in line
  assert "raise mesh.fsdp, set model.remat='full'" in line


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    ('--mesh=2x2', "--mesh=2x2: expected data x fsdp x tensor, as in '4x2x1'"),
    (
      '--mesh=0x1x1',
      "--mesh=0x1x1: expected data x fsdp x tensor, as in '4x2x1'",
    ),
    ('--mesh=-1x-1x1', '--mesh=-1x-1x1: expected data x fsdp x tensor, as in'),
    # Not to be made of as many CPU devices, which would fill the memory.
    (
      '--mesh=1000x1000x1000',
      'config.mesh: expected at most 4,096 devices on this machine, found '
      '1,000,000,000',
    ),
    ('--lengths=8', "--lengths=8: expected source x target tokens, as in '64x"),
    (
      '--lengths=8x999',
      '--lengths=8x999: expected lengths from 1 to training.',
    ),
    ('--compare=-1', '--compare=-1: expected at least 0'),
    ('--topology=tpu', '--topology=tpu: expected such as v5e:16x16'),
    (
      '--workdir=gs://bucket/run',
      '--workdir=gs://bucket/run: expected a directory, found a URL',
    ),
  ],
)
def test_mistakes_in_flags(flag, message):
  found = doctor('--mesh=1x1x1', '--nocompile', flag)
  assert found.status == 2
  assert found.stderr.startswith(f'doctor: {message}')


def test_every_file_is_looked_for(tmp_path):
  write_text(tmp_path)
  config = config_of(tmp_path)
  assert all(finding.is_well for finding in checks.check_files(config))
  # A run would open it after its last update.
  (tmp_path / 'newstest2014.de').unlink()
  (tmp_path / 'train.en').write_text('')
  bad = [f.text for f in checks.check_files(config) if not f.is_well]
  assert bad == [
    f'{tmp_path}/train.en: expected lines of text, found an empty file',
    f'config.data.test_target: there is no file {tmp_path}/newstest2014.de, '
    "plain or .gz. Did you mean 'newstest2014.en'?",
  ]


def test_test_sets_are_read_through(tmp_path):
  write_text(tmp_path)
  lines = (tmp_path / 'newstest2014.de').read_text().splitlines(True)
  (tmp_path / 'newstest2014.de').write_text(''.join(lines[:-1]))
  bad = [f for f in checks.check_files(config_of(tmp_path)) if not f.is_well]
  assert [finding.name for finding in bad] == ['test sets']
  assert 'expected equal numbers of lines, found 20 and 19' in bad[0].text


def test_sides_that_are_exchanged(tmp_path):
  write_text(tmp_path)
  assert checks.check_direction(config_of(tmp_path)).text == 'en to de'
  exchanged = config_of(tmp_path, source_language='de', target_language='en')
  finding = checks.check_direction(exchanged)
  assert not finding.is_well
  assert finding.text == (
    'config.data.train_source: train.en is named as en, but '
    "data.source_language is 'de'; exchange the sides or the languages"
  )


def test_sides_that_are_one_text(tmp_path):
  write_text(tmp_path, target='A sentence.\n')
  finding = checks.check_direction(config_of(tmp_path))
  assert not finding.is_well
  assert finding.text.startswith(
    'config.data.train_target: 20 of the first 20 lines equal their source'
  )


def test_disk(tmp_path, monkeypatch):
  config = config_of(tmp_path)
  state = {'x': jax.ShapeDtypeStruct((1000,), jnp.float32)}
  # Seven checkpoints of 4,000 bytes: five, the best, and the next.
  for free, is_well in ((28000, True), (27999, False)):
    monkeypatch.setattr(checks.shutil, 'disk_usage', _usage(free))
    finding = checks.check_disk(config, state, tmp_path / 'not' / 'yet')
    assert finding.is_well == is_well
    assert finding.text.startswith('7 checkpoints need 27.3 KiB; 27.3 KiB are ')
  assert finding.text.endswith('average_last, or free some')


def test_a_workdir_that_cannot_be_written(tmp_path, monkeypatch):
  config = config_of(tmp_path)
  (tmp_path / 'file').write_text('')
  finding = checks.check_disk(config, {}, tmp_path / 'file' / 'run')
  assert not finding.is_well
  assert finding.text == (
    f'--workdir={tmp_path}/file/run: {tmp_path}/file is no directory; choose '
    'another'
  )
  # As of a disk that is read-only; permissions do not bind root.
  monkeypatch.setattr(checks.os, 'access', lambda place, mode: False)
  finding = checks.check_disk(config, {}, tmp_path / 'run')
  assert not finding.is_well
  assert finding.text == (
    f'--workdir={tmp_path}/run: {tmp_path} may not be written to; choose '
    'another'
  )


def test_rows_of_padding(tmp_path):
  subject = type('Subject', (), {'shapes': ((96, 8, 8), (8, 64, 64))})
  assert checks.check_shapes(subject, (8, 1, 1), 1).is_well
  finding = checks.check_shapes(subject, (8, 8, 1), 1)
  # 96 rows become 128 and 8 become 64.
  assert finding.text.startswith('2 batch shapes; 46% of the rows are padding')
  assert not finding.is_well


def _usage(free):
  return lambda place: type('Usage', (), {'free': free})


def test_a_language_model_has_no_direction(tmp_path):
  write_text(tmp_path)
  found = doctor(
    '--mesh=8x1x1',
    '--nocompile',
    f'--config.data.directory={tmp_path}',
    f'--config.data.cache_dir={tmp_path}/cache',
    '--config.task=language_model',
    '--config.data.train_source=',
    '--config.data.dev_source=',
    '--config.data.test_source=',
    '--config.data.train_target=train.en',
    '--config.data.dev_target=newstest2013.en',
    '--config.data.test_target=newstest2014.en',
    '--config.evaluation.bleu=false',
    '--config.evaluation.best_metric=nll',
    '--config.vocabulary.kind=segmented',
    model__num_encoder_layers=0,
  )
  assert found.status == 0, found.stdout + found.stderr
  assert 'ok    direction: none, the task is language_model' in found.lines
  assert not any(line.startswith('MEND') for line in found.lines)
