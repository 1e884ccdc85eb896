"""The big model of "Attention Is All You Need" (Table 3, last row).

WMT 2014 English-German, as base.py.

  python -m t2t_jax.prepare --config=configs/big.py
  python -m t2t_jax.main --config=configs/big.py --workdir=runs/big
  python -m t2t_jax.evaluate --workdir=runs/big

Its token files are those of base.py.

Hardware and time: in the paper 8 P100, 3.5 days (300,000 steps of 1.0 s).
Expected: newstest2014 BLEU 28.4 tokenised (paper); ours: not run, but for 20
updates at global_batch_tokens=256, loss 10.9 to 10.4.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    # Sixteen heads of base's width: d_k = d_v = 64.
    config.model.update(d_model=1024, d_ff=4096, num_heads=16, dropout_rate=0.3)
    config.training.update(steps=300000)
    # The paper saves every 10 minutes, 600 steps of 1.0 s, and averages 20.
    config.checkpoint.update(every_steps=600, keep_last=20, average_last=20)
    config.evaluation.update(every_steps=3000)
  return config
