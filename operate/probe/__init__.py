"""Probes: messages of the desk's own, sent through a deployed pipeline, whose outcomes are awaited."""
