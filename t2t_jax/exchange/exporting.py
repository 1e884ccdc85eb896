"""A run's model in another program's format, and the check that it is right."""

import functools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from t2t_jax.config import Config
from t2t_jax.decoding.restored import Restored
from t2t_jax.errors import UsageError
from t2t_jax.exchange import (
  ctranslate2_format,
  marian_format,
  portable_format,
  safetensors_format,
)
from t2t_jax.exchange.needs import refuse
from t2t_jax.exchange.verification import (
  Comparison,
  compare,
  compare_searches,
)

FORMATS = ('ctranslate2', 'marian', 'stablehlo', 'safetensors')

# Of logits and log-probabilities, both sides in float32.
TOLERANCE = 1e-4
# Of programs in bfloat16: theirs are other batches, which round otherwise.
_ROUNDED = 2e-2


def export(
  restored: Restored, kind: str, output: Path, quantization: str = ''
) -> list[str]:
  """Writes a model to `output`, whole or not at all; returns what to know.

  Args:
    restored: the model.
    kind: one of FORMATS.
    output: a directory that is not there yet, or is empty.
    quantization: of ctranslate2's matrices; '': float32.

  Raises:
    UsageError: the format cannot express the model (nothing is written), a
      package is missing, or `output` holds something.
  """
  check(restored, kind, quantization)
  if output.exists() and (not output.is_dir() or any(output.iterdir())):
    raise UsageError(
      f'--output={output}: expected a new or an empty directory, found '
      f'{"files in it" if output.is_dir() else "a file"}'
    )
  output.parent.mkdir(parents=True, exist_ok=True)
  building = Path(tempfile.mkdtemp(prefix=f'{output.name}.', dir=output.parent))
  try:
    if kind == 'ctranslate2':
      ctranslate2_format.write(restored, building, quantization)
    elif kind == 'marian':
      marian_format.write(restored, building)
    elif kind == 'stablehlo':
      portable_format.write(restored, building)
    else:
      safetensors_format.write(restored, building)
    building.chmod(0o755)  # mkdtemp made it private
    os.rename(building, output)
  finally:
    shutil.rmtree(building, ignore_errors=True)
  return marian_format.notes(restored.model.config) if kind == 'marian' else []


def check(restored: Restored, kind: str, quantization: str = '') -> None:
  """Raises UsageError for what a format cannot express, by its name."""
  config = restored.model.config
  if quantization and kind != 'ctranslate2':
    raise UsageError(
      f'--quantization={quantization}: expected --format=ctranslate2, found '
      f'--format={kind}'
    )
  for stack in ('encoder', 'decoder'):
    layers = getattr(config, f'num_{stack}_layers')
    if not layers and kind != 'safetensors':
      refuse(kind, f'model.num_{stack}_layers', 'at least 1', '0')
  if kind == 'ctranslate2':
    ctranslate2_format.check(config)
  elif kind == 'marian':
    marian_format.check(config, restored.tokenizers)
  elif kind == 'stablehlo':
    portable_format.check(config, restored.config.decoding)


def verify(
  restored: Restored, kind: str, output: Path, lines: Sequence[str]
) -> Iterator[tuple[str, bool]]:
  """Yields what a comparison of both sides found, and whether they agree.

  Args:
    restored, kind, output: as `export` had them.
    lines: to translate on both sides.
  """
  if kind == 'safetensors':
    names = safetensors_format.differences(restored, output)
    found = (
      f'differ: {", ".join(names)}' if names else 'are the same, bit by bit'
    )
    yield f'arrays and vocabulary {found}', not names
  elif kind == 'stablehlo':
    programs = portable_format.Engine(output, restored.tokenizers)
    beam_size = restored.config.decoding.beam_size
    for name, size in (('greedy', 1), ('beam', beam_size)):
      search = functools.partial(programs.search, name)
      allowed = _ROUNDED if _is_rounded(restored.config) else TOLERANCE
      comparison = compare_searches(restored, size, search, lines, allowed)
      yield _told(comparison, f'{programs.name}, {name}')
  elif kind == 'ctranslate2':
    translator = ctranslate2_format.Engine(output, restored.tokenizers)
    yield _told(
      compare(restored, translator, lines, TOLERANCE), translator.name
    )
  else:
    marian = marian_format.Engine(output, restored.tokenizers)
    ours = restored.tokenizers.source.encode(lines)
    same = sum(a == b for a, b in zip(ours, marian.encode(lines), strict=True))
    yield (
      f'{marian.name}: {same} of {len(lines)} lines have the same tokens',
      same == len(lines),
    )
    yield _told(compare(restored, marian, lines, TOLERANCE), marian.name)


def _told(comparison: Comparison, name: str) -> tuple[str, bool]:
  return comparison.describe(name), comparison.agrees


def _is_rounded(config: Config) -> bool:
  dtypes = config.model.compute_dtype, config.decoding.weights_dtype
  return 'bfloat16' in dtypes
