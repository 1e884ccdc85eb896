"""Many runs by one command: their rows, and where they are started."""
