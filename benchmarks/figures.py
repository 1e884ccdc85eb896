"""What the timed updates of a trainer come to."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.rounds import Repeat, summary
from benchmarks.work import Counts


class ProductTimes(NamedTuple):
  """What matrix products alone took.

  Attributes:
    width: of the matrices.
    flops: of one chain of products, on one device.
    repeats: of the chain.
  """

  width: int
  flops: float
  repeats: Sequence[Repeat]


def figures(
  counts: Counts,
  updates: int,
  repeats: Sequence[Repeat],
  products: ProductTimes | None,
  devices: int,
  data_sheet: float | None,
) -> dict[str, Any]:
  """Returns what a JSON line tells of a trainer's speed.

  Args:
    counts: of what was done in each of `repeats`.
    updates: the same.
    repeats: of the trainer.
    products: of the same rounds; None: they were not timed.
    devices: that each could make the products.
    data_sheet: the devices' operations a second by their maker; None: unknown.
  """
  found = summary(repeats)
  median = found['median_s']
  per_s = counts.flops / median
  found |= {
    'updates': updates,
    'update_ms': round(1e3 * median / updates, 3),
    'quartiles_ms': [
      round(1e3 * second / updates, 3) for second in found['quartiles_s']
    ],
    'target_tokens_per_s': round(counts.target_tokens / median, 1),
    'padded_tokens_per_s': round(counts.target_positions / median, 1),
    'padding_share': round(counts.padding_share, 4),
    'flops_per_update': counts.flops / updates,
    'flops_per_s': per_s,
    'mfu_of_data_sheet': round(per_s / data_sheet, 4) if data_sheet else None,
  }
  if products is None:
    return found
  chain = summary(products.repeats)
  # Of their fastest call: what a neighbour slows them by is no gain of ours.
  products_per_s = products.flops * devices / chain['best_s']
  return found | {
    'product_width': products.width,
    'product_flops_per_s': products_per_s,
    'product_seconds': chain['seconds'],
    'mfu': round(per_s / products_per_s, 4),
  }
