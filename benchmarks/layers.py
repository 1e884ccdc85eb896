"""The cost of a layer over the length n, beside the formulas of Table 1.

  python -m benchmarks.layers --d=256 --lengths=32,64,128,256,512,1024
  python -m benchmarks.layers --backward --picture=layers.png

Self-attention (n^2 d), attention to the r positions around (r n d), a
recurrent layer (n d^2) and a convolution over k positions (k n d^2) take turns
at each length, float32. All the CPUs that the process may use are used:
`taskset -c 1 python ...` gives it one.

Prints a JSON line for each layer and length, and two tables: the times with
ns per operation of the formula, which are level where the formula holds; and
what they come to: the exponent of n in the longer half of the lengths, and the
length from which self-attention is the slower one, by formula and as measured.
The picture (extra plot) has the formulas as dashed lines through the last
point. Compared are best times: other processes only ever add to a time.
"""

from pathlib import Path
from typing import Any

from absl import flags

from benchmarks.clock import CLOCKS, define_clock
from t2t_jax import cli
from t2t_jax.errors import UsageError

_LENGTHS = flags.DEFINE_list(
  'lengths', '16,32,64,128,256,512,1024,2048', 'n, ascending'
)
_D = flags.DEFINE_integer('d', 256, 'width', lower_bound=1)
_HEADS = flags.DEFINE_integer('heads', 4, 'of attention', lower_bound=1)
_R = flags.DEFINE_integer('r', 33, 'neighbourhood, an odd number')
_K = flags.DEFINE_integer('k', 3, "positions of the convolution's kernel", 1)
_BATCH = flags.DEFINE_integer('batch', 4, 'sequences', lower_bound=1)
_BACKWARD = flags.DEFINE_bool('backward', False, 'gradients too')
_REPEATS = flags.DEFINE_integer('repeats', 25, 'timed rounds', lower_bound=1)
_CLOCK = define_clock()
_PICTURE = flags.DEFINE_string('picture', '', 'a .png file to write')
_SEED = flags.DEFINE_integer('seed', 1, 'of weights and inputs')

COLUMNS = {
  'layer': 'layer',
  'n': 'n',
  'best s': 'best_s',
  'median s': 'median_s',
  'quartiles': 'quartiles_s',
  'ns an operation': 'ns_per_operation',
}
SUMMARY = {
  'layer': 'layer',
  'formula': 'formula',
  'exponent of n': 'exponent',
  'self-attention slower from n, by formula': 'crossing_by_formula',
  'measured': 'crossing',
}


def main() -> None:
  lengths = _lengths()
  if _R.value < 3 or _R.value % 2 == 0:
    raise UsageError(f'--r={_R.value}: expected an odd number of at least 3')
  if _D.value % _HEADS.value:
    raise UsageError(
      f'--heads={_HEADS.value}: expected a divisor of --d={_D.value}'
    )
  picture = Path(_PICTURE.value) if _PICTURE.value else None
  if picture:
    from benchmarks.layers_picture import check_picture

    check_picture(picture)
  from benchmarks.crossings import summarise
  from benchmarks.machine import describe
  from benchmarks.report import print_record, print_table
  from benchmarks.table1 import FORMULAS, Sizes

  sizes = Sizes(_D.value, _HEADS.value, _R.value, _K.value)
  machine = describe('jax', 'jaxlib')
  records: list[dict[str, Any]] = []
  for length in lengths:
    for record in _measure(sizes, length):
      operations = _BATCH.value * FORMULAS[record['layer']](sizes, length)
      record['ns_per_operation'] = round(1e9 * record['best_s'] / operations, 6)
      print_record(record | machine)
      records.append(record)
  print_table(records, COLUMNS)
  print()
  print_table(summarise(records, sizes), SUMMARY)
  if picture:
    from benchmarks.layers_picture import save_picture

    save_picture(picture, records, sizes)
    cli.say(f'picture: {picture}')


def _measure(sizes: Any, length: int) -> list[dict[str, Any]]:
  """Returns a record of each layer at one length."""
  import jax

  from benchmarks.report import now
  from benchmarks.rounds import run_rounds, summary
  from benchmarks.table1 import make_layers

  cli.say(f'n = {length}')
  shape = (_BATCH.value, length, sizes.d)
  x_BND = jax.random.normal(jax.random.key(_SEED.value), shape)
  jobs = {
    name: _job(layer, weights, x_BND)
    for name, (layer, weights) in make_layers(sizes, _SEED.value).items()
  }
  # No pause: nothing but jax runs here, whose threads sleep when they wait.
  timed = run_rounds(
    jobs,
    repeats=_REPEATS.value,
    warmup=2,
    pause_s=0,
    clock=CLOCKS[_CLOCK.value],
  )
  return [
    {
      'benchmark': 'layers',
      'date': now(),
      'device': jax.default_backend(),
      'layer': name,
      'n': length,
      'd': sizes.d,
      'heads': sizes.heads,
      'r': sizes.r,
      'k': sizes.k,
      'batch': _BATCH.value,
      'backward': _BACKWARD.value,
      'clock': _CLOCK.value,
    }
    | summary(repeats)
    for name, repeats in timed.items()
  ]


def _job(layer: Any, weights: Any, x_BND: Any) -> Any:
  import jax
  import jax.numpy as jnp

  run = layer
  if _BACKWARD.value:
    # Of a sum of squares, so that every output has a gradient of its own.
    def loss(weights, x_BND):
      return jnp.sum(layer(weights, x_BND) ** 2)

    run = jax.grad(loss, argnums=(0, 1))
  compiled = jax.jit(run)
  return lambda: jax.block_until_ready(compiled(weights, x_BND))


def _lengths() -> list[int]:
  try:
    lengths = [int(length) for length in _LENGTHS.value]
  except ValueError:
    lengths = []
  if not lengths or lengths != sorted(set(lengths)) or lengths[0] < 1:
    raise UsageError(
      f'--lengths={",".join(_LENGTHS.value)}: expected ascending numbers above '
      '0, such as 32,64,128'
    )
  return lengths


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
