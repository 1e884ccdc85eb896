"""A training loop of your own, of the package's pure functions.

  python examples/custom_training_loop.py

Data, model, loss and mesh are the package's; the optimizer, the update and what
is printed are written out here, to be changed: AdamW in place of Adam, a
penalty on large logits (the z-loss of PaLM, arXiv 2204.02311). It runs on any
number of devices. Prints the loss every 50 updates and a translation.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import optax

from t2t_jax import Translator, load_config
from t2t_jax.data.batching import TrainBatches
from t2t_jax.data.token_store import prepare
from t2t_jax.model.transformer import build_transformer, shift_right
from t2t_jax.parallel.arrays import (
  copies_here,
  create_arrays,
  init_params,
  place_batch,
  split_rows,
)
from t2t_jax.parallel.mesh import (
  batch_shards,
  create_mesh,
  decoding_mesh,
  use_mesh,
)


def main(steps: str = '300') -> None:
  config = load_config('configs/quickstart.py')
  prepared = prepare(config)  # vocabulary and token files, made once
  tokenizers = prepared.tokenizers
  pad_id, bos_id = tokenizers.target.pad_id, tokenizers.target.bos_id
  batches = TrainBatches.of(prepared.train, config.training, pad_id)
  model = build_transformer(config.model, tokenizers)
  optimizer = optax.adamw(
    optax.warmup_cosine_decay_schedule(0.0, 0.003, 50, max(51, int(steps)))
  )

  def loss(params, source_ids_BS, target_ids_BT, key):
    logits_BTV = model.apply(
      {'params': params},
      source_ids_BS,
      shift_right(target_ids_BT, bos_id),
      deterministic=False,
      rngs={'dropout': key},
    )
    nll_BT = optax.softmax_cross_entropy_with_integer_labels(
      logits_BTV, target_ids_BT
    )
    z_BT = jax.nn.logsumexp(logits_BTV, axis=-1)
    mask_BT = target_ids_BT != pad_id
    return jnp.sum((nll_BT + 1e-4 * z_BT**2) * mask_BT) / mask_BT.sum()

  @functools.partial(jax.jit, donate_argnums=0)
  def update(state, source_ids_BS, target_ids_BT, step):
    params, opt_state = state
    key = jax.random.fold_in(jax.random.key(1), step)
    value, grads = jax.value_and_grad(loss)(
      params, source_ids_BS, target_ids_BT, key
    )
    changes, opt_state = optimizer.update(grads, opt_state, params)
    return (optax.apply_updates(params, changes), opt_state), value

  def first_state():
    params = init_params(model, jax.random.key(1))
    return params, optimizer.init(params)

  mesh = create_mesh(config.mesh)  # (data, fsdp, tensor): here all is data

  def place(ids):
    [rows] = split_rows(ids, 1, batch_shards(mesh), pad_id)
    return place_batch(rows, mesh)

  # Each array is made on the devices that keep it, by its axes' names.
  state = create_arrays(first_state, mesh)
  with use_mesh(mesh):
    for step in range(int(steps)):
      source, target = map(place, batches.batch(step))
      state, value = update(state, source, target, step)
      if step % 50 == 0 or step == int(steps) - 1:
        print(f'step {step + 1}: loss {value:.3f}', flush=True)

  translator = Translator(
    model,
    copies_here(state[0], mesh),
    tokenizers,
    config.decoding,
    mesh=decoding_mesh(mesh),
  )
  print(translator.translate(['The dog sleeps.'])[0].text)


if __name__ == '__main__':
  main(*sys.argv[1:])
