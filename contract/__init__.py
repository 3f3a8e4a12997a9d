"""Holds the handler against real model servers: each pair of server and codec, every result compared."""
