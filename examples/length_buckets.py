"""Shows how a config's text becomes batches of few shapes with little padding.

  python examples/length_buckets.py configs/quickstart.py

Prints a line for each padded shape: rows, source and target length, batches an
epoch, the share of padding; then the text of one batch's first rows. Nothing is
trained. A batch is a function of the seed and the step alone.
"""

import sys

import numpy as np

from t2t_jax import load_config
from t2t_jax.data.batching import Batch, TrainBatches
from t2t_jax.data.token_store import prepare


def main(config_file: str) -> None:
  config = load_config(config_file)
  prepared = prepare(config)
  tokenizers = prepared.tokenizers
  pad_id = tokenizers.target.pad_id
  batches = TrainBatches.of(prepared.train, config.training, pad_id)
  print(
    f'{len(prepared.train):,} pairs, {batches.steps_per_epoch:.1f} updates an '
    f'epoch of at most {config.training.global_batch_tokens:,} tokens a side'
  )

  # Every shape comes in the first epoch; each is looked at once.
  seen: dict[tuple[int, int, int], Batch] = {}
  for step in range(int(np.ceil(batches.steps_per_epoch))):
    batch = batches.batch(step)
    seen.setdefault(batch.shape, batch)
  counts = dict(zip(batches.shapes, batches.batches_per_epoch, strict=True))
  for shape, batch in sorted(seen.items()):
    padding = np.mean(np.concatenate([ids.ravel() for ids in batch]) == pad_id)
    rows, source, target = shape
    print(
      f'{rows:5} rows of {source:3} x {target:3} tokens, '
      f'{counts[shape]:6.1f} batches an epoch, {padding:4.0%} padding'
    )

  first = batches.batch(0)
  for source_ids, target_ids in list(zip(*first, strict=True))[:3]:
    [line] = tokenizers.source.decode([source_ids.tolist()])
    [translation] = tokenizers.target.decode([target_ids.tolist()])
    print(f'{line} | {translation}')


if __name__ == '__main__':
  main(*sys.argv[1:])
