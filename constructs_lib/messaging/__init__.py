"""Queues, topics, and the sinks of results."""
