"""Pictures in Markdown files: they are there, small, and described."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
_PICTURE = re.compile(r'!\[([^\]]*)\]\(([^)\s]+)\)')
PICTURES = [
  (page.relative_to(ROOT), words, name)
  for page in (ROOT / 'README.md', *ROOT.glob('docs/**/*.md'))
  for words, name in _PICTURE.findall(page.read_text(encoding='utf-8'))
]
MOST_BYTES = 200_000


def test_the_readme_has_pictures():
  assert len([page for page, _, _ in PICTURES if page.name == 'README.md']) > 1


@pytest.mark.parametrize(('page', 'words', 'name'), PICTURES, ids=str)
def test_a_picture_is_there_and_small(page, words, name):
  file = (ROOT / page).parent / name
  assert file.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
  assert file.stat().st_size < MOST_BYTES
  assert len(words.split()) > 4, 'says nothing to who cannot see it'


def test_no_picture_is_left_over():
  shown = {
    ((ROOT / page).parent / name).resolve() for page, _, name in PICTURES
  }
  assert set((ROOT / 'docs' / 'images').resolve().iterdir()) <= shown
