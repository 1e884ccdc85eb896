"""Inflection: a lemma and features to the inflected form, letter by letter.

The tables of SIGMORPHON 2017 (Cotterell et al. 2017, task 1, setting high):
lemma, form and features between tabs.

  python -m t2t_jax.main --config=configs/inflection.py:german \\
    --workdir=runs/inflection_german --config.data.directory=DIR_OF_THE_TABLES

The directory holds LANGUAGE.train-high.tsv, LANGUAGE.dev.tsv and
LANGUAGE.test.tsv; --config=configs/inflection.py is german. To inflect a word:

  echo 'l a u f e n <V> <PST> <3> <SG>' | \\
    python -m t2t_jax.translate --workdir=runs/inflection_german

The recipe is that of Wu, Cotterell & Hulden 2021 (arXiv 2005.10213): 4 layers,
d_model 256, d_ff 1024, 4 heads, dropout 0.3, batches of 400 words, label
smoothing 0.1. Its rate and length are ours: their script has 20,000 updates,
an inverse square root from 0.001, and features without positions.

Expected: exact match, a mean over 52 languages, 95.3 reported for the best
system of 2017 and 95.6 for a Transformer (Wu et al. 2021). Of one language: the
task's own baseline, rules for prefixes and suffixes, gives on test german 82.4,
english 94.7, finnish 78.2, turkish 72.6, russian 85.7, spanish 90.7, arabic
50.7 (run by us). Ours: not run, but for 20 updates, loss 6.4 to 3.4.
Hardware and time: reckoned at 3 hours of one CPU core.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config(language: str = 'german') -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.model.update(
      d_model=256,
      d_ff=1024,
      num_heads=4,
      num_encoder_layers=4,
      num_decoder_layers=4,
      norm_position='pre',
      dropout_rate=0.3,
    )
    config.data.update(
      kind='inflection',
      directory='data/inflection',
      source_language='lemma',
      target_language='form',
      train_source=(f'{language}.train-high.tsv',),
      train_target=(),
      dev_source=(f'{language}.dev.tsv',),
      dev_target=(),
      test_source=(f'{language}.test.tsv',),
      test_target=(),
      max_tokens=96,
    )
    # Most letters of a form are those of its lemma: one vocabulary.
    config.vocabulary.update(kind='segmented')
    config.training.update(steps=5000, global_batch_tokens=6000, max_shapes=8)
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.001, warmup_steps=500
    )
    config.checkpoint.update(every_steps=500)
    config.evaluation.update(
      every_steps=500, metric='exact_match', best_metric='exact_match'
    )
    config.decoding.update(max_decode_length_offset=20)
  return config
