"""The workdir: all that a run leaves, and all that decoding needs."""
