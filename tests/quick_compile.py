"""Compiling for programs that run for a millisecond."""

import jax

# With the usual options each would compile for three to five seconds.
COMPILER_OPTIONS = {
  'xla_backend_optimization_level': 0,
  'xla_llvm_disable_expensive_passes': True,
}
if jax.__version_info__ < (0, 11):
  COMPILER_OPTIONS['xla_cpu_use_fusion_emitters'] = False
