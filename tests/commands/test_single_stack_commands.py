"""A language model, a tagger and a classifier: trained, judged and used by
their commands."""

import contextlib
import json
import math
from unittest import mock

import jax
import pytest
import single_stack_text
from jax.experimental.compilation_cache import compilation_cache
from run_command import run_command
from tiny_run import read_rows

from t2t_jax import Tagger
from t2t_jax.config import MeshConfig
from t2t_jax.decoding import restored
from t2t_jax.decoding.translator import Translator
from t2t_jax.errors import UsageError
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.training import loop

# One of the tests' eight devices: with all, each program compiles for longer.
ONE = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
LINES = b'a b\n\nx x b c\n\xff\n'


@pytest.fixture(scope='module', autouse=True)
def _one_device():
  with (
    mock.patch.object(loop, 'create_mesh', return_value=ONE),
    mock.patch.object(restored, 'decoding_mesh', return_value=ONE),
  ):
    yield


@contextlib.contextmanager
def trained(tmp_path_factory, changes):
  """Trains in this process; gives workdir, its flag and what was written."""
  directory = tmp_path_factory.mktemp('single_stack')
  single_stack_text.write_all(directory)
  workdir = directory / 'run'
  flag = f'--workdir={workdir}'
  before = jax.config.jax_compilation_cache_dir
  finished = run_command(
    'main', flag, *single_stack_text.flags(directory, changes)
  )
  assert finished.status == 0, finished.stderr
  yield workdir, flag, finished
  jax.config.update('jax_compilation_cache_dir', before)
  compilation_cache.reset_cache()


@pytest.fixture(scope='module')
def language_model(tmp_path_factory):
  changes = single_stack_text.LANGUAGE_MODEL
  with trained(tmp_path_factory, changes) as found:
    yield found


@pytest.fixture(scope='module')
def tagger(tmp_path_factory):
  with trained(tmp_path_factory, single_stack_text.TAGGING) as found:
    yield found


def use(name, flag, *flags, stdin=b''):
  finished = run_command(name, flag, *flags, stdin=stdin)
  assert finished.status == 0, finished.stderr
  return finished


# --- a language model ---------------------------------------------------------


def test_a_language_model_learns_its_source(language_model):
  workdir, _, finished = language_model
  row = read_rows(workdir, 'dev')[-1]
  best = single_stack_text.true_nll(workdir.parent / 'dev.txt')
  # Below it only by chance, on so few lines.
  assert 0.98 * best < row['nll'] < 1.03 * best
  # Each word is a token here, and each end.
  assert row['word_perplexity'] == row['perplexity']
  assert row['perplexity'] == pytest.approx(math.exp(row['nll']), rel=1e-4)
  assert 'a word' in finished.stderr
  names = [row['test_set'] for row in read_rows(workdir, 'test')]
  assert names == ['dev', 'test']
  assert finished.stdout.count('sample') == 5
  assert '| ' in finished.lines[-1]
  assert '-m t2t_jax.generate --workdir=' in finished.lines[-1]


def test_evaluate_and_score_agree(language_model):
  workdir, flag, _ = language_model
  file = workdir.parent / 'test.txt'
  of_config = use('evaluate', flag, '--json').last_json['test_sets']['test']
  given = use('evaluate', flag, f'--reference={file}', '--json').last_json
  assert given['test_sets'] == {'test.txt': of_config}
  scored = use('score', flag, f'--target={file}', '--json')
  totals = scored.last_json
  for name in ('sentences', 'tokens', 'words', 'log_prob', 'perplexity'):
    assert totals[name] == pytest.approx(of_config[name], rel=1e-6), name
  assert len(scored.lines) == 51
  log_probs = [float(line.split('\t')[1]) for line in scored.lines[:-1]]
  assert sum(log_probs) == pytest.approx(totals['log_prob'], abs=1e-3)
  assert f'a word {totals["word_perplexity"]:.4f} (' in scored.stderr
  text = file.read_text().splitlines()
  assert totals['words'] == sum(len(line.split()) + 1 for line in text)


def test_generate_goes_on_from_each_line(language_model):
  _, flag, _ = language_model
  # The same program each time, found again as it was compiled.
  given = {'stdin': b'a b\n\nd\n'}
  flags = flag, '--num_samples=3'
  text = use('generate', *flags, **given).lines
  assert len(text) == 9
  assert all(line.startswith('a b') for line in text[:3])
  assert all(line.startswith('d e') for line in text[6:])
  assert len(set(text[3:6])) > 1
  nbest = use('generate', *flags, '--format=nbest', **given).lines
  assert [line.split(' ||| ')[:2] for line in nbest] == [
    [str(number // 3), line] for number, line in enumerate(text)
  ]
  values = use('generate', *flags, '--format=json', **given).lines
  for number, value in enumerate(map(json.loads, values)):
    assert value['source'] == ('a b', '', 'd')[number]
    drawn = text[3 * number : 3 * number + 3]
    assert [one['text'] for one in value['nbest']] == drawn


def test_generate_finds_the_most_probable_text(language_model):
  found = use('generate', language_model[1], '--prompt=d', '--method=beam')
  assert found.lines == ['d e']  # and an end: 0.9 times 0.5


def test_generate_takes_its_prompts_from_one_place(language_model):
  _, flag, _ = language_model
  finished = run_command('generate', flag, '--prompt=a', '--input=x')
  assert finished.status == 2
  assert finished.stderr == (
    'generate: --prompt and --input: give only one of them\n'
  )


@pytest.mark.parametrize(
  'flags, message',
  [
    (
      ('--source=a', '--target=a'),
      '--source: the model is a language model, which scores the lines of '
      '--target alone',
    ),
    (
      ('--nbest', '--target=a'),
      '--nbest: the model is a language model, which scores the lines of '
      '--target alone',
    ),
    ((), '--target: expected a file, or - for standard input, found none'),
    (('--target=-',), '--target=-: expected lines, found none'),
  ],
)
def test_score_of_one_side_refuses(language_model, flags, message):
  finished = run_command('score', language_model[1], *flags)
  assert finished.status == 2
  assert finished.stderr.splitlines()[-1] == f'score: {message}'


# --- labels -------------------------------------------------------------------


def test_a_tagger_learns_what_takes_context(tagger):
  workdir, flag, finished = tagger
  row = read_rows(workdir, 'dev')[-1]
  assert row['accuracy'] > 99
  assert f'accuracy {row["accuracy"]:.2f} %' in finished.stderr
  [dev, test] = read_rows(workdir, 'test')
  assert (dev['test_set'], test['test_set']) == ('dev', 'test')
  assert dev['accuracy'] > 99
  evaluated = use('evaluate', flag, '--json').last_json['test_sets']['test']
  assert evaluated['accuracy'] == pytest.approx(test['accuracy'], rel=1e-5)
  assert '-m t2t_jax.tag --workdir=' in finished.lines[-1]

  # Counted once more, from what the command writes.
  words = (workdir.parent / 'test.words').read_bytes()
  wanted = (workdir.parent / 'test.tags').read_text().split()
  found = use('tag', flag, stdin=words).stdout.split()
  correct = sum(x == y for x, y in zip(found, wanted, strict=True))
  assert (evaluated['labels'], evaluated['correct']) == (len(wanted), correct)


def test_tag_keeps_lines_and_order(tagger):
  workdir, flag, _ = tagger
  found = use('tag', flag, stdin=LINES)
  assert found.lines[:3] == ['a b', '', 'to_b to_b b c']
  assert len(found.lines) == 4
  assert 'standard input, line 4: not UTF-8' in found.stderr
  tagger_here = Tagger.from_workdir(workdir)
  assert tagger_here.tag(['a b', '', 'x x b c']) == found.lines[:3]


def test_evaluate_takes_given_labels(tagger, tmp_path):
  _, flag, _ = tagger
  (tmp_path / 'w').write_text('a x b\nc\n')
  (tmp_path / 't').write_text('a to_b c\nc\n')
  files = f'--source={tmp_path / "w"}', f'--reference={tmp_path / "t"}'
  result = use('evaluate', flag, *files, '--json').last_json['test_sets']['w']
  assert result == {
    'accuracy': 75.0,
    'labels': 4,
    'correct': 3,
    'lines': 2,
    'correct_lines': 1,
  }
  (tmp_path / 't').write_text('a to_b c\nc c\n')
  finished = run_command('evaluate', flag, *files)
  assert finished.status == 2
  assert finished.stderr == (
    f'evaluate: {tmp_path}/w and {tmp_path}/t, line 2: expected a label for '
    'each of the 1 words, found 2\n'
  )
  finished = run_command('evaluate', flag, files[0])
  expected = 'evaluate: --source and --reference: give both or none\n'
  assert finished.stderr == expected


@pytest.mark.slow
def test_a_classifier_learns(tmp_path_factory):
  with trained(tmp_path_factory, single_stack_text.CLASSIFICATION) as found:
    workdir, flag, _ = found
    assert read_rows(workdir, 'dev')[-1]['accuracy'] > 97
    lines = use('tag', flag, stdin=LINES).lines
    assert lines[:3] == ['both', '', 'not']


# --- the wrong command --------------------------------------------------------


@pytest.mark.parametrize(
  'name, model, wanted',
  [
    ('translate', 'language_model', 'translation'),
    ('tag', 'language_model', 'tagging or classification'),
    ('translate', 'tagging', 'translation'),
    ('generate', 'tagging', 'language_model'),
    ('score', 'tagging', 'translation or language_model'),
  ],
)
def test_the_wrong_command_names_the_right_one(
  language_model, tagger, name, model, wanted, tmp_path
):
  workdir, flag, _ = language_model if model == 'language_model' else tagger
  (tmp_path / 'a').write_text('a\n')
  files = ()
  if name == 'score':
    files = f'--source={tmp_path / "a"}', f'--target={tmp_path / "a"}'
  finished = run_command(name, flag, *files, stdin=b'a\n')
  right = 'generate' if model == 'language_model' else 'tag'
  assert finished.status == 2
  assert finished.stderr == (
    f'{name}: --workdir={workdir}: expected a model for {wanted}, found one '
    f'for {model}; use python -m t2t_jax.{right}\n'
  )


@pytest.mark.parametrize('name', ['tag', 'generate'])
def test_the_output_of_one_stack_may_not_be_its_input(
  language_model, tagger, name, tmp_path
):
  file = tmp_path / 'text'
  file.write_text('a\n')
  flag = (tagger if name == 'tag' else language_model)[1]
  finished = run_command(name, flag, f'--input={file}', f'--output={file}')
  assert finished.status == 2
  assert finished.stderr == (
    f'{name}: --output={file}: is the --input, which would be lost\n'
  )
  assert file.read_text() == 'a\n'


def test_evaluate_refuses_what_belongs_to_translation(language_model):
  for name in ('output', 'ensemble', 'metrics', 'comet'):
    finished = run_command('evaluate', language_model[1], f'--{name}=x')
    assert finished.stderr == (
      f"evaluate: --{name}: belongs to translation; the model's task is "
      "'language_model'\n"
    )
  finished = run_command('evaluate', language_model[1], '--source=x')
  assert finished.stderr == (
    'evaluate: --source: the model is a language model; give its text as '
    '--reference\n'
  )


def test_a_translator_is_not_made_of_something_else(tagger):
  with pytest.raises(UsageError, match=r'use python -m t2t_jax\.tag$'):
    Translator.from_workdir(tagger[0])
