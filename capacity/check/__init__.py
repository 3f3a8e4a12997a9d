"""The simulation held against measurement: the handler at the benchmark's endpoint, and the local run."""
