"""Programs that run for a millisecond are compiled without much ado."""

import jax
import pytest


@pytest.fixture(autouse=True)
def quick_compiling():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)
