"""Runs the synthesized stack on an embedded AWS, with a real model behind the endpoint: `make demo` and `make soak`."""
