"""The road over time: a fluid in steps of a second, and discrete events of the same rules for latency."""
