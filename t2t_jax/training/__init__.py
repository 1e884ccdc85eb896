"""Training: loss, optimizer, step and loop (section 5)."""
