"""Meshes of devices, and what lies where on them."""
