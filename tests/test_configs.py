"""The shipped configs: complete, commented, and what they say they are."""

import pathlib
import re

import pytest

from t2t_jax.config import differences, flatten, from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError

_UPDATE = re.compile(r'config\.(\w+)\.update\((.*?)\n?\s*\)\n', re.S)
CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'


def _config(name):
  return from_mapping(load(f'{CONFIGS / name}.py'))


def _changed(name):
  """Returns the fields in which a config differs from base."""
  changes = differences(_config('base'), _config(name))
  return {change.partition(':')[0] for change in changes}


def test_base_has_a_comment_for_every_field():
  lines = (CONFIGS / 'base.py').read_text().splitlines()
  commented, above = set(), False
  for line in lines:
    if field := re.match(r'\s+(\w+)=[^#]*(#.*)?$', line):
      # A comment above a group of fields speaks for those that have none.
      if field[2] or above:
        commented.add(field[1])
    else:
      above = line.strip().startswith('#')
  names = {key.rpartition('.')[2] for key in flatten(_config('base'))}
  # Betas stand under one comment, the cadences under those of their like.
  unneeded = {'task', 'beta2', 'every_epochs', 'every_steps', 'tfds_dev_split'}
  assert names - commented - unneeded == set()


def test_base_and_big_are_the_papers():
  base, big = flatten(_config('base')), flatten(_config('big'))
  for key, values in {
    # Table 3 and sections 5.1 to 6.1.
    'model.d_model': (512, 1024),
    'model.d_ff': (2048, 4096),
    'model.num_heads': (8, 16),
    'model.d_k': (64, 64),
    'model.d_v': (64, 64),
    'model.num_encoder_layers': (6, 6),
    'model.num_decoder_layers': (6, 6),
    'model.dropout_rate': (0.1, 0.3),
    'training.label_smoothing': (0.1, 0.1),
    'training.steps': (100_000, 300_000),
    'training.global_batch_tokens': (25_000, 25_000),
    'optimizer.warmup_steps': (4000, 4000),
    'optimizer.beta2': (0.98, 0.98),
    'vocabulary.size': (37_000, 37_000),
    'checkpoint.average_last': (5, 20),
    'decoding.beam_size': (4, 4),
    'decoding.length_penalty_alpha': (0.6, 0.6),
  }.items():
    assert (base[key], big[key]) == values, key


def test_big_changes_nothing_else():
  assert _changed('big') == {
    'model.d_model',
    'model.d_ff',
    'model.num_heads',
    'model.dropout_rate',
    'training.steps',
    'checkpoint.every_steps',
    'checkpoint.keep_last',
    'checkpoint.average_last',
    'evaluation.every_steps',
  }


@pytest.mark.parametrize(
  ('name', 'counts'),
  [
    *((f'{name}.py', {'bleu_compounds'}) for name in ('base', 'big', 'table3')),
    *(
      (f'{name}.py', {'multi_bleu'})
      for name in ('base_enfr', 'big_enfr', 'base_deen')
    ),
    *(
      (f'{name}.py', set())
      for name in ('quickstart', 'multi30k', 'tatoeba', 'table3_small')
    ),
    *((f'{name}.py', set()) for name in ('scan', 'g2p', 'parsing')),
  ],
)
def test_the_papers_recipes_tell_the_papers_bleu(name, counts):
  told = from_mapping(load(f'{CONFIGS / name}')).evaluation.reported
  assert set(told) & {'multi_bleu', 'bleu_compounds'} == counts
  if 'bleu' in told:
    assert {'bleu', 'chrf++', 'ter'} == set(told) - counts


def _written(name):
  """Returns the fields that a config, or one that it starts from, writes."""
  text = (CONFIGS / f'{name}.py').read_text().partition('def get_config')[2]
  written = set(re.findall(r'config\.(task) = ', text))
  for section, body in re.findall(
    r'config\.(\w+)\.update\((.*?)\n?\s*\)\n', text, re.S
  ):
    fields = re.findall(r'(?:^|[(\s,])(\w+)=', body)
    written |= {f'{section}.{field}' for field in fields}
  for other in re.findall(r"load_beside\(__file__, '(\w+)\.py'\)", text):
    if other != 'base':
      written |= _written(other)
  return written


@pytest.mark.parametrize(
  'name', sorted(p.stem for p in CONFIGS.glob('*.py') if p.stem != 'base')
)
def test_a_derived_config_writes_only_what_it_changes(name):
  config = _config(name)
  written = _written(name)
  assert written <= set(flatten(config))
  # What is said again must be meant: the shipped files say little of it. The
  # small table's text is multi30k's.
  assert _changed(name) <= written


@pytest.mark.parametrize('name', sorted(p.stem for p in CONFIGS.glob('*.py')))
def test_a_config_is_a_lab_note(name):
  note = (CONFIGS / f'{name}.py').read_text().split('"""')[1]
  assert f'--config=configs/{name}.py' in note
  assert '\nHardware and time: ' in note
  assert '\nExpected' in note
  assert 'Measured' in note or 'not run' in note


def test_tagging_takes_a_label_a_line_too():
  config = from_mapping(load(f'{CONFIGS}/tagging.py:classification'))
  assert config.task == 'classification'


def test_multi30k_takes_the_raw_text_and_other_directions_too():
  raw = flatten(from_mapping(load(f'{CONFIGS}/multi30k.py:raw')))
  assert raw['data.train_source'] == ('train.en',)
  assert raw['data.test_target'][0] == 'test_2016_flickr.de'
  assert raw['evaluation.bleu_tokenize'] == '13a'
  assert raw['vocabulary.normalization'] == 'nmt_nfkc'
  both = flatten(from_mapping(load(f'{CONFIGS}/multi30k.py:raw,en-fr')))
  assert both['data.train_target'] == ('train.fr',)
  assert both['data.target_language'] == 'fr'
  french = flatten(from_mapping(load(f'{CONFIGS}/multi30k.py:en-fr')))
  assert french['data.dev_target'] == ('val.lc.norm.tok.fr',)
  assert french['evaluation.bleu_tokenize'] == 'none'
  sampled = flatten(from_mapping(load(f'{CONFIGS}/multi30k.py:raw,sampled')))
  assert sampled['data.train_source'] == ('train.en',)
  assert sampled['training.init_from'] == 'runs/multi30k_raw@averaged'
  with pytest.raises(UsageError) as error:
    load(f'{CONFIGS}/multi30k.py:raw,en-nl')
  assert str(error.value) == (
    'multi30k.py:raw,en-nl: expected some of tok, raw, en-de, en-fr, de-en, '
    "fr-en, recipe, sampled, found 'en-nl'"
  )


def test_tatoeba_is_both_ways():
  german, english = (
    flatten(from_mapping(load(f'{CONFIGS}/tatoeba.py:{direction}')))
    for direction in ('de-en', 'en-de')
  )
  assert german == flatten(_config('tatoeba'))
  assert german['data.train_source'] == ('train.de',)
  assert german['data.test_target'] == ('test.en',)
  assert english['data.dev_source'] == ('dev.en',)
  assert english['data.target_language'] == 'de'
  with pytest.raises(UsageError) as error:
    load(f'{CONFIGS}/tatoeba.py:de-fr')
  assert str(error.value) == (
    "tatoeba.py:de-fr: expected de-en or en-de, found 'de-fr'"
  )
