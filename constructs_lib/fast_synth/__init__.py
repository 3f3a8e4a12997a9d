"""The reason that a synth takes about a second: see `jsii_door`."""
