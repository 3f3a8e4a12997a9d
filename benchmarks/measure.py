"""Candidates side by side: alternating rounds, and their statistics."""

import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / ".build" / "bench"
PROJECT_PYTHON = PROJECT / ".venv" / "bin" / "python"

Values = Mapping[str, float]
"""One run of one candidate: the measured value, by metric."""
Samples = Mapping[str, Sequence[Values]]
"""By candidate, a run for each round."""


class BenchmarkError(RuntimeError):
    """A benchmark could not be run; the message is for the user."""


class Metric(NamedTuple):
    name: str
    unit: str


class Spread(NamedTuple):
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison: the same work, done by each candidate."""

    title: str
    metrics: Sequence[Metric]
    samples: Samples
    reference: str
    """The candidate that the others are compared with."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """By candidate: its configuration."""

    def values(self, candidate: str, metric: str = "") -> list[float]:
        return [run[metric or self.metrics[0].name] for run in self.samples[candidate]]

    def spread(self, candidate: str, metric: str = "") -> Spread:
        return Spread.of(self.values(candidate, metric))

    def ratios(self, candidate: str, to: str = "", metric: str = "") -> Spread:
        """Return the ratio to the other candidate, round by round: whatever slows down a whole round is in both."""
        return Spread.of(paired_ratios(self.values(candidate, metric), self.values(to or self.reference, metric)))


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A claim with its bound."""

    claim: str
    ratio: Spread
    at_least: float = 0.0
    at_most: float = math.inf

    @property
    def met(self) -> bool:
        return self.at_least <= self.ratio.median <= self.at_most

    @property
    def bound(self) -> str:
        return f">= {self.at_least:g}" if self.at_least else f"<= {self.at_most:g}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The measurements of one benchmark."""

    cases: Sequence[Case]
    bars: Sequence[Bar] = ()
    remarks: Sequence[str] = ()


def paired_ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]


def limit_seconds(records: int, *, fixed: float, per_record: float, capacity: int) -> float:
    """Return the least time in which an endpoint can answer for so many records.

    It takes `fixed + per_record x n` seconds for a request of n records, and serves `capacity` requests at once: one
    request for each of those places is the fewest that use them all.
    """
    return fixed + per_record * math.ceil(records / capacity)


def alternate(runs: Mapping[str, Callable[[], Values]], *, rounds: int, warmups: int = 1) -> Samples:
    """Run every candidate once a round, each round in another order; the first rounds only warm up."""
    samples: dict[str, list[Values]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(-warmups, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            _say(f"round {number + 1} of {rounds}: {name}" if number >= 0 else f"warming up: {name}")
            values = runs[name]()
            if number >= 0:
                samples[name].append(values)
    _say("")
    return samples


def _say(text: str) -> None:
    """Show the progress on a terminal, in one line that the next text replaces."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
