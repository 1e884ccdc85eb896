"""Rows of metrics.jsonl, and TensorBoard's copy of them."""

import json
import math
import struct

import pytest
from tensorboardX.proto import event_pb2

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.training.metrics import MetricsWriter, duration, perplexity


@pytest.fixture
def workdir(tmp_path):
  return Workdir(tmp_path)


def refuse(constant):
  raise ValueError(f'{constant} is not JSON')


def rows(workdir):
  return [
    json.loads(line, parse_constant=refuse)
    for line in workdir.metrics.read_text().splitlines()
  ]


def test_rows(workdir):
  writer = MetricsWriter(workdir, 0, tensorboard=False)
  writer.write('train', 10, {'loss': 1.23456789, 'tokens': 7})
  writer.write('dev', 10, {'bleu_signature': 'nrefs:1'})
  writer.close()
  assert rows(workdir) == [
    {'kind': 'train', 'step': 10, 'loss': 1.23457, 'tokens': 7},
    {'kind': 'dev', 'step': 10, 'bleu_signature': 'nrefs:1'},
  ]


def test_what_is_not_finite_stays_valid_json(workdir):
  writer = MetricsWriter(workdir, 0, tensorboard=False)
  writer.write('dev', 1, {'a': math.nan, 'b': math.inf, 'c': -math.inf})
  writer.close()
  [row] = rows(workdir)
  assert (row['a'], row['b'], row['c']) == ('nan', 'inf', '-inf')


def test_lines_behind_the_checkpoint_are_cut(workdir):
  writer = MetricsWriter(workdir, 0, tensorboard=False)
  writer.write('train', 1, {'loss': 3.0})
  length = writer.length()
  writer.write('train', 2, {'loss': 2.0})
  writer.write('train', 3, {'loss': 1.0})
  writer.close()
  # A process that was killed may leave half a line.
  with open(workdir.metrics, 'a') as file:
    file.write('{"kind": "tr')
  writer = MetricsWriter(workdir, length, tensorboard=False)
  writer.write('train', 2, {'loss': 2.5})
  assert writer.length() == workdir.metrics.stat().st_size
  writer.close()
  assert [(row['step'], row['loss']) for row in rows(workdir)] == [
    (1, 3.0),
    (2, 2.5),
  ]


def test_a_deleted_file_begins_anew(workdir):
  writer = MetricsWriter(workdir, 1000, tensorboard=False)
  writer.write('train', 2, {'loss': 2.5})
  writer.close()
  assert [row['step'] for row in rows(workdir)] == [2]


def test_tensorboard_gets_the_numbers(workdir):
  writer = MetricsWriter(workdir, 0, tensorboard=True)
  writer.write('dev', 5, {'nll': 2.5, 'bleu_signature': 'nrefs:1'})
  writer.close()
  [events] = workdir.tensorboard.glob('events.*')
  assert b'dev/nll' in events.read_bytes()
  assert b'bleu_signature' not in events.read_bytes()


def test_tensorboard_hides_what_was_written_behind_the_checkpoint(workdir):
  writer = MetricsWriter(workdir, 0, tensorboard=True, step=7)
  writer.write('train', 8, {'loss': 2.5})
  writer.close()
  [file] = workdir.tensorboard.glob('events.*')
  data, purged = file.read_bytes(), []
  while data:
    (size,) = struct.unpack('<Q', data[:8])
    event = event_pb2.Event.FromString(data[12 : 12 + size])
    data = data[16 + size :]
    if event.session_log.status == event_pb2.SessionLog.START:
      purged.append(event.step)
  assert purged == [8]


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [
    (0.4, '0s'),
    (59.6, '1m00s'),
    (185, '3m05s'),
    (3599.7, '1h00m'),
    (7620, '2h07m'),
    (360000, '100h00m'),
  ],
)
def test_duration(seconds, text):
  assert duration(seconds) == text


def test_perplexity():
  assert perplexity(0) == 1
  assert perplexity(math.log(32)) == pytest.approx(32)
  assert perplexity(1e4) == math.inf
