"""One setting, measured and predicted."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# The check's bounds: what is farther away is a miss, which stands on the page.
THROUGHPUT, P95 = 0.15, 0.25


@dataclass(frozen=True)
class Numbers:
    """Messages a second, and the 95th percentile in seconds."""

    per_second: float
    p95: float


@dataclass(frozen=True)
class Comparison:
    """A setting, with what was measured and what the discrete engine says."""

    setting: str
    measured: Numbers
    predicted: Numbers
    noise: float
    """Of the measurement itself: its slowest round by its fastest one, less one."""

    @property
    def throughput_off(self) -> float:
        return self.predicted.per_second / self.measured.per_second - 1

    @property
    def p95_off(self) -> float:
        return self.predicted.p95 / self.measured.p95 - 1

    @property
    def holds(self) -> bool:
        return abs(self.throughput_off) <= THROUGHPUT and abs(self.p95_off) <= P95


def nearest_rank(values: Sequence[float], share: float) -> float:
    """Return the value that this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def noise(rounds: Sequence[float]) -> float:
    """Return how much slower the slowest round was than the fastest."""
    return max(rounds) / min(rounds) - 1


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the table of the page."""
    head = (
        "| setting | measured/s | predicted/s | off | measured p95 | predicted p95 | off | noise |  |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *map(_row, comparisons)])


def _row(one: Comparison) -> str:
    per_second = f"{one.measured.per_second:,.0f} | {one.predicted.per_second:,.0f}"
    return (
        f"| {one.setting} | {per_second} | {one.throughput_off:+.0%} "
        f"| {1000 * one.measured.p95:,.0f} ms | {1000 * one.predicted.p95:,.0f} ms | {one.p95_off:+.0%} "
        f"| {one.noise:.0%} | {'holds' if one.holds else 'missed'} |"
    )


def verdicts(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield how many hold, and how far the others are off."""
    holding = sum(one.holds for one in comparisons)
    yield f"{holding} of {len(comparisons)} hold: throughput within {THROUGHPUT:.0%}, p95 within {P95:.0%}."
    off = statistics.mean(abs(one.throughput_off) for one in comparisons)
    late = statistics.mean(abs(one.p95_off) for one in comparisons)
    yield f"Throughput is off by {off:.0%} on average, p95 by {late:.0%}."
