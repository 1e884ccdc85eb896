"""Multi30k task 1, English to German, on the tokenised text: 41 BLEU.

The model is Transformer-tiny of Wu et al. (ACL 2021, arXiv 2105.14462): 4+4
layers, d_model 128, d_ff 256, 4 heads, one embedding for all, joint BPE of
10,000. The recipe is ours: a cosine to zero over 50 epochs of 4,096-token
updates does in less than half of the updates what theirs (inverse square
root, 8,000 updates of 2 x 4,096 tokens, dropout 0.3) does. The text is that
of the multi30k/dataset repository, data/task1/tok: lower-cased, normalised,
tokenised.

  python -m t2t_jax.main --config=configs/multi30k.py --workdir=runs/multi30k \\
    --config.data.directory=DIR_WITH_THE_TEXT

Expected (published): test2016 41.02, test2017 33.36, MSCOCO 29.88, BLEU on
the given tokenisation. Measured: see BUILD_NOTES.md.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.model.update(
      d_model=128,
      d_ff=256,
      d_k=32,
      d_v=32,
      num_heads=4,
      num_encoder_layers=4,
      num_decoder_layers=4,
      norm_position='pre',
      dropout_rate=0.25,
    )
    config.data.update(
      directory='data/multi30k',
      train_source=('train.lc.norm.tok.en',),
      train_target=('train.lc.norm.tok.de',),
      dev_source=('val.lc.norm.tok.en',),
      dev_target=('val.lc.norm.tok.de',),
      test_source=(
        'test_2016_flickr.lc.norm.tok.en',
        'test_2017_flickr.lc.norm.tok.en',
        'test_2017_mscoco.lc.norm.tok.en',
      ),
      test_target=(
        'test_2016_flickr.lc.norm.tok.de',
        'test_2017_flickr.lc.norm.tok.de',
        'test_2017_mscoco.lc.norm.tok.de',
      ),
    )
    config.vocabulary.update(size=10000, normalization='identity')
    config.training.update(steps=5000, global_batch_tokens=4096)
    config.optimizer.update(
      schedule='cosine', peak_learning_rate=0.005, warmup_steps=1000
    )
    config.checkpoint.update(
      every_steps=0, every_epochs=1.0, keep_last=5, average_last=5
    )
    config.evaluation.update(
      every_steps=300, bleu_sentences=500, bleu_tokenize='none'
    )
    config.decoding.update(beam_size=5)
  return config
