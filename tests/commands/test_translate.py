"""`translate` as people use it: formats, odd lines, interruptions, the API."""

import dataclasses
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import sentencepiece
from run_command import run_command

import t2t_jax
from t2t_jax import Translator
from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.errors import UsageError

ROOT = pathlib.Path(__file__).parents[2]
WORDS = [
  'a',
  'the',
  'small',
  'big',
  'red',
  'dog',
  'child',
  'sees',
  'house',
  '.',
]


def sentence(number):
  """A short line, always the same for a number."""
  rng = random.Random(number)
  return ' '.join(rng.choices(WORDS, k=rng.randint(1, 5)))


def sentences(count):
  return [sentence(number) for number in range(count)]


def as_bytes(lines):
  return ''.join(f'{line}\n' for line in lines).encode()


def translate(*arguments, lines=()):
  finished = run_command('translate', *arguments, stdin=as_bytes(lines))
  assert finished.status == 0, finished.stderr
  return finished


# --- formats ------------------------------------------------------------------


def test_json_holds_what_the_other_formats_do(trained):
  lines = [*sentences(3), '']
  texts, nbest, best, both = (
    translate(trained.flag, *flags, lines=lines).lines
    for flags in (
      [],
      ['--nbest=2'],
      ['--format=json'],
      ['--format=json', '--nbest=2'],
    )
  )
  # Without --nbest, as many as there are beams.
  assert nbest == translate(trained.flag, '--format=nbest', lines=lines).lines
  for row in map(json.loads, best):
    assert row.keys() == {'source', 'text', 'score', 'log_prob', 'tokens'}
  rows = [json.loads(line) for line in both]
  assert [row['source'] for row in rows] == lines
  assert [row['text'] for row in rows] == texts
  assert nbest == [
    f'{number} ||| {hypothesis["text"]} ||| {hypothesis["score"]:.6f}'
    for number, row in enumerate(rows)
    for hypothesis in row['nbest']
  ]
  vocabulary = sentencepiece.SentencePieceProcessor(
    model_file=str(trained.directory / 'tokenizer' / 'joint.model')
  )
  for row in rows[:3]:
    assert vocabulary.decode_pieces(row['tokens']) == row['text']
    assert row['score'] > row['log_prob'] or not row['tokens']


def test_json_aligns_as_visualize_does(trained, tmp_path):
  lines = [*sentences(3), '', 'the dog ' * 300]
  finished = translate(
    trained.flag, '--format=json', '--alignment', lines=lines
  )
  rows = [json.loads(line) for line in finished.lines]
  source = tmp_path / 'source'
  source.write_bytes(as_bytes(lines[:3]))
  aligned = run_command(
    'visualize', trained.flag, f'--source=@{source}', '--output=-'
  )
  assert aligned.lines == [
    ' '.join(f'{s}-{t}' for s, t in row['alignment']['links'])
    for row in rows[:3]
  ]
  for row in rows[:3]:
    assert row['alignment']['source'] == row['source'].split()
    assert row['alignment']['target'] == row['text'].split()
  assert rows[3]['alignment']['links'] == []
  # It is translated in parts, which no weights connect.
  assert rows[4]['alignment'] is None


def test_flush_and_quiet_change_no_text(trained):
  lines = sentences(12)
  expected = translate(trained.flag, lines=lines)
  finished = translate(trained.flag, '--flush', '--quiet', lines=lines)
  assert finished.lines == expected.lines
  assert finished.stderr == ''


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    (
      ['--format=text', '--nbest=2'],
      '--format=text: holds one translation a line; for --nbest take nbest or '
      'json',
    ),
    (
      ['--format=xml'],
      'flag --format=xml: value should be one of <text|nbest|json>',
    ),
    (
      ['--alignment'],
      '--alignment: expected --format=json, found text; visualize writes '
      'alignments alone',
    ),
    (['--resume'], '--resume: expected a file as --output, found --output=-'),
    (
      ['--nbest=3'],
      'nbest: expected 1 to decoding.beam_size = 2, found 3',
    ),
  ],
)
def test_mistakes(trained, flags, message):
  finished = run_command('translate', trained.flag, *flags)
  assert finished.status == 2
  assert finished.stderr.splitlines()[-1] == f'translate: {message}'


def test_a_mistake_leaves_the_output_alone(trained, tmp_path):
  output = tmp_path / 'out'
  output.write_text('of another day\n')
  for flag in ('--nbest=3', '--checkpoint=3', '--input=none'):
    finished = run_command(
      'translate', trained.flag, f'--output={output}', flag
    )
    assert finished.status == 2
    assert output.read_text() == 'of another day\n'


@pytest.mark.slow
@pytest.mark.parametrize('end', ['\x04', '\x03'], ids=['Ctrl-D', 'Ctrl-C'])
def test_a_prompt_on_a_terminal(trained, end):
  controller, terminal = os.openpty()
  process = subprocess.Popen(
    # A session whose terminal this is, so that Ctrl-C is a signal.
    [
      'setsid',
      '--ctty',
      sys.executable,
      '-m',
      't2t_jax.translate',
      trained.flag,
    ],
    cwd=ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'TERM': 'dumb'},
    stdin=terminal,
    stdout=terminal,
    stderr=terminal,
  )
  os.close(terminal)
  seen = ''
  for typed in ('The dog sleeps.\n', end):
    while not seen.endswith('> '):
      seen += os.read(controller, 1000).decode()
    seen += '|'
    os.write(controller, typed.encode())
  process.wait()
  os.close(controller)
  hint, answer, _ = seen.replace('\r', '').split('> |')
  assert 'Ctrl-D ends' in hint
  [expected] = translate(trained.flag, lines=['The dog sleeps.']).lines
  assert answer == f'The dog sleeps.\n{expected}\n'
  assert process.returncode == 0


# --- odd lines ----------------------------------------------------------------

CONTROLS = [chr(code) for code in range(32) if chr(code) not in '\n\r']
ODD = [
  '',
  '  \t ',
  'The 🐕 sleeps 👩‍👩‍👧‍👦 🇩🇪',
  'שלום עולם',
  'مرحبا \u202eبالعالم\u202c',
  *(f'the{control}dog' for control in [*CONTROLS, '\r', '\x7f', '\x85']),
  'dog\u2028cat\u2029',
  'e\u0301\ufeff\u0000',
  'x' * 300,
]


def check_one_line_for_each(trained, directory, lines):
  (directory / 'in').write_bytes(as_bytes(lines))
  output = directory / 'out'
  flags = [f'--input={directory / "in"}', f'--output={output}']
  translate(trained.flag, *flags)
  texts = output.read_bytes().decode()
  assert texts.count('\n') == len(lines)
  assert len(texts.splitlines()) == len(lines)
  translate(trained.flag, *flags, '--format=json')
  rows = [json.loads(line) for line in output.read_text().splitlines()]
  assert [row['source'] for row in rows] == lines
  assert [row['text'] for row in rows] == texts.split('\n')[:-1]
  for row in rows:
    assert bool(row['tokens']) or not row['text']


def test_every_odd_line_becomes_a_line(trained, tmp_path):
  check_one_line_for_each(trained, tmp_path, [*ODD, ' '.join(['dog'] * 2000)])


@pytest.mark.slow
def test_ten_thousand_lines_become_ten_thousand(trained, tmp_path):
  odd = itertools.cycle(ODD)
  lines = [
    next(odd) if number % 3 == 0 else sentence(number)
    for number in range(9_990)
  ]
  for number in range(10):
    lines.insert(number * 997, ' '.join(WORDS[number:][:5] * 400))
  assert len(lines) == 10_000
  check_one_line_for_each(trained, tmp_path, lines)


# --- broken off, and gone on with ---------------------------------------------


def start(trained, *arguments):
  return subprocess.Popen(
    [sys.executable, '-m', 't2t_jax.translate', trained.flag, *arguments],
    cwd=ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    bufsize=0,
  )


@pytest.mark.slow
def test_interrupted_in_the_middle(trained, tmp_path):
  """And by one device what this process does by eight."""
  output = tmp_path / 'out'
  process = start(trained, f'--output={output}', '--quiet')
  written = threading.Event()

  def feed():
    with process.stdin as pipe:
      try:
        pipe.write(as_bytes(sentences(40)))
        written.wait(300)
        for number in itertools.count(40):
          pipe.write(as_bytes([sentence(number)]))
      except BrokenPipeError:
        pass

  feeder = threading.Thread(target=feed)
  feeder.start()
  try:
    # The results of the first lines come while the pipe is open.
    deadline = time.monotonic() + 280
    while not output.exists() or not output.stat().st_size:
      assert process.poll() is None, process.stderr.read().decode()
      assert time.monotonic() < deadline
      time.sleep(0.05)
    written.set()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.wait(120)
    errors = process.stderr.read().decode()
  finally:
    written.set()
    process.kill()
    feeder.join()
    process.stdout.close()
    process.stderr.close()
  assert errors == (
    'translate: stopped by SIGINT while translating; --resume goes on\n'
  )
  assert process.returncode == 75

  broken = output.read_bytes()
  done = broken.count(b'\n')
  assert done >= 40
  assert broken.endswith(b'\n')
  (tmp_path / 'in').write_bytes(as_bytes(sentences(done + 30)))
  whole = tmp_path / 'whole'
  translate(trained.flag, f'--input={tmp_path / "in"}', f'--output={whole}')
  assert whole.read_bytes().startswith(broken)
  flags = [trained.flag, f'--input={tmp_path / "in"}', f'--output={output}']
  refused = run_command('translate', *flags, '--resume', '--beam_size=1')
  assert refused.status == 2
  assert 'begun with other settings: beam_size: 2 -> 1.' in refused.stderr
  translate(*flags, '--resume')
  assert output.read_bytes() == whole.read_bytes()
  assert not list(tmp_path.glob('*.progress.json'))


@pytest.mark.slow
@pytest.mark.parametrize('form', ['text', 'nbest', 'json'])
def test_terminated_on_a_file(trained, tmp_path, form):
  """To the last bit, in every format, with the same devices."""
  (tmp_path / 'in').write_bytes(as_bytes(sentences(12_000)))
  flags = [f'--input={tmp_path / "in"}', f'--format={form}']
  outputs = [tmp_path / 'whole', tmp_path / 'broken']
  processes = []
  for output in outputs:
    processes.append(start(trained, *flags, f'--output={output}'))
    if output.name == 'broken':
      while not output.exists() or not output.stat().st_size:
        time.sleep(0.02)
      processes[-1].send_signal(signal.SIGTERM)
    processes[-1].communicate()
  assert [process.returncode for process in processes] == [0, 75]
  whole, broken = (output.read_bytes() for output in outputs)
  assert 0 < len(broken) < len(whole)
  assert whole.startswith(broken)
  process = start(trained, *flags, f'--output={outputs[1]}', '--resume')
  process.communicate()
  assert process.returncode == 0
  assert outputs[1].read_bytes() == whole


# --- the API ------------------------------------------------------------------


def test_three_lines_of_python(trained):
  lines = sentences(3)
  translator = Translator.from_workdir(trained.directory, checkpoint=4)
  texts = [translation.text for translation in translator.translate(lines)]
  assert (
    texts == translate(trained.flag, '--checkpoint=latest', lines=lines).lines
  )
  assert isinstance(translator.translate(['']), list)
  with pytest.raises(UsageError, match='expected a list of lines, found one'):
    translator.translate('He runs.')


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'beam_sise': 4}, r"beam_sise: there is no such field.* 'beam_size'\?"),
    ({'beam_size': 'four'}, "beam_size: expected int, found 'four'"),
    ({'checkpoint': 'newest'}, "found 'newest'. Did you mean 'best'"),
  ],
)
def test_options_are_checked(trained, options, message):
  with pytest.raises(UsageError, match=message):
    Translator.from_workdir(trained.directory, **options)


def test_options_are_those_of_the_config():
  fields = {field.name for field in dataclasses.fields(DecodingConfig)}
  assert DecodingOptions.__annotations__.keys() == fields


def test_the_package_names_what_its_users_need():
  assert t2t_jax.Translation.__name__ == 'Translation'
  assert t2t_jax.Hypothesis.__name__ == 'Hypothesis'
  assert t2t_jax.UsageError is UsageError
  with pytest.raises(AttributeError, match="no attribute 'Tranlator'"):
    t2t_jax.Tranlator  # noqa: B018


def test_the_mesh_of_training_does_not_matter(trained, tmp_path):
  """The run was on data=-1; here it says that it was on 32 devices."""
  lines = sentences(5)
  workdir = tmp_path / 'run'
  shutil.copytree(trained.directory, workdir)
  config = json.loads((workdir / 'config.json').read_text())
  config['mesh'] = {'data': 4, 'fsdp': 4, 'tensor': 2}
  (workdir / 'config.json').write_text(json.dumps(config))
  translator = Translator.from_workdir(workdir)
  expected = Translator.from_workdir(trained.directory)
  assert translator.translate(lines) == expected.translate(lines)
