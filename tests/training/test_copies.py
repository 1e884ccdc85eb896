"""What devices exchange in an update, as XLA compiles it for eight of them.

The figures are those of the program, whose collectives are read; nothing is
run. Sizes are such that no two arrays look alike.
"""

import math

import jax
import pytest
from tiny_run import make_config

from t2t_jax.config import MeshConfig
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.collectives import read_collectives
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.training.compiled_step import compile_step, memory_of
from t2t_jax.training.memory import abstract_state, split_bytes

ROWS, SOURCE, TARGET, VOCAB, WIDTH = 16, 5, 6, 192, 16


@pytest.fixture(autouse=True)
def _quick_compiles():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


def compiled(directory, sizes, microbatches=1):
  """Returns the update's program on a mesh, and its state's shapes."""
  config = make_config(directory, model__vocab_row_multiple=64)
  model = Transformer(
    config.model, source_vocab_size=VOCAB, target_vocab_size=VOCAB, pad_id=0
  )
  mesh = create_mesh(MeshConfig(*sizes), jax.devices()[: math.prod(sizes)])
  program = compile_step(
    config, model, 1, mesh, (ROWS, SOURCE, TARGET), microbatches
  )
  collectives = read_collectives(program.as_text(), mesh.shape)
  return program, collectives, abstract_state(config, model)


def test_copies_exchange_gradients_once_an_update(tmp_path):
  _, collectives, state = compiled(tmp_path, (8, 1, 1), microbatches=2)
  parameters = split_bytes(state.params, {'data': 8, 'fsdp': 1, 'tensor': 1})
  assert {c.kind for c in collectives} == {'all-reduce'}
  total = sum(c.total_bytes for c in collectives)
  # Once with the microbatches, once with each use of the embedding, it would
  # be four times as much.
  assert parameters <= total <= 1.1 * parameters


def test_the_embedding_table_stays_in_pieces(tmp_path, capfd):
  _, collectives, state = compiled(tmp_path, (2, 2, 2), microbatches=2)
  # XLA's warning that it gathers an array whole only to cut it otherwise.
  assert 'rematerialization' not in capfd.readouterr().err
  table = 4 * VOCAB * WIDTH
  gathered = [c for c in collectives if c.kind == 'all-gather']
  assert gathered
  assert all(c.bytes < table for c in gathered)
  # Nor are the logits exchanged, of any chunk.
  assert not [c for c in collectives if c.kind == 'all-to-all']
  # And the copies of the pieces exchange gradients once.
  mine = split_bytes(state.params, {'data': 2, 'fsdp': 2, 'tensor': 2})
  between = sum(
    c.total_bytes
    for c in collectives
    if c.kind == 'all-reduce' and 'data' in c.axes
  )
  assert mine <= between <= 1.1 * mine


@pytest.mark.slow
def test_memory_falls_as_fsdp_grows(tmp_path):
  needed, arguments = [], []
  for fsdp in (1, 2, 8):
    program, collectives, state = compiled(tmp_path, (1, fsdp, 1))
    needed.append(memory_of(program))
    arguments.append(program.memory_analysis().argument_size_in_bytes)
    if fsdp > 1:
      # Each device ends with the sum of its own part.
      assert {'all-gather', 'all-reduce'} <= {c.kind for c in collectives}
  assert needed[0] > needed[1] > needed[2]
  whole = split_bytes(state, {'data': 1, 'fsdp': 1, 'tensor': 1})
  assert arguments[0] >= whole
  # The small vectors of layer norms are on every device.
  assert arguments[2] < 0.35 * arguments[0]
