"""Attention into the file that was asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from t2t_jax.config import ModelConfig
from t2t_jax.decoding.attention.alignment import Aligner
from t2t_jax.decoding.attention.attention_reader import HeadSet, Pair
from t2t_jax.decoding.lines.line_files import open_output
from t2t_jax.decoding.restored import Restored
from t2t_jax.errors import UsageError, nearest
from t2t_jax.reporting.attention_page import attention_page
from t2t_jax.reporting.attention_picture import (
  check_matplotlib,
  save_attention_picture,
)
from t2t_jax.reporting.sentence_attention import (
  KINDS,
  View,
  make_pairs,
  read_sentences,
)

_SUFFIXES = ('.html', '.png', '.pharaoh')
_LEVELS = ('word', 'piece')


def check_output(output: str) -> str:
  """Returns the suffix of --output; '.pharaoh' for '-'.

  Raises:
    UsageError: another one, no such directory, or a picture without matplotlib.
  """
  suffix = '.pharaoh' if output == '-' else Path(output).suffix
  if suffix not in _SUFFIXES:
    raise UsageError(
      '--output: expected FILE.html, FILE.png, FILE.pharaoh or -, found '
      + (f"'{output}'" if output else 'none')
    )
  if not Path(output).expanduser().parent.is_dir():
    raise UsageError(
      f'--output={output}: expected a directory {Path(output).parent}, '
      'found none'
    )
  if suffix == '.png':
    check_matplotlib()
  return suffix


def make_view(
  model: ModelConfig,
  *,
  kind: str,
  layer: int | None,
  heads: Sequence[str] | None,
  level: str,
) -> View:
  """Returns the view that flags ask for; layers and heads count from 1.

  Raises:
    UsageError: the model has no such layer or head; names the flag.
  """
  if not (model.num_encoder_layers and model.num_decoder_layers):
    raise UsageError(
      '--workdir: expected a translation model, found one with '
      f'{model.num_encoder_layers} encoder layers and '
      f'{model.num_decoder_layers} decoder layers'
    )
  for flag, value, known in (('kind', kind, KINDS), ('level', level, _LEVELS)):
    if value not in known:
      raise UsageError(
        f"--{flag}: expected {' or '.join(known)}, found '{value}'."
        f'{nearest(value, known)}'
      )
  if heads is not None and not heads:
    raise UsageError(
      f'--heads: expected numbers from 1 to {model.num_heads}, found none'
    )
  layers = (
    model.num_encoder_layers if kind == 'encoder' else model.num_decoder_layers
  )
  return View(
    kind,
    HeadSet(
      None if layer is None else _number('layer', str(layer), layers),
      None
      if heads is None
      else tuple(
        sorted({_number('heads', head, model.num_heads) for head in heads})
      ),
    ),
    by_word=level == 'word',
  )


def _number(flag: str, text: str, most: int) -> int:
  if text.strip().isdecimal() and 1 <= int(text) <= most:
    return int(text) - 1
  raise UsageError(f"--{flag}: expected 1 to {most}, found '{text}'")


def write_attention(
  restored: Restored,
  output: str,
  sources: Sequence[str],
  targets: Sequence[str] | None,
  view: View,
  threshold: float,
  say: Callable[[str], None],
) -> None:
  """Writes the file that `output` names by its suffix.

  Args:
    restored: the model.
    output: as `check_output` accepts it.
    sources: lines.
    targets: as many lines; None: the model's best translations.
    view: what is shown first; of Pharaoh lines, the heads and units.
    threshold: least weight of a link in Pharaoh lines.
    say: is told what was left out and what was written, in lines.

  Raises:
    UsageError: nothing to show, or a picture of more than one sentence.
  """
  tokenizers = restored.tokenizers
  pairs = make_pairs(restored.translator(), tokenizers, sources, targets)
  suffix = check_output(output)
  if suffix == '.pharaoh':
    return _write_pharaoh(restored, output, pairs, view, threshold, say)
  sentences = list(
    read_sentences(restored.attention_reader(), tokenizers, pairs, say)
  )
  if not sentences:
    raise UsageError('--source: expected a sentence to show, found none')
  if suffix == '.html':
    with open_output(output) as file:
      file.write(attention_page(sentences, restored.origin, view))
  elif len(sentences) > 1:
    raise UsageError(
      f'--output={output}: a picture shows one sentence, found '
      f'{len(sentences)} in --source; write .html'
    )
  else:
    save_attention_picture(Path(output).expanduser(), sentences[0], view)
  say(f'wrote {output}')


def _write_pharaoh(
  restored: Restored,
  output: str,
  pairs: Sequence[Pair],
  view: View,
  threshold: float,
  say: Callable[[str], None],
) -> None:
  """Writes a line for each pair, an empty one where it does not fit."""
  reader = restored.attention_reader()
  for number, pair in enumerate(pairs, 1):
    if not reader.fits(pair):
      say(f'sentence {number}: not aligned: {reader.too_long(pair)}')
  aligner = Aligner(
    reader,
    restored.tokenizers,
    head_set=view.head_set,
    by_word=view.by_word,
    threshold=threshold,
  )
  with open_output(output) as file:
    for alignment in aligner.align(pairs):
      file.write(alignment.pharaoh + '\n')
