"""The base model on WMT 2014 German-English, which the paper does not report.

The text is that of base.py the other way round; newstest2014's source side is
the one that WMT gave for this direction.

  python -m t2t_jax.prepare --config=configs/base_deen.py
  python -m t2t_jax.main --config=configs/base_deen.py --workdir=runs/base_deen
  python -m t2t_jax.evaluate --workdir=runs/base_deen

Hardware and time: as base.py, in the paper 8 P100, 12 hours.
Expected: no figure in the paper; ours: not run, but for 20 updates at
global_batch_tokens=512, loss 10.9 to 10.4.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  data = config.data
  with config.unlocked():
    config.data.update(
      source_language='de',
      target_language='en',
      train_source=data.train_target,
      train_target=data.train_source,
      dev_source=data.dev_target,
      dev_target=data.dev_source,
      test_source=('test-full.tgz/test-full/newstest2014-deen-src.de.sgm',),
      test_target=('test-full.tgz/test-full/newstest2014-deen-ref.en.sgm',),
    )
    config.evaluation.update(report=('bleu', 'multi_bleu', 'chrf++', 'ter'))
  return config
