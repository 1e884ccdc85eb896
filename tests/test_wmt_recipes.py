"""The WMT14 recipes, from tiny archives with the official names."""

import gzip
import io
import pathlib
import random
import tarfile

import pytest
from run_command import run_command

from t2t_jax.config import flatten, from_mapping
from t2t_jax.config_files import load
from t2t_jax.evaluation.test_sets import read_test_sets

CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'
RECIPES = ('base', 'big', 'base_deen', 'base_enfr', 'big_enfr')

# Written by hand, not taken from the configs: what statmt.org's archives hold.
_ARCHIVES = {
  'training-parallel-europarl-v7.tgz': [
    'training/europarl-v7.{pair}.{language}'
  ],
  'training-parallel-commoncrawl.tgz': ['commoncrawl.{pair}.{language}'],
  'training-parallel-nc-v9.tgz': [
    'training/news-commentary-v9.{pair}.{language}'
  ],
  'training-parallel-un.tgz': ['un/undoc.2000.{pair}.{language}'],
  'training-giga-fren.tar': ['giga-fren.release2.fixed.{language}.gz'],
  'dev.tgz': ['dev/newstest2013.{language}'],
  'test-full.tgz': [
    'test-full/newstest2014-{glued}-src.{language}.sgm',
    'test-full/newstest2014-{glued}-ref.{language}.sgm',
  ],
}
_WORDS = {
  'en': ['the', 'house', 'sees', 'a', 'river', 'of', 'small', 'trees', '5 &'],
  'de': ['das', 'Haus', 'sieht', 'einen', 'Fluss', 'von', 'kleine', 'ß'],
  'fr': ['la', 'maison', 'voit', 'un', 'fleuve', 'de', 'petits', 'à'],
}
_LINES = 40


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('wmt14')
  for archive, members in _ARCHIVES.items():
    mode = 'w' if archive.endswith('.tar') else 'w:gz'
    with tarfile.open(directory / archive, mode) as file:
      for pair in ('cs-en', 'de-en', 'fr-en'):
        if 'fren' in archive and pair != 'fr-en':
          continue
        for member in members:
          for language in pair.split('-'):
            name = member.format(
              pair=pair, language=language, glued=pair.replace('-', '')
            )
            _add(file, name, _lines(f'{archive} {pair}', language))
  return directory


def _lines(name, language):
  """Returns lines of the same lengths in every language."""
  chooser = random.Random(name)
  words = _WORDS.get(language, ['x'])
  return [
    ' '.join(words[n % len(words)] for n in chooser.choices(range(8), k=length))
    for length in chooser.choices(range(3, 12), k=_LINES)
  ]


def _add(file, name, lines):
  content = ''.join(f'{line}\n' for line in lines)
  if name.endswith('.sgm'):
    segments = [
      f'<seg id="{n}">{line.replace("&", "&amp;")}</seg>\n'
      for n, line in enumerate(lines, 1)
    ]
    content = f'<srcset><doc docid="a">\n{"".join(segments)}</doc></srcset>\n'
  data = content.encode()
  if name.endswith('.gz'):
    data = gzip.compress(data)
  entry = tarfile.TarInfo(name)
  entry.size = len(data)
  file.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize('recipe', RECIPES)
def test_a_recipe_is_prepared_from_the_archives(recipe, text, tmp_path):
  finished = run_command(
    'prepare',
    f'--config={CONFIGS / recipe}.py',
    f'--config.data.directory={text}',
    f'--config.data.cache_dir={tmp_path}',
    '--config.vocabulary.size=300',
    '--config.data.workers=1',
  )
  assert finished.status == 0, finished.stderr
  assert 'downloading' not in finished.stderr
  corpora = 5 if recipe.endswith('enfr') else 3
  assert f'train: {corpora * _LINES} of {corpora * _LINES} pairs kept' in (
    finished.stderr
  )
  assert f'dev: {_LINES} of {_LINES} pairs kept' in finished.stderr


@pytest.mark.parametrize('recipe', RECIPES)
def test_a_recipe_names_its_test_set(recipe, text):
  mapping = load(f'{CONFIGS / recipe}.py')
  mapping.data.directory = str(text)
  data = from_mapping(mapping).data
  sets = read_test_sets(data)
  assert set(sets) == {'newstest2014'}
  for lines, language in zip(
    sets['newstest2014'],
    (data.source_language, data.target_language),
    strict=True,
  ):
    pair = 'fr-en' if recipe.endswith('enfr') else 'de-en'
    assert lines == _lines(f'test-full.tgz {pair}', language)


@pytest.mark.parametrize('recipe', RECIPES)
def test_every_archive_of_a_recipe_can_be_downloaded(recipe):
  data = from_mapping(load(f'{CONFIGS / recipe}.py')).data
  named = {
    name.partition('/')[0]
    for split in ('train', 'dev', 'test')
    for side in ('source', 'target')
    for name in getattr(data, f'{split}_{side}')
  }
  offered = {
    address.partition('#')[0].rpartition('/')[2] for address in data.downloads
  }
  assert offered == named <= set(_ARCHIVES)
  assert all('#' in address for address in data.downloads)


@pytest.mark.parametrize(
  'recipe, like',
  [('base_deen', 'base'), ('base_enfr', 'base'), ('big_enfr', 'big')],
)
def test_other_languages_have_the_papers_models(recipe, like):
  found, expected = (
    flatten(from_mapping(load(f'{CONFIGS / name}.py')))
    for name in (recipe, like)
  )
  changed = {
    key
    for key, value in found.items()
    if value != expected[key] and not key.startswith('data.')
  }
  allowed = {'evaluation.report'}
  if recipe != 'base_deen':
    allowed.add('vocabulary.size')
  if recipe == 'big_enfr':
    allowed.add('model.dropout_rate')
    assert found['model.dropout_rate'] == 0.1
  assert changed == allowed
  assert found['vocabulary.size'] in (32000, 37000)
