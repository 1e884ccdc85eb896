"""What one process reads alone, to tell damage before all restore together."""

import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

from t2t_jax.checkpoints.alone import params_checkpointer, read_all


@pytest.fixture
def state(tmp_path):
  """A directory with two arrays, as orbax writes it."""
  # A path that is no URL as it stands.
  directory = tmp_path / 'a state, 100%23'
  tree = {'a': jnp.ones((64, 64)), 'b': {'c': jnp.arange(5)}}
  with params_checkpointer() as checkpointer:
    checkpointer.save(directory, args=ocp.args.PyTreeSave(tree))
  return directory


def data_files(directory):
  return [file for file in directory.rglob('d/*') if file.is_file()]


def harm_data(harm):
  def harm_all(directory):
    for file in data_files(directory):
      harm(file)

  return harm_all


def flip(file):
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 255
  file.write_bytes(content)


DAMAGE = {
  'no manifest': (lambda d: (d / 'manifest.ocdbt').unlink(), 'cannot be read'),
  'empty manifest': (
    lambda d: (d / 'manifest.ocdbt').write_bytes(b''),
    'manifest.ocdbt": Error decoding',
  ),
  'data deleted': (harm_data(lambda file: file.unlink()), 'NOT_FOUND'),
  'data cut': (
    harm_data(lambda file: file.write_bytes(file.read_bytes()[:-3])),
    'OUT_OF_RANGE',
  ),
  'data flipped': (harm_data(flip), 'DATA_LOSS'),
  'no names': (lambda d: (d / '_METADATA').unlink(), 'cannot be read'),
}


def test_whole(state):
  assert data_files(state)
  read_all(state)


@pytest.mark.parametrize('damage', DAMAGE)
def test_damage_is_told_once(state, damage, capfd):
  harm, words = DAMAGE[damage]
  harm(state)
  with pytest.raises(ValueError, match=words):
    read_all(state)
  # Not in tracebacks of other threads, between which its line gets lost.
  assert 'Traceback' not in capfd.readouterr().err
