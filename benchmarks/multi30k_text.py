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
  directory = Path(text)
  names = [f'train{infix}.en' for infix in (_LONG, '')]
  found = [
    name
    for name in names
    if any((directory / f'{name}{end}').is_file() for end in ('', '.gz'))
  ]
  if not found:
    raise UsageError(
      f'--text={directory}: expected {" or ".join(names)} (or .gz) in it, '
      'found neither'
    )
  settings = [f'data.directory={directory.absolute()}']
  if found[0] == names[0]:
    return settings
  return settings + [
    f'data.{split}_{side}={",".join(f"{stem}.{end}" for stem in stems)}'
    for split, stems in _SPLITS.items()
    for side, end in (('source', 'en'), ('target', 'de'))
  ]
