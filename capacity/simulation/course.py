"""The course of a simulated time, second by second, and what follows from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.cost import Usage

Series = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Course:
    """Second by second; latencies in seconds."""

    arrived: Series
    done: Series
    backlog: Series
    """Messages in the work queue, and in an asynchronous endpoint's own."""
    age: Series
    """Of the oldest message."""
    latency: Series
    """Mean of the messages that were done in the second; 0 where there were none."""
    batch: Series
    invocations: Series
    """That began."""
    function_seconds: Series
    concurrency: Series
    """Invocations at once."""
    most_concurrency: float
    requests: Series
    model_seconds: Series
    utilization: Series
    """Of the places at the variant that is the fullest."""
    instances: Mapping[str, Series]
    """By variant, those that are paid for."""
    throttled: Series
    """Messages that came back because the endpoint refused them."""
    expired: float
    """Messages that were older than the queue keeps them: lost."""
    dead_lettered: float
    """Messages that used up their receives."""

    @property
    def seconds(self) -> int:
        return len(self.arrived)

    def usage(self, start: int = 0, end: int | None = None) -> Usage:
        """Return what was used from one second to another."""
        part = slice(start, end)
        done, calls = float(self.done[part].sum()), float(self.invocations[part].sum())
        return Usage(
            seconds=float(len(self.arrived[part])),
            messages=done,
            invocations=calls,
            function_seconds=float(self.function_seconds[part].sum()),
            requests=float(self.requests[part].sum()),
            model_seconds=float(self.model_seconds[part].sum()),
            instance_hours={name: float(series[part].sum()) / 3600 for name, series in self.instances.items()},
            results_per_call=max(1.0, min(10.0, done / calls)) if calls else 10.0,
        )

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the messages stays below, each second's at its mean."""
        done = self.done
        if done.sum() <= 0:
            return math.inf
        order = np.argsort(self.latency)
        reached = np.cumsum(done[order])
        return float(self.latency[order][np.searchsorted(reached, share * reached[-1])])

    def drained_at(self) -> float:
        """Return the second from which on no backlog of more than a second's work waits; infinite if one remains."""
        limit = np.maximum(self.arrived, 1.0) * 2
        over = np.nonzero(self.backlog > limit)[0]
        if not len(over):
            return 0.0
        return float(over[-1] + 1) if over[-1] + 1 < self.seconds else math.inf
