"""Eight CPU devices for every test, set before anything uses jax."""

import jax

jax.config.update('jax_num_cpu_devices', 8)
