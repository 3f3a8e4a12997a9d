"""Instances of a variant over time: target tracking, steps, schedules, and the time that an instance takes to start.

Target tracking: Application Auto Scaling makes two alarms. The one for more instances calls after three periods over
the target, the one for fewer after 15 minutes below 90 % of it; capacity then follows the metric in proportion, and an
increase during the cooldown must be a larger one
(https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html). Periods
are a minute, and ten seconds of the high-resolution metric of concurrent requests
(https://aws.amazon.com/blogs/machine-learning/amazon-sagemaker-inference-launches-faster-auto-scaling-for-generative-ai-models).
That its alarms have three periods too is assumed. Steps are called once a minute by an alarm of one period.
"""

import math
from collections import deque
from dataclasses import dataclass

from capacity.deployed import Variant
from capacity.scaling_settings import Step
from capacity.simulation.schedule import changes

PERIOD_SECONDS = {"concurrent": 10, "invocations": 60, "backlog": 60, "utilization": 60}
PERIODS_OUT = 3
SECONDS_IN = 15 * 60
SHARE_IN = 0.9
STEP_PERIOD_SECONDS = 60
# About what SageMaker's guide has for an instance to start; --start sets it.
START_SECONDS = 300.0


@dataclass
class Seen:
    """One second as a variant's alarms see it."""

    outstanding: float = 0.0
    """Requests at the variant, in service or waiting for a place; of an asynchronous one, its whole backlog."""
    requests: float = 0.0
    """That arrived in this second."""
    age: float = 0.0
    """Of the work queue's oldest message, seconds."""
    visible: float = 0.0
    """Messages that wait in the work queue."""


class Fleet:
    """The instances of a variant."""

    def __init__(self, variant: Variant, seconds: int, start_seconds: float = START_SECONDS) -> None:
        self.variant = variant
        self._scaling = variant.scaling if variant.instance_type else None
        self._start = start_seconds
        self.in_service = variant.instances
        self.desired = variant.instances
        self._starting: deque[tuple[float, int]] = deque()
        self._low, self._high = (variant.fewest_instances, variant.most_instances)
        self._changes: dict[int, tuple[int, int]] = {}
        self._period, self._sum, self._maximum = 60, 0.0, dict[str, float]()
        self._over = self._under = 0
        self._moved_out = self._moved_in = -math.inf
        self._stepped: dict[Step, float] = {}
        if self._scaling:
            self._low, self._high = self._scaling.minimum, self._scaling.maximum
            self._changes = changes(self._scaling.schedule, seconds)
            self._period = PERIOD_SECONDS[self._scaling.metric]
            self.in_service = self.desired = max(self._low, min(self._high, variant.instances))

    @property
    def billed(self) -> int:
        """Instances that are paid for: those that start, too."""
        return self.in_service + sum(count for _, count in self._starting)

    @property
    def places(self) -> int:
        return self.in_service * self.variant.concurrent_requests

    def follow(self, second: int, seen: Seen) -> None:
        """Let a second pass."""
        while self._starting and self._starting[0][0] <= second:
            self.in_service += self._starting.popleft()[1]
        if self._scaling is None:
            return
        if second in self._changes:
            self._low, self._high = self._changes[second]
            self._want(second, max(self._low, min(self._high, self.desired)))
        self._sum += seen.requests if self._scaling.metric == "invocations" else seen.outstanding
        self._note(seen)
        if (second + 1) % self._period == 0:
            self._track(second)
        if (second + 1) % STEP_PERIOD_SECONDS == 0:
            self._step(second)

    def _note(self, seen: Seen) -> None:
        without = float(self.in_service == 0 and seen.outstanding > 0)
        for name, value in (
            ("ApproximateAgeOfOldestMessage", seen.age),
            ("ApproximateNumberOfMessagesVisible", seen.visible),
            ("HasBacklogWithoutCapacity", without),
        ):
            self._maximum[name] = max(value, self._maximum.get(name, 0.0))

    def _track(self, second: int) -> None:
        assert self._scaling is not None
        per_period = self._sum if self._scaling.metric == "invocations" else self._sum / self._period
        self._sum = 0.0
        if not self.in_service:
            return
        value = per_period / self.in_service
        self._over = self._over + 1 if value > self._scaling.target else 0
        self._under = self._under + 1 if value < SHARE_IN * self._scaling.target else 0
        wanted = math.ceil(self.in_service * value / self._scaling.target - 1e-9)
        wanted = max(self._low, min(self._high, wanted))
        if (self._over >= PERIODS_OUT and wanted > self.desired) or (
            self._under * self._period >= SECONDS_IN and wanted < self.desired and self._may_scale_in(second)
        ):
            self._want(second, wanted)

    def _may_scale_in(self, second: int) -> bool:
        assert self._scaling is not None
        return (
            not self._starting
            and second - self._moved_in >= self._scaling.scale_in_cooldown_seconds
            and second - self._moved_out >= self._scaling.scale_out_cooldown_seconds
        )

    def _step(self, second: int) -> None:
        assert self._scaling is not None
        for step in self._scaling.steps:
            called = self._maximum.get(step.metric, 0.0) >= step.threshold
            if called and second - self._stepped.get(step, -math.inf) >= step.cooldown_seconds:
                self._stepped[step] = second
                self._want(second, min(self._high, self.desired + step.add))
        self._maximum.clear()

    def _want(self, second: int, instances: int) -> None:
        """Start instances, or take some away at once: those that are still starting first."""
        if instances > self.desired:
            self._starting.append((second + self._start, instances - self.desired))
            self._moved_out = second
        elif instances < self.desired:
            surplus = self.desired - instances
            while surplus and self._starting:
                ready, count = self._starting.pop()
                surplus, count = max(0, surplus - count), max(0, count - surplus)
                if count:
                    self._starting.append((ready, count))
            self.in_service -= surplus
            self._moved_in = second
        self.desired = instances
