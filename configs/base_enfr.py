"""The base model on WMT 2014 English-French (paper, Table 2).

As base.py, but for the language: 36 million pairs and 32,000 word-pieces (5.1),
here a joint byte-pair vocabulary of that size.

  python -m t2t_jax.prepare --config=configs/base_enfr.py
  python -m t2t_jax.main --config=configs/base_enfr.py --workdir=runs/base_enfr
  python -m t2t_jax.evaluate --workdir=runs/base_enfr

Prepare downloads 6.7 GB of archives into data/wmt14, unless they lie there, and
needs disk for the token files twice over until it is done.

Hardware and time: in the paper 8 P100, 12 hours (100,000 steps of 0.4 s).
Expected: newstest2014 BLEU 38.1 tokenised (paper); ours: not run, but for 20
updates at global_batch_tokens=512, loss 10.8 to 10.3.
"""

from ml_collections import config_dict

from t2t_jax.config_files import load_beside

# Archive and stem of each corpus, as statmt.org names them.
_TRAIN = (
  'training-parallel-europarl-v7.tgz/training/europarl-v7.fr-en.',
  'training-parallel-commoncrawl.tgz/commoncrawl.fr-en.',
  'training-parallel-un.tgz/un/undoc.2000.fr-en.',
  'training-parallel-nc-v9.tgz/training/news-commentary-v9.fr-en.',
  'training-giga-fren.tar/giga-fren.release2.fixed.',
)
_DOWNLOADS = (
  'https://www.statmt.org/wmt13/training-parallel-un.tgz#sha256='
  '29141b5c1eba149a94f7a59d3b1a834b2e47fe0f8758d68dcd77a3d3f497ee47',
  'https://www.statmt.org/wmt10/training-giga-fren.tar#sha256='
  '3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a',
)


def _side(language: str) -> tuple[str, ...]:
  *others, giga = (stem + language for stem in _TRAIN)
  return (*others, f'{giga}.gz')


def get_config() -> config_dict.ConfigDict:
  config = load_beside(__file__, 'base.py')
  with config.unlocked():
    config.data.update(
      target_language='fr',
      train_source=_side('en'),
      train_target=_side('fr'),
      dev_target=('dev.tgz/dev/newstest2013.fr',),
      test_source=('test-full.tgz/test-full/newstest2014-fren-src.en.sgm',),
      test_target=('test-full.tgz/test-full/newstest2014-fren-ref.fr.sgm',),
      downloads=(*config.data.downloads, *_DOWNLOADS),
    )
    config.vocabulary.update(size=32000)
    config.evaluation.update(report=('bleu', 'multi_bleu', 'chrf++', 'ter'))
  return config
