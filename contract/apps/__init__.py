"""Scripts that run in the servers' environments: `python APP MODEL PORT` makes a model and serves it."""
