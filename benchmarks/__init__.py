"""How fast t2t_jax is, beside its peers, in one run on one machine.

Each benchmark is a command, `python -m benchmarks.NAME`, that makes jobs (one
a peer, doing the same work), times them in turn (`rounds.py`), and prints a
JSON line for each measurement and a table at the end (`report.py`). Peers
stand in `peers/` and run where they are installed (extra `bench`). What counts
is the ratio between peers within a round: a machine's speed changes from hour
to hour, and from round to round.
"""
