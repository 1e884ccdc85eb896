"""What docs/troubleshooting.md quotes, the code can print."""

import ast
import functools
import re

import pytest
from documents import ROOT, read_blocks

_DOCUMENT = 'docs/troubleshooting.md'
_LEAST = 24  # characters of a message that are no values
_QUOTED = [
  pytest.param(line, id=f'{block.place}')
  for block in read_blocks(_DOCUMENT)
  if block.language == 'text'
  for line in block.text.splitlines()
]
_SHOWN = [
  block for block in read_blocks(_DOCUMENT) if block.language == 'console'
]


@pytest.mark.parametrize('line', _QUOTED)
def test_messages_are_in_the_code(line):
  message = re.sub(r'^(main|prepare|translate|export): ', '', line)
  assert any(pattern.fullmatch(message) for pattern in _patterns()), line


@pytest.mark.parametrize('block', _SHOWN, ids=lambda block: block.place)
def test_messages_are_printed(block, workspace):
  workspace.run(block, with_slow=False)


def test_a_message_that_nobody_prints_is_found():
  assert not any(
    pattern.fullmatch('--workdir=w: is full of things; tidy it up first')
    for pattern in _patterns()
  )


@functools.cache
def _patterns():
  """Each text of the package, with anything in place of its values."""
  found = []
  for path in (ROOT / 't2t_jax').rglob('*.py'):
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
      if isinstance(node, ast.JoinedStr):
        parts = node.values
      elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = [node]
      else:
        continue
      said = [p.value if isinstance(p, ast.Constant) else None for p in parts]
      if sum(len(part) for part in said if part) >= _LEAST:
        regex = ''.join('.*' if p is None else re.escape(p) for p in said)
        found.append(re.compile(regex))
  return found
