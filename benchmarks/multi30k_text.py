"""Multi30k's files, by either of two names."""

from pathlib import Path

from t2t_jax.errors import UsageError

_SPLITS = {
  'train': ('train',),
  'dev': ('val',),
  'test': ('test_2016_flickr', 'test_2017_flickr', 'test_2017_mscoco'),
}
_LONG = '.lc.norm.tok'


def text_settings(text: str) -> list[str]:
  """Returns where the text is, as settings of configs/multi30k.py.

  Args:
    text: a directory with files named as their repository does
      (train.lc.norm.tok.en) or shorter (train.en), plain or .gz.

  Raises:
    UsageError: there are none.
  """
  source, _ = train_files(text)
  settings = [f'data.directory={source.parent.absolute()}']
  if _LONG in source.name:
    return settings
  return settings + [
    f'data.{split}_{side}={",".join(f"{stem}.{end}" for stem in stems)}'
    for split, stems in _SPLITS.items()
    for side, end in (('source', 'en'), ('target', 'de'))
  ]


def train_files(text: str) -> tuple[Path, Path]:
  """Returns both sides' training files in the directory.

  Raises:
    UsageError: there are none.
  """
  names = [f'train{infix}' for infix in (_LONG, '')]
  for name in names:
    for end in ('', '.gz'):
      source = Path(text) / f'{name}.en{end}'
      if source.is_file():
        return source, source.with_name(f'{name}.de{end}')
  raise UsageError(
    f'--text={text}: expected {" or ".join(f"{name}.en" for name in names)} '
    '(or .gz) in it, found neither'
  )
