"""Search as pure functions: beams, greedy, sampling, and what binds them."""
