"""Every row of the paper's Table 3: variations of the base model.

WMT 2014 English-German, as base.py; of big.py's recipe what the table's last
row says. Decoded from the last checkpoint: the table is without averaging.

  python launch/sweep.py configs/table3.py --workdir=runs/table3 \\
    --config.data.directory=DIR_WITH_THE_TEXT
  python -m t2t_jax.main --config=configs/table3.py:A-h1 --workdir=runs/A-h1

table3_small.py has the same changes, in proportion, for two CPU cores.

Hardware and time: a row is base's 12 hours on 8 P100 or so, big 3.5 days
(paper).
Expected on newstest2013 (paper; perplexity a piece of its vocabulary, tokenised
BLEU, parameters in millions), ours: not run, but for 20 updates of each row at
global_batch_tokens=256:

  row              PPL   BLEU  par. | row              PPL   BLEU  par.
  base             4.92  25.8    65 | C-d256           5.75  24.5    28
  A-h1             5.29  24.9       | C-d1024          4.66  26.0   168
  A-h4             5.00  25.5       | C-ff1024         5.12  25.4    53
  A-h16            4.91  25.8       | C-ff4096         4.75  26.2    90
  A-h32            5.01  25.4       | D-dropout0.0     5.77  24.6
  B-dk16           5.16  25.1    58 | D-dropout0.2     4.95  25.5
  B-dk32           5.01  25.4    60 | D-smoothing0.0   4.67  25.3
  C-N2             6.11  23.7    36 | D-smoothing0.2   5.47  25.7
  C-N4             5.19  25.3    50 | E-learned        4.92  25.7
  C-N8             4.88  25.5    80 | big              4.33  26.4   213
"""

from typing import Any

from ml_collections import config_dict

from t2t_jax.config_files import load_beside
from t2t_jax.errors import UsageError, nearest


def get_config(row: str = 'base') -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.checkpoint.update(average_last=1)
  return change(config, row, 'table3.py')


def rows() -> tuple[str, ...]:
  return tuple(changes(load_beside(__file__, 'base.py')))


def change(
  config: config_dict.ConfigDict, row: str, file: str
) -> config_dict.ConfigDict:
  """Returns `config`, a table's base row, as `row` of that table; `file` is
  named where there is no such row."""
  known = changes(config)
  if row not in known:
    raise UsageError(
      f"{file}:{row}: expected one of {', '.join(known)}, found '{row}'."
      f'{nearest(row, known)}'
    )
  with config.unlocked():
    config.update(known[row])
  return config


def changes(config: config_dict.ConfigDict) -> dict[str, dict[str, Any]]:
  """Returns {row: what it changes of `config`}, in the order of the table.

  Sizes are fractions and multiples of `config`'s own, so that a small base
  row has small variants of the same proportions, named by their own sizes.
  """
  m = config.model
  found: dict[str, dict[str, Any]] = {'base': {}}
  for heads in (1, 4, 16, 32):
    # As many products: heads times width stays.
    found[f'A-h{heads}'] = _model(
      num_heads=heads,
      d_k=m.num_heads * m.d_k // heads,
      d_v=m.num_heads * m.d_v // heads,
    )
  for d_k in (m.d_k // 4, m.d_k // 2):
    found[f'B-dk{d_k}'] = _model(d_k=d_k)
  for sixths in (2, 4, 8):
    layers = m.num_encoder_layers * sixths // 6
    found[f'C-N{layers}'] = _model(
      num_encoder_layers=layers, num_decoder_layers=layers
    )
  for halves in (1, 4):
    found[f'C-d{m.d_model * halves // 2}'] = _model(
      d_model=m.d_model * halves // 2,
      d_k=m.d_k * halves // 2,
      d_v=m.d_v * halves // 2,
    )
  for d_ff in (m.d_ff // 2, 2 * m.d_ff):
    found[f'C-ff{d_ff}'] = _model(d_ff=d_ff)
  for rate in (0.0, 0.2):
    found[f'D-dropout{rate}'] = _model(dropout_rate=rate)
  for rate in (0.0, 0.2):
    found[f'D-smoothing{rate}'] = {'training': {'label_smoothing': rate}}
  found['E-learned'] = _model(positions='learned')
  found['big'] = _model(
    d_model=2 * m.d_model,
    d_ff=2 * m.d_ff,
    num_heads=2 * m.num_heads,
    dropout_rate=0.3,
  ) | {'training': {'steps': 3 * config.training.steps}}
  return found


def _model(**fields: Any) -> dict[str, Any]:
  return {'model': fields}
