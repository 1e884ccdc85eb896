"""The big model on WMT 2014 English-French (paper, Table 2).

The text is that of base_enfr.py, the model that of big.py with P_drop 0.1
(6.1).

  python -m t2t_jax.prepare --config=configs/big_enfr.py
  python -m t2t_jax.main --config=configs/big_enfr.py --workdir=runs/big_enfr
  python -m t2t_jax.evaluate --workdir=runs/big_enfr

Hardware and time: in the paper 8 P100, 3.5 days (300,000 steps of 1.0 s).
Expected: newstest2014 BLEU 41.8 tokenised (paper); ours: not run, but for 20
updates at global_batch_tokens=256, loss 11.0 to 9.6.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'big.py')
  text = load_beside(__file__, 'base_enfr.py')
  with config.unlocked():
    config.data.update(text.data)
    config.vocabulary.update(text.vocabulary)
    config.model.update(dropout_rate=0.1)
    config.evaluation.update(report=text.evaluation.report)
  return config
