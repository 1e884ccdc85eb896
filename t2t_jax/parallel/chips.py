"""What accelerators can do, by their makers' data sheets.

Peaks are those of dense bfloat16 products. Nothing of it is measured here.
"""

import dataclasses
from collections.abc import Iterable

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
  """One device.

  Attributes:
    name: as in a topology, such as v5e or h200.
    kind: how jax names such a device (`device_kind`), or begins to.
    peak_flops: bfloat16 products and sums a second.
    memory: bytes.
    memory_bandwidth: bytes a second.
    link_bandwidth: bytes a second, one way, over all links to the chips of
      its slice (TPU) or of its host (GPU).
    host_bandwidth: bytes a second, one way, to chips of other hosts: its
      share of the network. TPUs of a slice need none: 0.
    links_of: torus dimensions that share the links; 1: a switch.
    clock: cycles a second of its cores, in which the compiler tells what a
      TPU's kernels take; 0 where that is not known.
  """

  name: str
  kind: str
  peak_flops: float
  memory: int
  memory_bandwidth: float
  link_bandwidth: float
  host_bandwidth: float
  links_of: int
  clock: float = 0.0

  @property
  def is_tpu(self) -> bool:
    return self.host_bandwidth == 0


# TPUs: cloud.google.com/tpu/docs/{v4,v5e,v5p,v6e}, "System architecture":
# peak compute per chip (bf16), HBM capacity and bandwidth, interchip
# interconnect bandwidth (Gbps, here / 8; the pages now give both directions).
# Clocks: the peak divided by what the cores' matrix units do in a cycle, 128 x
# 128 products and sums in each: 4 units a v5e core, 4 in each of two v4 or v5p
# cores. What a v6e unit does is not given there.
# GPUs: NVIDIA's A100 80 GB SXM, H100 SXM and H200 SXM data sheets (without
# sparsity; NVLink is given there for both directions). Their network is that
# of a DGX: one ConnectX-6 (200 Gb/s) or ConnectX-7 (400 Gb/s) a GPU.
_CHIPS = (
  Chip('v4', 'TPU v4', 275e12, 32 * GIB, 1.2e12, 2400e9 / 8, 0, 3, 1.05e9),
  Chip('v5e', 'TPU v5 lite', 197e12, 16 * GIB, 819e9, 1600e9 / 8, 0, 2, 1.5e9),
  Chip('v5p', 'TPU v5', 459e12, 95 * GIB, 2.765e12, 4800e9 / 8, 0, 3, 1.75e9),
  Chip('v6e', 'TPU v6 lite', 918e12, 32 * GIB, 1.64e12, 3584e9 / 8, 0, 2),
  Chip('a100', 'NVIDIA A100', 312e12, 80 * 10**9, 2.039e12, 300e9, 25e9, 1),
  Chip('h100', 'NVIDIA H100', 989e12, 80 * 10**9, 3.35e12, 450e9, 50e9, 1),
  Chip('h200', 'NVIDIA H200', 989e12, 141 * 10**9, 4.8e12, 450e9, 50e9, 1),
)
CHIPS = {chip.name: chip for chip in _CHIPS}


def chip_of(device_kind: str) -> Chip | None:
  """Returns the chip that jax calls `device_kind`, None if it stands not
  here (a CPU)."""
  fitting = [chip for chip in _CHIPS if device_kind.startswith(chip.kind)]
  # 'TPU v5 lite' begins as 'TPU v5' does.
  return max(fitting, key=lambda chip: len(chip.kind), default=None)


def peak_flops(device_kinds: Iterable[str]) -> float | None:
  """Returns the devices' bfloat16 operations a second, all together; None
  where one stands not here."""
  chips = [chip_of(kind) for kind in device_kinds]
  if None in chips:
    return None
  return sum(chip.peak_flops for chip in chips if chip)
