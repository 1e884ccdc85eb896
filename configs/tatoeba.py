"""Tatoeba, German to English or back: 164,000 short pairs, 7 M parameters.

Sentence pairs of tatoeba.org as manythings.org/anki packs them (deu-eng.zip),
split into train.de, train.en, dev.*, test.* so that no sentence of dev or test
is trained on. Short sentences with many paraphrases: BLEU comes out high.

  python -m t2t_jax.main --config=configs/tatoeba.py:de-en \\
    --workdir=runs/tatoeba --config.data.directory=DIR_WITH_THE_TEXT

:en-de is the other direction. The model is half of base: 3+3 layers, d_model
256, d_ff 1024, 4 heads; pre-norm and a cosine to zero, as in quickstart.py.

Hardware and time: one CPU core, 1 h 44 min for 5,500 updates, 12 epochs.
Expected: no published result on this split. Measured: de-en test sacreBLEU
51.64 (a PyTorch loop of the same model in the same time: 44.26), see
BUILD_NOTES.md; en-de: not run.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside
from t2t_jax.errors import UsageError


def get_config(direction: str = 'de-en') -> config_dict.ConfigDict:
  if direction not in ('de-en', 'en-de'):
    raise UsageError(
      f"tatoeba.py:{direction}: expected de-en or en-de, found '{direction}'"
    )
  source, _, target = direction.partition('-')
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.model.update(
      d_model=256,
      d_ff=1024,
      num_heads=4,
      num_encoder_layers=3,
      num_decoder_layers=3,
      norm_position='pre',
      dropout_rate=0.2,
    )
    config.data.update(
      directory='data/tatoeba',
      source_language=source,
      target_language=target,
      train_source=(f'train.{source}',),
      train_target=(f'train.{target}',),
      dev_source=(f'dev.{source}',),
      dev_target=(f'dev.{target}',),
      test_source=(f'test.{source}',),
      test_target=(f'test.{target}',),
      max_tokens=128,
    )
    config.vocabulary.update(size=8000)
    config.training.update(steps=5500, global_batch_tokens=4096)
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.002, warmup_steps=800
    )
    config.checkpoint.update(every_steps=250)
    config.evaluation.update(
      every_steps=500, bleu_sentences=1000, report=('bleu', 'chrf++', 'ter')
    )
  return config
