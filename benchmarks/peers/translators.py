"""Translators of lines with a run's parameters, by name, and what a process of
one does."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.peers.decoders import device, start_engine
from benchmarks.rounds import Repeat, time_call
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.errors import UsageError, nearest

# Lines to their translations, in order.
Translate = Callable[[Sequence[str]], list[str]]

# Name -> the fields of `decoding` that differ from the run's.
_OURS: dict[str, DecodingOptions] = {
  'ours': {},
  'ours-likely': {'stopping': 'likely'},
  'ours-bfloat16': {'weights_dtype': 'bfloat16'},
  'ours-likely-bfloat16': {'stopping': 'likely', 'weights_dtype': 'bfloat16'},
}
_THEIRS = {'ctranslate2': '', 'ctranslate2-int8': 'int8'}
TRANSLATORS = (*_OURS, *_THEIRS)


def installed_translators(
  names: Sequence[str], say: Callable[[str], None]
) -> list[str]:
  """Returns those of `names` that are installed; tells of the others.

  Raises:
    UsageError: a name that is not one of TRANSLATORS.
  """
  for name in names:
    if name not in TRANSLATORS:
      raise UsageError(
        f"--peers: expected some of {', '.join(TRANSLATORS)}, found '{name}'."
        f'{nearest(name, TRANSLATORS)}'
      )
  if importlib.util.find_spec('ctranslate2'):
    return [*names]
  if missing := [name for name in names if name in _THEIRS]:
    say(f'{", ".join(missing)}: skipped, ctranslate2 is not installed')
  return [name for name in names if name in _OURS]


def make_translator(
  name: str, workdir: Workdir, options: DecodingOptions
) -> Translate:
  """Returns one of TRANSLATORS.

  Args:
    name: of it.
    workdir: of the run.
    options: fields of `decoding` to set anew; None: as the run has them.
  """
  if name in _THEIRS:
    from benchmarks.peers.ctranslate2_lines import line_translator

    return line_translator(workdir, options, _THEIRS[name])
  from t2t_jax.decoding.restored import restore

  changed: DecodingOptions = {**options, **_OURS[name]}
  translator = restore(workdir, **changed).translator()
  return lambda lines: [x.text for x in translator.translate(lines)]


class Begun(NamedTuple):
  """What a peer tells when it can be timed: 'cpu' or 'gpu', and outputs."""

  device: str
  outputs: list[str]


class TranslatingPeer:
  """A translator, in a process of its own."""

  def __init__(self, name: str, *, workdir: str, options: DecodingOptions):
    directory = Workdir(workdir)
    logging = directory.read_config().logging
    start_engine(name, logging.compile_cache_dir)
    self._translate = make_translator(name, directory, options)

  def begin(self, lines: Sequence[str]) -> Begun:
    """Translates them once, which compiles; these are what is timed then."""
    self._lines = lines
    return Begun(device(), self._translate(lines))

  def time(self) -> Repeat:
    return time_call(lambda: self._translate(self._lines))
