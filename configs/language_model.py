"""A language model: the decoder alone, over one side of Multi30k.

A small causal model (2 layers, d_model 128) over a sub-word vocabulary. A line
is a row, from its beginning to its end; longer ones than data.max_tokens are
cut. Any text will do: a sentence or a document a line, named as `target`.

  python -m t2t_jax.main --config=configs/language_model.py --workdir=runs/lm \\
    --config.data.directory=DIR_WITH_THE_TEXT
  python -m t2t_jax.generate --workdir=runs/lm --prompt='a man' --num_samples=5
  python -m t2t_jax.score --workdir=runs/lm --target=FILE

Perplexities are told a token, EOS included, which depends on the vocabulary,
and a word: the same sum over the words between spaces and the lines' ends.

Hardware and time: reckoned at 15 to 20 minutes of one CPU core.
Expected: below an n-gram model's of the same tokens (interpolated Kneser-Ney:
3-gram 42.65, 5-gram 41.25 a word of English test2016). Measured after 1,000 of
the 2,000 steps, with warmup_steps=100: 40.82; the whole was not run. See
BUILD_NOTES.md.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.task = 'language_model'
    config.model.update(
      d_model=128,
      d_ff=512,
      d_k=32,
      d_v=32,
      num_heads=4,
      num_encoder_layers=0,
      num_decoder_layers=2,
      norm_position='pre',
      dropout_rate=0.2,
    )
    config.data.update(
      directory='data/multi30k',
      target_language='en',
      train_source=(),
      train_target=('train.lc.norm.tok.en',),
      dev_source=(),
      dev_target=('val.lc.norm.tok.en',),
      test_source=(),
      test_target=('test_2016_flickr.lc.norm.tok.en',),
    )
    config.vocabulary.update(size=4000, normalization='identity')
    config.training.update(
      steps=2000, global_batch_tokens=2048, max_shapes=4, label_smoothing=0.0
    )
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.003, warmup_steps=200
    )
    config.checkpoint.update(every_steps=200, keep_last=2, average_last=1)
    config.evaluation.update(every_steps=200, bleu=False, best_metric='nll')
    config.decoding.update(method='sampling')
    config.logging.update(every_steps=50)
  return config
