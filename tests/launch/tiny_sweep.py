"""A config file of two rows that train for seconds, and their text."""

import pathlib

_CONFIG = """
from t2t_jax.config_files import load

def rows():
  return ['narrow', 'wide']

def get_config(row='narrow'):
  config = load('configs/base.py')
  width = {{'narrow': 8, 'wide': 16}}[row]
  config.model.update(
    d_model=width, d_ff=16, d_k=8, d_v=8, num_heads=2, num_encoder_layers=1,
    num_decoder_layers=1, max_positions=64, vocab_row_multiple=8,
  )
  config.data.update(
    directory={directory!r},
    cache_dir={directory!r} + '/cache',
    train_source=('train.en',),
    train_target=('train.de',) if row == 'narrow' else ('train2.de',),
    dev_source=('dev.en',), dev_target=('dev.de',),
    test_source=('test.en',), test_target=('test.de',),
    max_tokens=16,
  )
  config.vocabulary.update(kind='segmented', size=32)
  config.training.update(
    steps=6, global_batch_tokens=64, microbatch_tokens=64, max_shapes=1,
    loss_chunk=64,
  )
  config.checkpoint.update(every_steps=3, keep_last=2, average_last=2)
  config.evaluation.update(
    every_steps=3, bleu=False, best_metric='nll', bleu_tokenize='none'
  )
  config.decoding.update(beam_size=1, max_decode_length_offset=2)
  config.logging.update(
    every_steps=1, tensorboard=False,
    compile_cache_dir={directory!r} + '/compiled',
  )
  return config
"""


def write(directory: pathlib.Path) -> str:
  """Writes config and text; returns the config's name.

  The text of the row 'wide' is missing: `mend` writes it.
  """
  letters = ['a b c', 'd e', 'f g h a', 'c d e f', 'h', 'b d']
  for split, count in (('train', 24), ('dev', 4), ('test', 4)):
    lines = [letters[i % len(letters)] for i in range(count)]
    for language, step in (('en', 1), ('de', -1)):
      text = ''.join(f'{line[::step]}\n' for line in lines)
      (directory / f'{split}.{language}').write_text(text)
  file = directory / 'tiny.py'
  file.write_text(_CONFIG.format(directory=str(directory)))
  return str(file)


def mend(directory: pathlib.Path) -> None:
  text = (directory / 'train.de').read_text()
  (directory / 'train2.de').write_text(text)
