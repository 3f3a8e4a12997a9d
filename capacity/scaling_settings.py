"""Rules that move a variant's number of instances, as Application Auto Scaling is told them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """Step scaling: instances are added each time an alarm calls."""

    metric: str
    """CloudWatch's name: ApproximateAgeOfOldestMessage, ApproximateNumberOfMessagesVisible, or
    HasBacklogWithoutCapacity."""
    threshold: float
    add: int
    cooldown_seconds: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Another range from a point in time on."""

    schedule: str
    timezone: str
    minimum: int
    maximum: int


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """A range of instances, or of warm containers of a serverless variant, and what moves the number within it."""

    minimum: int
    maximum: int
    metric: str = "concurrent"
    """Tracked metric: `concurrent` requests an instance, `invocations` an instance and minute, `backlog` an instance,
    or `utilization` of provisioned concurrency."""
    target: float = 1.0
    scale_in_cooldown_seconds: int = 300
    scale_out_cooldown_seconds: int = 300
    steps: Sequence[Step] = ()
    schedule: Sequence[Entry] = ()

    @property
    def fewest(self) -> int:
        return min([self.minimum, *(entry.minimum for entry in self.schedule)])

    @property
    def most(self) -> int:
        return max([self.maximum, *(entry.maximum for entry in self.schedule)])
