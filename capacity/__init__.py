"""The throughput and the cost of a synthesized stack before it is deployed, by formulas and by simulation."""
