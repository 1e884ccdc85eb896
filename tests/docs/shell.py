"""The little of a shell that the documents use, our commands in this process.

`a | b < file > file`, words quoted as in sh, comments behind `#`.
"""

import contextlib
import dataclasses
import functools
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

from documents import ROOT
from run_command import Finished, run_command

# What a document may use of the machine.
PROGRAMS = {'cat', 'cp', 'echo', 'head', 'ls', 'mkdir', 'printf', 'rm', 'wc'}
_SCRIPTS = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project'][
  'scripts'
]


@dataclasses.dataclass
class Stage:
  """One program of a pipe.

  Attributes:
    words: as the shell would give them to it.
    package, name: of our module that it is; '' of any other program.
    arguments: behind the program's name.
  """

  words: tuple[str, ...]
  package: str
  name: str
  arguments: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Pipe:
  stages: tuple[Stage, ...]
  stdin: str = ''
  stdout: str = ''


def parse(text: str) -> Pipe:
  lexer = shlex.shlex(text, posix=True, punctuation_chars='|<>')
  lexer.whitespace_split = True
  words: list[list[str]] = [[]]
  files = {'<': '', '>': ''}
  tokens = iter(lexer)
  for token in tokens:
    if token == '|':
      words.append([])
    elif token in files:
      files[token] = next(tokens)
    else:
      words[-1].append(token)
  stages = tuple(stage_of(tuple(each)) for each in words)
  return Pipe(stages, files['<'], files['>'])


def stage_of(words: tuple[str, ...]) -> Stage:
  program, *arguments = words
  if program in _SCRIPTS:
    package, _, name = _SCRIPTS[program].partition(':')[0].rpartition('.')
    return Stage(words, package, name, tuple(arguments))
  if program == 'python' and arguments[0] == '-m':
    package, _, name = arguments[1].rpartition('.')
    return Stage(words, package, name, tuple(arguments[2:]))
  if program == 'python' and arguments[0] == 'launch/sweep.py':
    return Stage(words, 'launch', 'sweep', tuple(arguments[1:]))
  return Stage(words, '', program, tuple(arguments))


def run(pipe: Pipe, directory: pathlib.Path) -> Finished:
  """Runs a pipe in `directory`, this process's own; returns what its last
  program left. One before it that fails is the result."""
  data = (directory / pipe.stdin).read_bytes() if pipe.stdin else b''
  for stage in pipe.stages:
    finished = _run_stage(stage, data, directory)
    if finished.status:
      return finished
    data = finished.stdout.encode()
  if pipe.stdout:
    (directory / pipe.stdout).write_bytes(data)
    return dataclasses.replace(finished, stdout='')
  return finished


def _run_stage(stage: Stage, data: bytes, directory: pathlib.Path) -> Finished:
  if stage.package:
    with contextlib.chdir(directory):
      return run_command(
        stage.name, *stage.arguments, stdin=data, package=stage.package
      )
  words = stage.words
  if stage.name == 'python':
    words = (sys.executable, *stage.arguments)
  else:
    assert stage.name in PROGRAMS, f'{stage.name}: not one of {PROGRAMS}'
  done = subprocess.run(
    words, input=data, capture_output=True, cwd=directory, check=False
  )
  return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@functools.cache
def flags_of(package: str, name: str) -> frozenset[str]:
  """Returns the names of a command's flags, as its --help lists them."""
  finished = run_command(name, '--help', package=package)
  assert finished.status == 0, finished.stderr
  return frozenset(re.findall(r'^  --(\w+): ', finished.stdout, re.MULTILINE))
