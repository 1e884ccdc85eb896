"""A directory in which a document's commands find what they name."""

import contextlib
import gzip
import pathlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import shell
from documents import Block, Command
from not_run import is_slow, why_only_read
from turned_down import turn_down

from t2t_jax.config import from_mapping
from t2t_jax.data.grammar import generate

# Files that documents name without saying what is in them.
_LINES = ('a.en', 'lines.en', 'lines')
_RUN = re.compile(r'\bruns/\w+')
# Those that are not there, and what is no run.
_NO_RUNS = {'runs/cache', 'runs/new', 'runs/none'}
_MAKES_RUNS = {'main', 'sweep', 'doctor', 'import_weights'}


def make_text(directory: pathlib.Path) -> None:
  """Writes the text of the generated grammar under the documents' names."""
  splits = {'train': ('train', 200), 'dev': ('dev', 8), 'test': ('heldout', 8)}
  for name, (split, count) in splits.items():
    pairs = list(generate(split, 1, count))
    for folder in ('data/mine', 'data/news'):
      _write(directory / folder / f'{name}.en', [en for en, _ in pairs])
      _write(directory / folder / f'{name}.de', [de for _, de in pairs])
    words = [re.findall(r'\w+|[^\w\s]', en) for en, _ in pairs]
    tagging = directory / 'data/tagging'
    _write(tagging / f'{name}.words', [' '.join(line) for line in words])
    tags = [['W' if word.isalpha() else 'X' for word in line] for line in words]
    _write(tagging / f'{name}.tags', [' '.join(line) for line in tags])
  pairs = list(generate('train', 1, 200))
  for split in ('train', 'val', 'test_2016_flickr', 'test_2017_flickr'):
    stem = directory / f'data/multi30k/{split}.lc.norm.tok'
    _write(stem.with_name(f'{stem.name}.en'), [en for en, _ in pairs])
    _write(stem.with_name(f'{stem.name}.de'), [de for _, de in pairs])
  for name in _LINES:
    _write(directory / name, [en for en, _ in generate('dev', 2, 3)])
  compressed = gzip.compress((directory / 'a.en').read_bytes())
  (directory / 'a.en.gz').write_bytes(compressed)


def _write(path: pathlib.Path, lines: list[str]) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


class Workspace:
  """Runs the blocks of one document, one after the other.

  Python blocks share a namespace; one that begins with a file's name in a
  comment is written there instead. A run that a document names but does not
  make is a copy of `finished_run`.
  """

  def __init__(
    self,
    directory: pathlib.Path,
    finished_run: Callable[[], pathlib.Path],
    compiled: pathlib.Path,
  ):
    self._directory, self._compiled = directory, compiled
    self._finished_run = finished_run
    self._names: dict[str, Any] = {'__name__': 'document'}

  def run(self, block: Block, with_slow: bool) -> None:
    if block.file_name:
      self.write_file(block)
    elif block.language == 'python':
      self._run_python(block)
    for command in block.commands():
      if why_only_read(command.text) or (
        is_slow(command.text) and not with_slow
      ):
        continue
      finished = self.run_command(command)
      if block.language == 'console':
        _check_output(command, finished, self._directory)
      else:
        assert finished.status == 0, (
          f'{command.place}: {command.text}\nended with {finished.status}:\n'
          f'{finished.stderr}'
        )

  def write_file(self, block: Block) -> None:
    (self._directory / block.file_name).write_text(block.text)

  def run_command(self, command: Command) -> shell.Finished:
    pipe = shell.parse(command.text)
    if pipe.stages[0].name == 'cd':
      self._directory = (self._directory / pipe.stages[0].words[1]).resolve()
      return shell.Finished(0, '', '')
    makes_runs = any(stage.name in _MAKES_RUNS for stage in pipe.stages)
    if command.output or not makes_runs:
      self._make_runs(command.text)
    with contextlib.chdir(self._directory):
      for stage in pipe.stages:
        if stage.package:
          stage.arguments = turn_down(
            stage.name,
            stage.arguments,
            self._compiled,
            keeps_its_own=bool(command.output),
          )
    return shell.run(pipe, self._directory)

  def _run_python(self, block: Block) -> None:
    if 'train(' not in block.text:  # it makes its run itself, in full size
      self._make_runs(block.text)
    # As in an interpreter that is started there.
    with contextlib.chdir(self._directory), self._modules_of_its_own():
      exec(compile(block.text, block.place, 'exec'), self._names)
      if 'def get_config(' in block.text:
        from_mapping(self._names['get_config']())

  @contextlib.contextmanager
  def _modules_of_its_own(self) -> Iterator[None]:
    """The document's files can be imported, and are forgotten again."""
    directory = str(self._directory)
    sys.path.insert(0, directory)
    try:
      yield
    finally:
      sys.path.remove(directory)
      for file in self._directory.glob('*.py'):
        sys.modules.pop(file.stem, None)

  def _make_runs(self, text: str) -> None:
    for name in set(_RUN.findall(text)):
      if name not in _NO_RUNS and not (self._directory / name).exists():
        shutil.copytree(self._finished_run(), self._directory / name)


def _check_output(
  command: Command, finished: shell.Finished, directory: pathlib.Path
) -> None:
  """The lines that a document shows are those written last."""
  written = (finished.stdout + finished.stderr).splitlines()
  written = [line.replace(f'{directory}/', '') for line in written]
  shown = list(command.output)
  last = written[len(written) - len(shown) :]
  assert last == shown, f'{command.place}: {command.text}\nwrote {last}'
