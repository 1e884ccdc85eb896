"""All that can be known of a run before it is started, in the order of cost."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import jax

from t2t_jax.config import Config
from t2t_jax.parallel import topologies
from t2t_jax.parallel.mesh import AXES, Sizes, resolve_sizes
from t2t_jax.parallel.platforms import on_platform
from t2t_jax.parallel.topologies import Topology
from t2t_jax.planning import checks, report
from t2t_jax.planning.plan import Plan, best_first, compiled, plan
from t2t_jax.planning.subject import Subject, from_lengths, from_text
from t2t_jax.training.memory import abstract_state
from t2t_jax.training.microbatches import device_memory


@dataclasses.dataclass(frozen=True)
class Request:
  """What to look at.

  Attributes:
    topology: such as v5e:16x16; '': the devices at hand.
    lengths: SxT in place of the text's shapes; '': the text's.
    workdir: where the run will write.
    compiles: compile the update too.
    compare: compile so many of the meshes that fit, the most promising; 0:
      the config's mesh alone.
    as_json: end with a JSON object of the plans.
  """

  topology: str = ''
  lengths: str = ''
  workdir: Path = Path('runs')
  compiles: bool = True
  compare: int = 0
  as_json: bool = False


def examine(
  config: Config, request: Request, write: Callable[[str], None]
) -> int:
  """Writes findings and plans; returns how many findings are to be mended.

  Raises:
    UsageError: a mistake in the request itself, or no compiler for it.
  """
  if request.topology:
    topology = topologies.parse(request.topology)
    topologies.look_for_no_device()
  else:
    topology = topologies.local()
  config = on_platform(config, topology.platform)
  subject, sizes, mistakes = _check_inputs(config, request, topology, write)
  if subject is None or sizes is None:
    return mistakes
  limit = memory_limit(config, topology, bool(request.topology))
  state = abstract_state(config, subject.model)
  first = plan(subject, topology, sizes, limit, state)
  ranked = best_first(subject, topology, limit) if request.compare else []
  # A mesh that does not fit is what others are compared for.
  if not any(other.fits for other in ranked):
    mistakes += _tell(
      [
        checks.check_shapes(subject, sizes, first.microbatches),
        checks.check_memory(first),
      ],
      write,
    )
  mistakes += _tell([checks.check_disk(config, state, request.workdir)], write)
  plans = [first]
  if mistakes:
    _write_plan(first, topology, write)
    _write_json(plans, topology, request, write)
    return mistakes
  if ranked:
    _write_table(ranked, write)
    plans = ranked[: request.compare]
  if request.compiles:
    devices = (
      topologies.devices_of(topology) if request.topology else jax.devices()
    )
    plans = [
      compiled(before, subject, topology, devices[: topology.size])[0]
      for before in plans
    ]
  for found in plans:
    _write_plan(found, topology, write)
  best = min(plans, key=lambda p: (not p.fits, _apart(p)))
  if request.compare:
    write(f'best of these: {_options(best.sizes)}')
  _write_json(plans, topology, request, write)
  return mistakes + (not best.fits)


def _write_json(
  plans: Sequence[Plan],
  topology: Topology,
  request: Request,
  write: Callable[[str], None],
) -> None:
  if request.as_json:
    write(json.dumps([report.as_json(p, topology) for p in plans]))


def memory_limit(config: Config, topology: Topology, is_away: bool) -> int:
  """Returns the bytes of a device; by the data sheet where it `is_away`."""
  if is_away and topology.chip and not config.training.device_memory_gib:
    return topology.chip.memory
  return device_memory(config, jax.local_devices())


def _check_inputs(
  config: Config,
  request: Request,
  topology: Topology,
  write: Callable[[str], None],
) -> tuple[Subject | None, Sizes | None, int]:
  """Returns the subject and the mesh, None where they have mistakes."""
  sizes: Sizes | None = None

  def resolve() -> str:
    nonlocal sizes
    sizes = resolve_sizes(config.mesh, topology.size, config.model)
    return ' x '.join(map(str, sizes)) + f' on {topology.name}'

  mistakes = _tell([checks.attempt('mesh', resolve)], write)
  if request.lengths:
    return from_lengths(config, request.lengths), sizes, mistakes
  in_text = _tell(checks.check_files(config), write)
  if not in_text:
    in_text += _tell([checks.check_direction(config)], write)
  subject: Subject | None = None

  def prepare() -> str:
    nonlocal subject
    subject, prepared, _ = from_text(config, lambda line: None)
    return checks.describe_vocabulary(config, prepared)

  if not in_text:
    in_text += _tell([checks.attempt('vocabulary', prepare)], write)
  return subject, sizes, mistakes + in_text


def _tell(
  findings: Iterable[checks.Finding], write: Callable[[str], None]
) -> int:
  """Writes the findings; returns how many are to be mended."""
  mistakes = 0
  for finding in findings:
    write(str(finding))
    mistakes += not finding.is_well
  return mistakes


def _write_plan(
  found: Plan, topology: Topology, write: Callable[[str], None]
) -> None:
  for line in report.lines(found, topology):
    write(line)


def _write_table(plans: list[Plan], write: Callable[[str], None]) -> None:
  """Every mesh that divides, by formula, the fastest first."""
  write('data x fsdp x tensor   microbatches   memory      update at most')
  for found in plans:
    sizes = ' x '.join(map(str, found.sizes))
    time = f'{1e3 * _apart(found):.3g} ms' if found.times else '-'
    memory = report.size_text(found.memory.total)
    fits = '' if found.fits else '  does not fit'
    write(f'{sizes:22} {found.microbatches:<14} {memory:11} {time}{fits}')


def _apart(found: Plan) -> float:
  return found.times.apart if found.times else 0.0


def _options(sizes: Sizes) -> str:
  return ' '.join(
    f'--config.mesh.{axis}={size}'
    for axis, size in zip(AXES, sizes, strict=True)
  )
