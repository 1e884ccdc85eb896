"""Whether a command that is not run could be: scripts, flags, configs."""

import re
import tomllib

import shell
from documents import ROOT

from t2t_jax import cli

_TARGETS = frozenset(
  re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
)
_EXTRAS = frozenset(
  tomllib.loads((ROOT / 'pyproject.toml').read_text())['project'][
    'optional-dependencies'
  ]
)


def check(text: str) -> None:
  """Raises what is wrong with a command, in the directory that it is for."""
  for stage in shell.parse(text).stages:
    words = list(stage.words)
    while words and re.match(r'[A-Z_0-9]+=', words[0]):
      words.pop(0)
    if not words:
      continue
    stage = shell.stage_of(tuple(words))
    if stage.package:
      _check_ours(stage)
    elif words[0] == 'make':
      targets = {word for word in words[1:] if '=' not in word}
      assert targets <= _TARGETS, targets
    elif 'pip' in words:
      extras = re.findall(r'\[([\w,-]+)\]', text)
      assert {e for each in extras for e in each.split(',')} <= _EXTRAS, extras
    else:
      _check_scripts(words)


def _check_ours(stage: shell.Stage) -> None:
  flags = [word for word in stage.arguments if word.startswith('--')]
  names = {flag[2:].partition('=')[0] for flag in flags}
  ours = {name for name in names if not name.startswith('config.')}
  known = shell.flags_of(stage.package, stage.name)
  missing = {n for n in ours if n not in known and n[2:] not in known}
  assert not missing, f'no such flags of {stage.name}: {missing}'
  settings = [flag for flag in flags if flag.startswith('--config.')]
  files = [word for word in stage.arguments if word[:1] != '-']
  files += [flag[9:] for flag in flags if flag.startswith('--config=')]
  for file in files:
    cli.config_of([f'--config={file}', *settings])


def _check_scripts(words: list[str]) -> None:
  """Files of ours that another program is given are there; behind a script of
  launch/ stand the arguments of `main`."""
  for place, word in enumerate(words):
    if word.startswith(('launch/', 'tests/', 'configs/')):
      assert (ROOT / word).exists(), word
      config = [w for w in words[place:] if w.startswith('--config')]
      if config:
        cli.config_of(config)
