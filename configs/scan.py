"""SCAN: commands such as `jump twice and walk` to sequences of actions.

Lake & Baroni 2018 (arXiv 1711.00350); the splits ask for what sequence models
find hard: longer outputs, or a known verb in combinations never seen.

  python -m t2t_jax.main --config=configs/scan.py:simple \\
    --workdir=runs/scan_simple --config.data.directory=DIR_WITH_THE_TEXT

Splits: simple (the default, also as --config=configs/scan.py), length,
addprim_jump, addprim_turn_left, template_around_right. The directory holds
SPLIT.train.in, SPLIT.train.out, SPLIT.test.in and SPLIT.test.out: the IN: and
OUT: sides of the task's files, tokens between spaces.

SCAN has no dev set: the test set stands in its place to show the progress.
Nothing is chosen by it: the last checkpoint is decoded, greedily.

Expected: exact match, as usually cited, not checked against the papers: the
best recurrent model of each split (Lake & Baroni 2018) simple 99.8, length
20.8, jump 1.2, turn left 90.3, and the model that they find best overall 13.8
of length and 0.1 of jump; a Transformer (Furrer et al. 2020, arXiv 2007.08970)
jump 1.0, around right 53.3, length 0.0. Measured (BUILD_NOTES.md): length 0.8,
jump 0.2, turn left 76.4, around right 24.3; simple 94.7 after 2,000 of the
5,000 updates.
Hardware and time: a split took 14 to 19 minutes of half a CPU core.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside
from t2t_jax.errors import UsageError

_SPLITS = (
  'simple',
  'length',
  'addprim_jump',
  'addprim_turn_left',
  'template_around_right',
)


def get_config(split: str = 'simple') -> config_dict.ConfigDict:
  if split not in _SPLITS:
    raise UsageError(
      f"scan.py:{split}: expected one of {', '.join(_SPLITS)}, found '{split}'"
    )
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.model.update(
      d_model=128,
      d_ff=256,
      d_k=32,
      d_v=32,
      num_heads=4,
      num_encoder_layers=2,
      num_decoder_layers=2,
      norm_position='pre',
      tie_source_target=False,
    )
    config.data.update(
      directory='data/scan',
      source_language='in',
      target_language='out',
      train_source=(f'{split}.train.in',),
      train_target=(f'{split}.train.out',),
      dev_source=(f'{split}.test.in',),
      dev_target=(f'{split}.test.out',),
      test_source=(f'{split}.test.in',),
      test_target=(f'{split}.test.out',),
      max_tokens=64,
      # `look around right thrice`: 4 tokens in, 24 out.
      max_length_ratio=20.0,
    )
    config.vocabulary.update(kind='segmented', joint=False)
    config.training.update(
      steps=5000, global_batch_tokens=2048, max_shapes=8, label_smoothing=0.0
    )
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.001, warmup_steps=500
    )
    config.checkpoint.update(every_steps=1000, keep_best=False, average_last=1)
    config.evaluation.update(
      every_steps=1000,
      metric='exact_match',
      bleu_sentences=500,
      best_metric='nll',
    )
    config.decoding.update(
      beam_size=1, length_penalty_alpha=0.0, checkpoint='latest'
    )
  return config
