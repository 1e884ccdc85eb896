"""Table 3 at a size for two CPU cores: the same rows, in proportion.

The base row has 3+3 layers, d_model 128, d_ff 512, 8 heads of 16, and each row
changes it by the ratios of the paper's (2 of 6 layers are 1 of 3). English to
German of the first 10,000 pairs of Multi30k task 1, raw text: with so few, a
row is at the end of what it gains after 4,000 updates of 1,024 tokens.

  for l in en de; do head -n 10000 train.$l > DIR_WITH_THE_TEXT/train.$l; done
  # and val.*, test_2016_flickr.* as they are
  python launch/sweep.py configs/table3_small.py --workdir=runs/table3_small \\
    --config.data.directory=DIR_WITH_THE_TEXT --jobs=2
  python -m t2t_jax.main --config=configs/table3_small.py:A-h1 \\
    --workdir=runs/A-h1 --config.data.directory=DIR_WITH_THE_TEXT

Any other text does too: --config.data.train_source=... and so on.

As in the other short recipes a cosine is in place of equation 3, and layer
norms come before the sub-layers.

Hardware and time: most rows are 5 to 15 minutes of one CPU core; C-d256
reckoned at 50 minutes, big at 100.
Expected: the order of the paper's rows, as far as it holds at this size.
Measured: all rows (base: dev perplexity 9.84, test2016 24.79; one head 8.92,
25.44; big with half of its updates 7.82, 26.68), see BUILD_NOTES.md.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside, module_beside

_table3 = module_beside(__file__, 'table3.py')


def get_config(row: str = 'base') -> config_dict.ConfigDict:
  return _table3.change(_base(), row, 'table3_small.py')


def rows() -> tuple[str, ...]:
  return tuple(_table3.changes(_base()))


def _base() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  data = load_beside(__file__, 'multi30k.py', 'raw').data
  with config.unlocked():
    config.model.update(
      d_model=128,
      d_ff=512,
      d_k=16,
      d_v=16,
      num_encoder_layers=3,
      num_decoder_layers=3,
      norm_position='pre',
    )
    config.data.update(
      directory=data.directory,
      train_source=data.train_source,
      train_target=data.train_target,
      dev_source=data.dev_source,
      dev_target=data.dev_target,
      test_source=data.test_source[:1],
      test_target=data.test_target[:1],
    )
    config.vocabulary.update(size=2000)
    # Few shapes: each row compiles each of them anew.
    config.training.update(steps=4000, global_batch_tokens=1024, max_shapes=6)
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.002, warmup_steps=300
    )
    config.checkpoint.update(every_steps=500, keep_last=1, average_last=1)
    config.evaluation.update(
      every_steps=200,
      bleu=False,
      best_metric='nll',
      report=('bleu', 'chrf++', 'ter'),
    )
  return config
