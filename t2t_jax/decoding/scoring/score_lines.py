"""Files of pairs to score, and the lines that their scores become."""

import contextlib
import json
from collections.abc import Callable, Generator
from typing import cast

from t2t_jax.decoding.lines.line_files import read_lines
from t2t_jax.decoding.scoring.scores import Pair, Score
from t2t_jax.errors import UsageError

# Closing one closes its files, where not all of it is read.
Lines = Generator[str, None, None]
Pairs = Generator[Pair, None, None]

_BAR = ' ||| '  # between the columns of an n-best list


def read_pairs(source: str, target: str, warn: Callable[[str], None]) -> Pairs:
  """Yields the pairs of two files with as many lines; '-' is standard input.

  Args:
    source, target: names of the files, given by --source and --target.
    warn: is told of bad bytes, in a line.

  Raises:
    UsageError: a file cannot be opened (at once) or read, or one of them ends
      before the other (both as they are read).
  """
  sources = _lines(source, warn, 'source')
  return _pairs(source, target, sources, _lines(target, warn, 'target'))


def read_targets(target: str, warn: Callable[[str], None]) -> Pairs:
  """Yields the lines of a file, given by --target, with empty sources.

  Raises:
    UsageError: it cannot be opened (at once) or read, or has no lines.
  """
  return _alone(target, _lines(target, warn, 'target'))


def _alone(target: str, lines: Lines) -> Pairs:
  with contextlib.closing(lines):
    number = -1
    for number, line in enumerate(lines):
      place = f'{_name(target)}, line {number + 1}'
      yield Pair('', line, place, place, number)
    if number < 0:
      raise UsageError(f'--target={target}: expected lines, found none')


def _pairs(source: str, target: str, sources: Lines, targets: Lines) -> Pairs:
  with contextlib.closing(sources), contextlib.closing(targets):
    count = 0
    while True:
      source_line, target_line = next(sources, None), next(targets, None)
      if source_line is None or target_line is None:
        break
      yield Pair(
        source_line,
        target_line,
        source_place=f'{_name(source)}, line {count + 1}',
        target_place=f'{_name(target)}, line {count + 1}',
        number=count,
      )
      count += 1
    if source_line is not None or target_line is not None:
      found = [
        count + (line is not None) + sum(1 for _ in rest)
        for line, rest in ((source_line, sources), (target_line, targets))
      ]
      raise UsageError(
        f'--source={source} has {found[0]} lines, --target={target} has '
        f'{found[1]}: expected as many'
      )
    if not count:
      raise UsageError(f'--source={source}: expected lines, found none')


def read_nbest(source: str, target: str, warn: Callable[[str], None]) -> Pairs:
  """Yields the hypotheses of an n-best list with their sources.

  Args:
    source: name of a file of lines, given by --source.
    target: name of a file of lines `number ||| text ||| score`, as `translate
      --nbest` writes them, given by --target; number counts source lines from
      0.
    warn: is told of bad bytes, in a line.

  Raises:
    UsageError: a file cannot be opened (at once) or read, a line of another
      format, or a number without a source (all three as they are read).
  """
  sources = _lines(source, warn, 'source')
  return _nbest(source, target, sources, _lines(target, warn, 'target'))


def _nbest(
  source: str, target: str, source_lines: Lines, lines: Lines
) -> Pairs:
  sources = list(source_lines)
  with contextlib.closing(lines):
    place = ''
    for line_number, line in enumerate(lines, 1):
      place = f'{_name(target)}, line {line_number}'
      number, _, rest = line.partition(_BAR)
      text, bar, _ = rest.rpartition(_BAR)
      if not bar or not (number.isascii() and number.isdigit()):
        raise UsageError(
          f"{place}: expected 'number ||| text ||| score', found '{line[:80]}'"
        )
      index = int(number)
      if index >= len(sources):
        raise UsageError(
          f'{place}: expected a number below the {len(sources)} lines of '
          f'--source={source}, found {index}'
        )
      yield Pair(
        sources[index],
        text,
        source_place=f'{_name(source)}, line {index + 1}',
        target_place=place,
        number=index,
      )
    if not place:
      raise UsageError(f'--target={target}: expected lines, found none')


def _lines(name: str, warn: Callable[[str], None], flag: str) -> Lines:
  return cast(Lines, read_lines(name, warn, flag))


def _name(file: str) -> str:
  return 'standard input' if file == '-' else file


# --- writing ------------------------------------------------------------------


def text_line(pair: Pair, score: Score) -> str:
  """Returns score, log-probability and tokens with EOS, TABs between."""
  return f'{score.score:.6f}\t{score.log_prob:.6f}\t{score.length}'


def nbest_line(pair: Pair, score: Score) -> str:
  """Returns `number ||| text ||| score`, as it was read, with the new score."""
  return _BAR.join((str(pair.number), pair.target, f'{score.score:.6f}'))


def tokens_line(pair: Pair, score: Score) -> str:
  """Returns `text_line`, then the tokens and their log-probabilities.

  Both are columns in which spaces stand between. A piece that holds white
  space itself shows `_` for it.
  """
  tokens = ' '.join(
    ''.join('_' if c.isspace() else c for c in token) for token in score.tokens
  )
  log_probs = ' '.join(f'{x:.6f}' for x in score.token_log_probs)
  return f'{text_line(pair, score)}\t{tokens}\t{log_probs}'


def json_line(pair: Pair, score: Score) -> str:
  """Returns a JSON object in ASCII, which is one line for every reader."""
  return json.dumps(
    {
      'number': pair.number,
      'score': round(score.score, 6),
      'log_prob': round(score.log_prob, 6),
      'length': score.length,
      'perplexity': round(score.perplexity, 6),
      'tokens': score.tokens,
      'token_log_probs': [round(x, 6) for x in score.token_log_probs],
    }
  )


def line_writer(form: str, nbest: bool) -> Callable[[Pair, Score], str]:
  """Returns what makes a line of a pair: text, tokens or json."""
  return {
    'text': nbest_line if nbest else text_line,
    'tokens': tokens_line,
    'json': json_line,
  }[form]
