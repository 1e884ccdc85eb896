"""Engines that do the same work as t2t_jax, with the same weights.

CTranslate2 and PyTorch are imported only where a benchmark asks for them.
"""
