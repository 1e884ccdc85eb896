"""Links lead to files and headings that are there, names to functions."""

import ast
import functools
import re

import pytest
from documents import DOCUMENTS, ROOT

_LINK = re.compile(r'(?<!!)\[([^\]]+)\]\(([^)\s]+)\)')


def _links(document):
  text = (ROOT / document).read_text(encoding='utf-8')
  text = re.sub(r'^```.*?^```$', '', text, flags=re.MULTILINE | re.DOTALL)
  for found in _LINK.finditer(text):
    if not found[2].startswith('http'):
      path, _, heading = found[2].partition('#')
      file = (ROOT / document).parent / path if path else ROOT / document
      yield found[1], file.resolve(), heading


@pytest.mark.parametrize('document', DOCUMENTS)
def test_links(document):
  for text, file, heading in _links(document):
    assert file.exists(), f'{document}: {file}'
    if heading:
      assert heading in _headings(file), f'{document}: {file}#{heading}'
    if text.startswith('`') and file.suffix == '.py':
      name = text.strip('`')
      assert name in _names(file), f'{document}: no {name} in {file}'


def test_the_guide_follows_the_paper():
  """Each section that has code, equation, table and figure of the paper."""
  text = (ROOT / 'docs' / 'reading_guide.md').read_text(encoding='utf-8')
  sections = re.findall(r'^#+ (\d(?:\.\d)*) ', text, re.MULTILINE)
  assert sections == sorted(sections)
  expected = '3 3.1 3.2.1 3.2.2 3.2.3 3.3 3.4 3.5 4 5 5.1 5.2 5.3 5.4 6 6.1'
  assert sections == [*expected.split(), '6.2', '6.3']
  for what, last in (('equation', 3), ('Table', 4)):
    for number in range(1, last + 1):
      assert f'{what} {number}' in text
  assert 'Figure 1' in text
  assert 'Figures 3 to 5' in text


def test_the_guide_names_tensors_and_products_of_the_code():
  text = (ROOT / 'docs' / 'reading_guide.md').read_text(encoding='utf-8')
  tensors = set(re.findall(r'`(\w+_[A-Z]+)`', text))
  products = set(re.findall(r'`([A-Z]+,[A-Z]+->[A-Z]+)`', text))
  assert len(tensors) > 25
  assert len(products) == 2
  code = '\n'.join(
    path.read_text(encoding='utf-8')
    for path in (ROOT / 't2t_jax').rglob('*.py')
  )
  words = set(re.findall(r'\w+', code))
  assert tensors <= words, tensors - words
  assert all(f"'{product}'" in code for product in products)


def test_every_document_is_in_the_index():
  index = (ROOT / 'docs' / 'README.md').read_text(encoding='utf-8')
  for document in DOCUMENTS:
    name = document.removeprefix('docs/')
    if document.startswith('docs/') and name != 'README.md':
      assert f']({name})' in index, document


@functools.cache
def _headings(file):
  """The anchors that GitHub gives to the headings of a file."""
  text = file.read_text(encoding='utf-8')
  text = re.sub(r'^```.*?^```$', '', text, flags=re.MULTILINE | re.DOTALL)
  titles = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
  return {
    re.sub(r'[^\w\- ]', '', title.lower()).strip().replace(' ', '-')
    for title in titles
  }


@functools.cache
def _names(file):
  """Functions, classes and constants of a module, methods as Class.method."""
  found = set()
  for node in ast.parse(file.read_text(encoding='utf-8')).body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      found.add(node.name)
    if isinstance(node, ast.ClassDef):
      methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
      found |= {f'{node.name}.{method.name}' for method in methods}
    if isinstance(node, ast.Assign):
      found |= {n.id for n in node.targets if isinstance(n, ast.Name)}
  return found
