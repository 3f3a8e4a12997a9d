"""Side-by-side measurements against the alternatives: `make bench`."""
