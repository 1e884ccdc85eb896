"""A prepared TFDS translation data set, read without TensorFlow.

It must have been prepared as array_record (TFDS's default, tfrecord, cannot
be read without TensorFlow).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from t2t_jax.config import DataConfig
from t2t_jax.errors import UsageError, nearest

_CHUNK = 1000  # examples fetched at one time


def read(data: DataConfig, split: str) -> Iterator[tuple[str, str]]:
  """Yields the (source, target) sentences of a split such as 'train[:10%]'.

  Raises:
    UsageError: no such data set, split or language, or another file format.
  """
  records = _builder(data, (split,)).as_data_source(split)
  for start in range(0, len(records), _CHUNK):
    stop = min(start + _CHUNK, len(records))
    for example in records.__getitems__(range(start, stop)):
      yield (
        _line(example[data.source_language]),
        _line(example[data.target_language]),
      )


def files(data: DataConfig, splits: Sequence[str]) -> list[Path]:
  """Returns the files that hold `splits` and their description."""
  builder = _builder(data, splits)
  root = Path(builder.data_dir)
  names = {Path(n) for s in splits for n in builder.info.splits[s].filenames}
  return [root / 'features.json', *sorted(root / n.name for n in names)]


def _builder(data: DataConfig, splits: Sequence[str]) -> Any:
  import tensorflow_datasets as tfds

  root = _version_directory(data)
  builder = tfds.builder_from_directory(root)
  found_format = builder.info.file_format.value
  if found_format != 'array_record':
    raise UsageError(
      f'{root}: expected a data set prepared as array_record, found '
      f"{found_format}; prepare it with file_format='array_record'"
    )
  features = list(builder.info.features.keys())
  for side in ('source_language', 'target_language'):
    language = getattr(data, side)
    if language not in features:
      raise UsageError(
        f'config.data.{side}: {root} holds {", ".join(features)}, found '
        f"'{language}'.{nearest(language, features)}"
      )
  for split in splits:
    _check_split(builder, split)
  return builder


def _check_split(builder: Any, split: str) -> None:
  names = list(builder.info.splits)
  try:
    builder.info.splits[split]
  except (KeyError, ValueError) as error:
    raise UsageError(
      f'{builder.data_dir}: expected one of the splits {", ".join(names)} or '
      f"a slice of one, found '{split}'.{nearest(split, names)}"
    ) from error


def _version_directory(data: DataConfig) -> Path:
  directory = Path(data.directory).expanduser()
  root = directory / data.tfds_name.replace(':', '/')
  described = sorted(
    root.glob('*/dataset_info.json'), key=lambda path: _version(path.parent)
  )
  if (root / 'dataset_info.json').is_file():
    return root
  if described:
    return described[-1].parent
  prepared = sorted(
    {
      str(path.parent.parent.relative_to(directory))
      for pattern in ('*/*', '*/*/*')
      for path in directory.glob(f'{pattern}/dataset_info.json')
    }
  )
  raise UsageError(
    f"config.data.tfds_name: there is no prepared '{data.tfds_name}' below "
    f'{directory}, found {", ".join(prepared) or "none"}.'
    f'{nearest(data.tfds_name, prepared)}'
  )


def _version(directory: Path) -> list[int]:
  return [int(n) if n.isdigit() else -1 for n in directory.name.split('.')]


def _line(value: str | bytes) -> str:
  text = value.decode('utf-8') if isinstance(value, bytes) else value
  return text.replace('\n', ' ')
