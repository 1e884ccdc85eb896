"""What a run will need, before it is started: checks, memory, time."""
