"""The Transformer ("Attention Is All You Need") in JAX and Flax.

Dimension letters, as suffixes of tensor names and in every einsum:
  B batch     S source length   T target length    D d_model
  H heads     K d_k             U d_v              F d_ff
  V vocabulary                  W beam width       N positions of B and T flat
"""

__version__ = '0.1.0'
