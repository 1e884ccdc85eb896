"""Models for other engines, and from them."""
