"""Evaluation: how good translations are."""
