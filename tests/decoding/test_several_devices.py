"""Searches on several devices: the same results, nothing sent on the way."""

import jax
import pytest
from tiny_translator import (
  model_with,
  random_lines,
  random_params,
  tokenizers,
  translator_with,
)

from t2t_jax.config import MeshConfig
from t2t_jax.decoding.requests import make_batch, split_requests
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.collectives import KINDS, read_collectives
from t2t_jax.parallel.hlo import read_program
from t2t_jax.parallel.mesh import create_mesh, use_mesh
from t2t_jax.parallel.own_rows import deal


def mesh_of(data, fsdp, tensor):
  devices = jax.devices()[: data * fsdp * tensor]
  return create_mesh(MeshConfig(data, fsdp, tensor), devices)


def split_params(model, mesh):
  """Random parameters, split as in training on `mesh`."""
  shardings = jax.tree.map(lambda x: x.sharding, abstract_params(model, mesh))
  return jax.device_put(random_params(model), shardings)


def compiled(mesh, staged, **settings):
  """The HLO of a search for eight lines."""
  translator = translator_with(
    params=split_params(model_with(), mesh), mesh=mesh, **settings
  )
  search = translator._search
  lines = split_requests(random_lines(8, most_words=4), tokenizers(), 23)
  batch = make_batch(
    [part for parts in lines for part in parts], 8, 16, tokenizers(), 24
  )
  with use_mesh(mesh):
    dealt = deal(batch, mesh)
    if staged:
      lowered = search._staged._stage.lower(
        translator._params,
        (dealt, None),
        nbest=1,
        last_rows=1,
        lengths=(24, 39),
      )
    else:
      lowered = search._whole.lower(translator._params, dealt, nbest=1)
    return lowered.compile().as_text()


@pytest.mark.parametrize('staged', [False, True])
def test_with_whole_parameters_nothing_is_sent(staged):
  mesh = mesh_of(4, 1, 1)
  assert read_collectives(compiled(mesh, staged), mesh.shape) == []


def test_split_parameters_are_gathered_before_the_loops():
  mesh = mesh_of(1, 2, 2)
  hlo = compiled(mesh, False, method='sampling', num_samples=2, top_p=0.9)
  program = read_program(hlo)
  places = {
    name: {instruction.opcode for instruction in instructions} & {*KINDS}
    for name, instructions in program.computations.items()
  }
  assert places.pop(program.entry) == {'all-gather'}
  assert not any(places.values())
  assert any('while' in line for line in hlo.splitlines())


def test_results_are_those_of_one_device():
  lines = random_lines(20, seed=11, most_words=12)
  mesh = mesh_of(2, 2, 2)
  split = translator_with(params=split_params(model_with(), mesh), mesh=mesh)
  assert all(rows % 8 == 0 for rows, _ in split.grid.shapes())
  for found, expected in zip(
    split.translate(lines), translator_with().translate(lines), strict=True
  ):
    assert found.token_ids == expected.token_ids
    assert found.score == pytest.approx(expected.score, rel=1e-5)
