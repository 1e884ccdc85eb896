"""Compiling for programs that run for a millisecond."""

import contextlib
from collections.abc import Iterator

import jax

# With the usual options each would compile for three to five seconds.
COMPILER_OPTIONS = {
  'xla_backend_optimization_level': 0,
  'xla_llvm_disable_expensive_passes': True,
}
if jax.__version_info__ < (0, 11):
  COMPILER_OPTIONS['xla_cpu_use_fusion_emitters'] = False


@contextlib.contextmanager
def quickly_and_once(cache) -> Iterator[None]:
  """Compiles what is alike once, quickly, and keeps it in the directory."""
  # name: (here, elsewhere)
  settings = {
    'jax_disable_most_optimizations': (True, False),
    'jax_compilation_cache_dir': (str(cache), None),
    'jax_persistent_cache_min_compile_time_secs': (0.0, 1.0),
    'jax_persistent_cache_min_entry_size_bytes': (-1, 0),
  }
  for name, (value, _) in settings.items():
    jax.config.update(name, value)
  yield
  for name, (_, value) in settings.items():
    jax.config.update(name, value)
