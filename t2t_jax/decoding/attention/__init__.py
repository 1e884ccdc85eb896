"""Attention weights of given pairs, and word alignments from them."""
