"""The rows of Table 3: what they change, and their parameters."""

import jax
import pytest

from t2t_jax.config import differences, flatten, from_mapping
from t2t_jax.config_files import load, row_names
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import init_params
from t2t_jax.training.memory import split_elements

FULL, SMALL = 'configs/table3.py', 'configs/table3_small.py'
NAMES, SMALL_NAMES = row_names(FULL), row_names(SMALL)
# Table 3's last column, in millions; those that it leaves empty are base's.
PARAMETERS = {
  'base': 65,
  'B-dk16': 58,
  'B-dk32': 60,
  'C-N2': 36,
  'C-N4': 50,
  'C-N8': 80,
  'C-d256': 28,
  'C-d1024': 168,
  'C-ff1024': 53,
  'C-ff4096': 90,
  'big': 213,
}
# h, d_k, d_v, N, d_model, d_ff, P_drop, smoothing: the table's own columns.
BASE = (8, 64, 64, 6, 512, 2048, 0.1, 0.1)
ROWS = {
  'base': BASE,
  'A-h1': (1, 512, 512, *BASE[3:]),
  'A-h4': (4, 128, 128, *BASE[3:]),
  'A-h16': (16, 32, 32, *BASE[3:]),
  'A-h32': (32, 16, 16, *BASE[3:]),
  'B-dk16': (8, 16, *BASE[2:]),
  'B-dk32': (8, 32, *BASE[2:]),
  'C-N2': (8, 64, 64, 2, *BASE[4:]),
  'C-N4': (8, 64, 64, 4, *BASE[4:]),
  'C-N8': (8, 64, 64, 8, *BASE[4:]),
  'C-d256': (8, 32, 32, 6, 256, *BASE[5:]),
  'C-d1024': (8, 128, 128, 6, 1024, *BASE[5:]),
  'C-ff1024': (*BASE[:5], 1024, *BASE[6:]),
  'C-ff4096': (*BASE[:5], 4096, *BASE[6:]),
  'D-dropout0.0': (*BASE[:6], 0.0, 0.1),
  'D-dropout0.2': (*BASE[:6], 0.2, 0.1),
  'D-smoothing0.0': (*BASE[:7], 0.0),
  'D-smoothing0.2': (*BASE[:7], 0.2),
  'E-learned': BASE,
  'big': (16, 64, 64, 6, 1024, 4096, 0.3, 0.1),
}


def config_of(file, row):
  return from_mapping(load(f'{file}:{row}'))


def columns(config):
  m = config.model
  assert m.num_encoder_layers == m.num_decoder_layers
  return (
    *(m.num_heads, m.d_k, m.d_v, m.num_encoder_layers, m.d_model, m.d_ff),
    *(m.dropout_rate, config.training.label_smoothing),
  )


def by_hand(config, entries):
  """Figure 1: 3 attentions and 2 feed-forward layers a pair of layers."""
  heads, d_k, d_v, layers, d, d_ff, *_ = columns(config)
  attention = 2 * heads * d * (d_k + d_v)
  feed_forward = 2 * d * d_ff + d_ff + d
  total = entries * d + layers * (3 * attention + 2 * feed_forward + 5 * 2 * d)
  if config.model.positions == 'learned':
    total += 2 * config.model.max_positions * d
  return total


def counted(config, entries):
  model = Transformer(config.model, entries, entries, pad_id=0)
  params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
  ones = {'data': 1, 'fsdp': 1, 'tensor': 1}
  return sum(count for count, _ in split_elements(params, ones))


def test_the_rows_are_the_papers():
  assert {row: columns(config_of(FULL, row)) for row in NAMES} == ROWS
  assert list(NAMES) == list(ROWS)


def test_nothing_else_is_changed():
  base = config_of(FULL, 'base')
  shipped = from_mapping(load('configs/base.py'))
  assert differences(shipped, base) == ['checkpoint.average_last: 5 -> 1']
  in_columns = {
    *(f'model.{name}' for name in ('num_heads', 'd_k', 'd_v', 'd_model')),
    *('model.num_encoder_layers', 'model.num_decoder_layers', 'model.d_ff'),
    *('model.dropout_rate', 'training.label_smoothing'),
  }
  for row in NAMES:
    changes = differences(base, config_of(FULL, row))
    others = {change.partition(':')[0] for change in changes} - in_columns
    assert others == {
      'E-learned': {'model.positions'},
      'big': {'training.steps'},
    }.get(row, set())
  assert config_of(FULL, 'big').training.steps == 300_000


# Rates have no parameters.
@pytest.mark.parametrize('row', [row for row in NAMES if row[0] != 'D'])
def test_parameters_are_the_papers_and_by_hand(row):
  config = config_of(FULL, row)
  found = counted(config, 37120)  # a multiple of 128: no rows are padding
  assert found == by_hand(config, 37120)
  if row in PARAMETERS:
    assert found / 1e6 == pytest.approx(PARAMETERS[row], rel=0.07)


def test_the_small_rows_are_in_proportion():
  def ratios(file, row):
    base = flatten(config_of(file, 'base'))
    values = flatten(config_of(file, row))
    return {
      key: values[key] / base[key] if type(base[key]) is int else values[key]
      for key in base
      if values[key] != base[key]
    }

  assert len(SMALL_NAMES) == len(NAMES)
  for small, full in zip(SMALL_NAMES, NAMES, strict=True):
    assert ratios(SMALL, small) == ratios(FULL, full), small
  assert {'B-dk4', 'C-N1', 'C-d64', 'C-ff256'} <= set(SMALL_NAMES)
  assert {name[0] for name in SMALL_NAMES} == set('bABCDE')


def test_the_small_base_row_is_what_its_note_says():
  config = config_of(SMALL, 'base')
  assert columns(config) == (8, 16, 16, 3, 128, 512, 0.1, 0.1)
  assert config.checkpoint.average_last == 1
  assert config.data.train_source == ('train.en',)


def test_no_such_row():
  with pytest.raises(UsageError) as error:
    load(f'{FULL}:A-h3')
  message = str(error.value)
  assert message.startswith('table3.py:A-h3: expected one of base, A-h1, ')
  assert message.endswith("found 'A-h3'. Did you mean 'A-h32'?")
