"""Probabilities of given targets."""
