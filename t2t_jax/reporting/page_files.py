"""Pages complete in themselves, put together from the files in page/."""

import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any


def read(name: str) -> str:
  """Returns a file of page/."""
  files = importlib.resources.files('t2t_jax.reporting') / 'page'
  return (files / name).read_text(encoding='utf-8')


def style(name: str) -> str:
  """Returns a page's style sheet, behind the one that all share."""
  return read('common.css') + read(name)


def fill(name: str, parts: Mapping[str, str]) -> str:
  """Returns a page of page/ with each @PART@ in its place."""
  # In one pass: the text of a part may look like another part's name.
  return re.sub(
    f'@({"|".join(parts)})@', lambda match: parts[match[1]], read(name)
  )


def script_json(value: Any) -> str:
  """Returns JSON that may stand in a script element: no `</script>`, no
  `<!--`, whatever the text."""
  text = json.dumps(
    value, ensure_ascii=False, allow_nan=False, separators=(',', ':')
  )
  return text.replace('<', '\\u003c')
