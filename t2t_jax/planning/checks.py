"""What can go wrong with a run, looked at before it is started.

Each check returns findings, a line each; those to mend say how.
"""

import dataclasses
import functools
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from t2t_jax.config import Config
from t2t_jax.data import corpora, task_lines, text_files
from t2t_jax.data.token_store import Prepared
from t2t_jax.errors import UsageError
from t2t_jax.parallel.mesh import AXES, Sizes
from t2t_jax.planning.plan import Plan
from t2t_jax.planning.report import size_text
from t2t_jax.planning.subject import Subject
from t2t_jax.training.memory import split_bytes

_SAMPLE = 200  # pairs that are read to see what they are
_MOST_PADDING_ROWS = 0.25


@dataclasses.dataclass(frozen=True)
class Finding:
  """Attributes:
  name: what was looked at.
  text: what was found.
  is_well: whether nothing is to be mended.
  """

  name: str
  text: str
  is_well: bool = True

  def __str__(self) -> str:
    return f'{"ok" if self.is_well else "MEND":4}  {self.name}: {self.text}'


def attempt(name: str, look: Callable[[], str]) -> Finding:
  """Returns what `look` says, or the mistake that it raises."""
  try:
    return Finding(name, look())
  except UsageError as error:
    return Finding(name, str(error), False)


def check_files(config: Config) -> Iterator[Finding]:
  """Every file of every split, and the lines of the test sets, which a run
  decodes only at its end."""
  data = config.data
  if data.kind == 'text':
    is_missing = False
    for split in ('train', 'dev', 'test'):
      for side in ('source', 'target'):
        for name in getattr(data, f'{split}_{side}'):
          key = f'data.{split}_{side}'
          found = attempt('file', functools.partial(_find, config, name, key))
          is_missing = is_missing or not found.is_well
          yield found
    if data.test_target and not is_missing:
      yield attempt('test sets', functools.partial(_read_test_sets, config))
    return
  for split in ('train', 'dev', *corpora.test_set_names(data)):
    yield attempt('split', functools.partial(_read, config, split))


def check_direction(config: Config) -> Finding:
  """Whether the sides are what their names say, and two languages."""

  def look() -> str:
    data = config.data
    if config.task != 'translation':
      return f'none, the task is {config.task}'
    wanted = data.source_language, data.target_language
    if data.kind == 'text':
      for split in ('train', 'dev', 'test'):
        for side, other in (('source', 1), ('target', 0)):
          for name in getattr(data, f'{split}_{side}'):
            stem = name.removesuffix('.gz').removesuffix('.sgm')
            if stem.endswith(f'.{wanted[other]}'):
              raise UsageError(
                f'config.data.{split}_{side}: {name} is named as '
                f"{wanted[other]}, but data.{side}_language is '"
                f"{wanted[1 - other]}'; exchange the sides or the languages"
              )
    for split in ('train', 'dev'):
      pairs = _sample(config, split)
      same = sum(source == target for source, target in pairs)
      if pairs and same > len(pairs) / 2:
        raise UsageError(
          f'config.data.{split}_target: {same} of the first {len(pairs)} '
          'lines equal their source lines; give the other language'
        )
    return f'{wanted[0]} to {wanted[1]}'

  return attempt('direction', look)


def describe_vocabulary(config: Config, prepared: Prepared) -> str:
  """Returns how many entries there are, of how many asked for."""
  tokenizers, asked = prepared.tokenizers, config.vocabulary
  target_size = asked.size if asked.joint else asked.target_size
  sides = (
    ('source', tokenizers.source.vocab_size, asked.size),
    ('target', tokenizers.target.vocab_size, target_size),
  )
  return ', '.join(
    f'{side} {size:,} of at most {most:,} entries' for side, size, most in sides
  )


def check_shapes(subject: Subject, sizes: Sizes, microbatches: int) -> Finding:
  """How many rows of padding the split over devices adds."""
  parts = microbatches * sizes[0] * sizes[1]
  rows = sum(shape[0] for shape in subject.shapes)
  filled = sum(-(-shape[0] // parts) * parts for shape in subject.shapes)
  share = 1 - rows / filled
  text = (
    f'{len(subject.shapes)} batch shapes; {share:.0%} of the rows are padding '
    f'when split {parts} ways'
  )
  if share > _MOST_PADDING_ROWS:
    text += (
      '; raise training.global_batch_tokens, or take fewer devices as data x '
      'fsdp'
    )
  return Finding('shapes', text, share <= _MOST_PADDING_ROWS)


def check_disk(config: Config, state: Any, directory: Path) -> Finding:
  """Whether the checkpoints that are kept can be written and find room.

  Args:
    config: of the run.
    state: as `abstract_state` returns it.
    directory: the workdir, or where it will be.
  """
  checkpoint = config.checkpoint
  # One more is written before the oldest goes.
  count = max(checkpoint.keep_last, checkpoint.average_last) + 1
  count += checkpoint.keep_best
  needed = count * split_bytes(state, dict.fromkeys(AXES, 1))
  place = next(
    parent for parent in (directory, *directory.parents) if parent.exists()
  )
  if not (place.is_dir() and os.access(place, os.W_OK)):
    problem = 'may not be written to' if place.is_dir() else 'is no directory'
    text = f'--workdir={directory}: {place} {problem}; choose another'
    return Finding('disk', text, False)
  free = shutil.disk_usage(place).free
  text = (
    f'{count} checkpoints need {size_text(needed)}; {size_text(free)} are free '
    f'in {place}'
  )
  if needed > free:
    text += '; lower checkpoint.keep_last and average_last, or free some'
  return Finding('disk', text, needed <= free)


def check_memory(plan: Plan) -> Finding:
  """Whether an update fits into a device, by formula."""
  text = (
    f'an update needs about {size_text(plan.memory.total)} of a device, which '
    f'has {size_text(plan.limit)}'
  )
  if not plan.fits:
    text += (
      "; raise mesh.fsdp, set model.remat='full', or lower data.max_tokens"
    )
  return Finding('memory', text, plan.fits)


def _find(config: Config, name: str, key: str) -> str:
  path = text_files.find(config.data.directory, name, key)
  if not text_files.size(path):
    raise UsageError(f'{path}: expected lines of text, found an empty file')
  return f'{path}, {size_text(text_files.size(path))}'


def _read(config: Config, split: str) -> str:
  pairs = len(_sample(config, split))
  if not pairs:
    raise UsageError(f'config.data: expected pairs in {split}, found none')
  return f'{split}: its first {pairs} pairs can be read'


def _read_test_sets(config: Config) -> str:
  task_lines.check_test_sets(config)
  return ', '.join(corpora.test_set_names(config.data))


def _sample(config: Config, split: str) -> list[tuple[str, str]]:
  return list(itertools.islice(corpora.read_split(config.data, split), _SAMPLE))
