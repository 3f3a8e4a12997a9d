"""A strict stand-in for the control planes of SageMaker, Application Auto Scaling and CloudWatch.

What it refuses, and by which page, is in `rules`. An operation that no stack here needs is refused, too.
"""

from local.control_plane.plane import ControlPlane
from local.control_plane.rules import Rule
from local.control_plane.state import Durations, Event, Violation

__all__ = ["ControlPlane", "Durations", "Event", "Rule", "Violation"]
