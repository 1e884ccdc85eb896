"""The documents and the blocks of code in them, in order."""

import dataclasses
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = (
  'README.md',
  'CONTRIBUTING.md',
  'launch/README.md',
  *sorted(f'docs/{path.name}' for path in (ROOT / 'docs').glob('*.md')),
)
_FENCED = re.compile(
  r'^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$',
  re.MULTILINE | re.DOTALL,
)
# A Python block that begins so is a file of that name.
_FILE_NAME = re.compile(r'# (\S+\.py)\n')


@dataclasses.dataclass(frozen=True)
class Command:
  """A line of the shell, continuation lines joined.

  Attributes:
    place: document and line.
    text: the command.
    output: the lines that a `console` block shows below it.
  """

  place: str
  text: str
  output: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Block:
  """Attributes:
  place: document and line of its first line.
  language: bash, console, python, text, or ''.
  text: without its indentation.
  """

  place: str
  language: str
  text: str

  @property
  def file_name(self) -> str:
    """Of a Python block that is a file; '' of one that is run."""
    found = _FILE_NAME.match(self.text)
    return found[1] if self.language == 'python' and found else ''

  def commands(self) -> list[Command]:
    """Of a `bash` block, or of a `console` block its lines behind `$`."""
    if self.language == 'bash':
      return [Command(self.place, line) for line in _joined(self.text)]
    if self.language != 'console':
      return []
    found = []
    for part in re.split(r'^\$ ', self.text, flags=re.MULTILINE)[1:]:
      command, *output = _joined(part)
      found.append(Command(self.place, command, tuple(output)))
    return found


def read_blocks(document: str) -> list[Block]:
  text = (ROOT / document).read_text(encoding='utf-8')
  return [
    Block(
      f'{document}:{text.count(chr(10), 0, found.start()) + 2}',
      found['language'],
      textwrap.dedent(found['text']),
    )
    for found in _FENCED.finditer(text)
  ]


def _joined(text: str) -> list[str]:
  """Lines joined at backslashes, without comments and empty ones."""
  lines = text.replace('\\\n', ' ').splitlines()
  lines = [re.sub(r'(^|\s+)# .*', '', line) for line in lines]
  return [line for line in lines if line.strip()]
