"""Reporting: pages and pictures of what a model does."""
