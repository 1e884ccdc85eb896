"""Decoding: search over a cached model, and lines in, lines out."""
