"""The geometry of the report's charts, in percent of the plot; the page draws them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIME_BARS = 48
LATENCY_BARS = 40
FEWEST_BATCH_SIZES = 10


@dataclass(frozen=True)
class Tick:
    at: float
    """Percent from the left, or from the bottom."""
    text: str


@dataclass(frozen=True)
class Bar:
    left: float
    width: float
    height: float
    title: str
    bottom: float = 0.0
    """Height that it begins at: on another bar, in a stack."""
    kind: str = ""
    """Class of the page's style; empty for the usual colour."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    bars: Sequence[Bar]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Tick] = ()
    """Values on the x axis to point out."""
    line: str = ""
    """A second series: the points of an SVG polyline, 100 by 100, y downwards."""


def throughput(arrivals: Sequence[float], sent: Sequence[float]) -> Chart:
    """Return messages per second over time: bars of the outcomes, a line of the messages sent (seconds, sorted)."""
    end = max([*arrivals[-1:], *sent[-1:], 0.1])
    width = nice_step(end / TIME_BARS)
    bars = math.ceil(end / width + 1e-9)
    received, sending = _histogram(arrivals, width, bars), _histogram(sent, width, bars)
    y_ticks, top = axis(max(*received, *sending) / width)
    points = [
        f"{100 * edge / bars:.2f},{100 - 100 * count / width / top:.2f}"
        for number, count in enumerate(sending)
        for edge in (number, number + 1)
    ]
    return Chart(
        bars=[
            Bar(100 * number / bars, 100 / bars, 100 * count / width / top, f"{count / width:,.0f} messages/s")
            for number, count in enumerate(received)
        ],
        x_ticks=ticks(nice_step(end / 6), bars * width, " s"),
        y_ticks=y_ticks,
        line=" ".join(points),
    )


def latency(latencies_ms: Sequence[float], marks: Mapping[str, float | None]) -> Chart:
    """Return how many messages took how long (milliseconds, sorted)."""
    end = latencies_ms[-1] if latencies_ms else 1.0
    width = nice_step(end / LATENCY_BARS)
    bars = math.floor(end / width) + 1
    counts = _histogram(latencies_ms, width, bars)
    y_ticks, top = axis(max(counts))
    return Chart(
        bars=[
            Bar(100 * number / bars, 100 / bars, 100 * count / top, f"{count:,} took {number * width:,.0f} ms and more")
            for number, count in enumerate(counts)
        ],
        x_ticks=ticks(nice_step(end / 5), bars * width, " ms"),
        y_ticks=y_ticks,
        marks=[Tick(100 * at / (bars * width), f"{name} {at:,.0f} ms") for name, at in marks.items() if at is not None],
    )


def batch_sizes(records: Sequence[int]) -> Chart:
    """Return how many requests held how many messages."""
    counts = Counter(records)
    largest = max([FEWEST_BATCH_SIZES, *records])
    y_ticks, top = axis(max([1, *counts.values()]))
    label_every = math.ceil(largest / 12)
    return Chart(
        bars=[
            Bar(100 * (size - 1) / largest, 100 / largest, 100 * counts[size] / top, f"{counts[size]:,} requests")
            for size in range(1, largest + 1)
        ],
        x_ticks=[Tick(100 * (size - 0.5) / largest, f"{size}") for size in range(1, largest + 1, label_every)],
        y_ticks=y_ticks,
    )


def nice_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least as large."""
    power: float = 10 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _histogram(values: Sequence[float], width: float, bars: int) -> list[int]:
    counts = Counter(min(int(value / width), bars - 1) for value in values)
    return [counts[number] for number in range(bars)]


def axis(largest: float) -> tuple[list[Tick], float]:
    """Return the ticks of a y axis, and the value at its top."""
    step = max(1, nice_step(max(largest, 1) / 4))
    top = step * math.ceil(largest / step - 1e-9) or step
    return [Tick(100 * number * step / top, f"{number * step:,.0f}") for number in range(round(top / step) + 1)], top


def ticks(step: float, end: float, unit: str) -> list[Tick]:
    values = [number * step for number in range(math.floor(end / step + 1e-9) + 1)]
    return [Tick(100 * value / end, f"{value:,g}{unit if value == values[-1] else ''}") for value in values]
