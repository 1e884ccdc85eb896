"""What a config leaves to the platform, chosen: in this one place."""

import dataclasses
import functools
import sys
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, SingleDeviceSharding

from t2t_jax.config import Config, ModelConfig
from t2t_jax.config_checks import check_cudnn
from t2t_jax.errors import UsageError
from t2t_jax.model.attention import fused_attention
from t2t_jax.parallel import hosts

# Positions of a copy whose logits exist at one time. Each chunk adds to the
# float32 gradient of the whole table (of base 76 MB, read and written), for
# which an accelerator wants few of them; a CPU wants logits that its cache
# holds.
_LOSS_CHUNK = {'cpu': 512, 'gpu': 8192, 'tpu': 4096}

# XLA's options for an update, by its own names (xla/debug_options_flags.cc).
_COMPILER_OPTIONS: dict[str, dict[str, Any]] = {
  'cpu': {},
  # 0: products that share a factor (queries, keys, values) stay apart. cuDNN's
  # attention wants each as an array of its own, and cutting those out of the
  # joint one is a copy; they are large enough alone.
  'gpu': {'xla_gpu_dot_merger_threshold_mb': 0},
  'tpu': {},
}


def on_platform(config: Config, platform: str, device: Any = None) -> Config:
  """Returns `config` with what it leaves open chosen for a platform.

  model.attention_impl = auto: cuDNN's kernel on GPUs where it can compute this
  model, else the reference. training.loss_chunk = 0: as many as suit it.

  Args:
    config: of a run; where nothing is open it stays as it is.
    platform: cpu, gpu or tpu.
    device: at hand, to try the kernel on; None: by its limits alone.
  """
  model, training = config.model, config.training
  if model.attention_impl == 'auto':
    takes = platform == 'gpu' and _takes_cudnn(model, device)
    model = dataclasses.replace(
      model, attention_impl='cudnn' if takes else 'reference'
    )
  if not training.loss_chunk:
    training = dataclasses.replace(training, loss_chunk=_LOSS_CHUNK[platform])
  return dataclasses.replace(config, model=model, training=training)


def on_mesh(config: Config, mesh: Mesh) -> Config:
  """Returns `config` with what it leaves open chosen for the mesh's devices,
  which need not be at hand."""
  # Of a run of several processes each tries the kernel on a device of its own.
  here = set(jax.local_devices()).intersection(mesh.devices.flat)
  return on_platform(
    config,
    platform_of(mesh.devices.flat[0]),
    min(here, key=lambda device: device.id, default=None),
  )


def compiler_options(mesh: Mesh) -> dict[str, Any]:
  """Returns XLA's options for an update on the mesh's devices."""
  return _COMPILER_OPTIONS[platform_of(mesh.devices.flat[0])]


def compiles_beside(mesh: Mesh) -> bool:
  """Whether to compile while updates run on the mesh's devices.

  A GPU's compiler tries kernels on the device and takes the fastest, which
  what runs beside them would disturb.
  """
  return platform_of(mesh.devices.flat[0]) != 'gpu'


def platform_of(device: Any) -> str:
  """Returns cpu, gpu or tpu; cpu for what is none of them."""
  names = {'cuda': 'gpu', 'rocm': 'gpu', 'gpu': 'gpu', 'tpu': 'tpu'}
  return names.get(device.platform, 'cpu')


def _takes_cudnn(model: ModelConfig, device: Any) -> bool:
  """Whether cuDNN's attention computes `model`: by its limits, and on a device
  by compiling it."""
  try:
    check_cudnn(model)
  except UsageError:  # what it never computes is no news
    return False
  return device is None or not _why_cudnn_fails(
    model.num_heads, model.d_k, device
  )


@functools.cache  # tried once, and told once
def _why_cudnn_fails(num_heads: int, d_k: int, device: Any) -> str:
  """Compiles cuDNN's attention, forward and backward; returns '' or, having
  said it, the first line of what goes wrong."""

  def attend(q_BTHK):
    mask_BS = jnp.ones(q_BTHK.shape[:2], bool)
    heads = fused_attention(q_BTHK, q_BTHK, q_BTHK, mask_BS, False, 'cudnn')
    return heads.astype(jnp.float32).sum()

  q_BTHK = jax.ShapeDtypeStruct(
    (2, 8, num_heads, d_k),
    jnp.bfloat16,
    sharding=SingleDeviceSharding(device),
  )
  try:
    jax.jit(jax.grad(attend)).lower(q_BTHK).compile()
  except RuntimeError as error:  # not installed, too old, or no such kernel
    why = next(iter(str(error).splitlines()), '') or type(error).__name__
    print(
      f"{hosts.name()}cuDNN's attention cannot be used on "
      f'{device.device_kind}: {why}; the slower attention_impl = reference is',
      file=sys.stderr,
      flush=True,
    )
    return why
  return ''
