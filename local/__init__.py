"""Runs the synthesized stack on an embedded AWS, with a real model behind the endpoint: `python -m local`."""
