"""The geometry of the page's charts, in percent of the plot, drawn as those of the demo's page are."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from capacity.cost import MILLION, PARTS, by_part, items
from capacity.prices import Prices
from capacity.service_time import digits, shown
from capacity.simulation.course import Course, Series
from capacity.work import Work
from local.charts import Bar, Chart, Tick, axis, nice_step, ticks

MOST_BARS = 96
HOURS = (0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48)


def bars_of(seconds: int) -> int:
    """Return into how many bars a time is cut: quarters of an hour of a day."""
    return min(MOST_BARS, max(1, seconds // 10))


def over_time(
    values: Series, title: str, line: Series | None = None, *, peak: bool = False, whole: bool = False
) -> Chart:
    """Return bars of a value's mean over time, or of its peak, and another value's as a line on the same axis.

    `whole` values have no ticks between whole numbers.
    """
    bars = bars_of(len(values))
    heights = _binned(values, bars, peak=peak)
    lines = _binned(line, bars, peak=False) if line is not None else np.zeros(0)
    largest = max(float(heights.max()), float(lines.max(initial=0.0)))
    y_ticks, top = axis(largest) if whole else _scaled(largest)
    return Chart(
        bars=[
            Bar(100 * number / bars, 100 / bars, 100 * float(height) / top, f"{digits(float(height))} {title}")
            for number, height in enumerate(heights)
        ],
        x_ticks=_clock_ticks(len(values)),
        y_ticks=y_ticks,
        line=_polyline(lines / top) if len(lines) else "",
    )


def costs(work: Work, course: Course, prices: Prices) -> tuple[Chart, Sequence[str]]:
    """Return USD an hour over time as stacked bars, and the parts from the bottom up."""
    bars = min(24, bars_of(course.seconds))
    edges: list[int] = np.linspace(0, course.seconds, bars + 1).astype(int).tolist()
    spent: list[Mapping[str, float]] = []
    for start, end in pairwise(edges):
        usd = by_part(items(work, course.usage(start, end), prices))
        spent.append({part: 3600 * value / (end - start) for part, value in usd.items()})
    whole = {part: sum(one[part] for one in spent) for part in PARTS}
    parts = [part for part in sorted(PARTS, key=lambda one: -whole[one]) if whole[part] > 0]
    y_ticks, top = _scaled(max(sum(one.values()) for one in spent))
    return Chart(
        bars=[bar for number, one in enumerate(spent) for bar in _stack(number, bars, one, parts, top)],
        x_ticks=_clock_ticks(course.seconds),
        y_ticks=y_ticks,
    ), parts


def _stack(number: int, bars: int, usd: Mapping[str, float], parts: Sequence[str], top: float) -> list[Bar]:
    found, bottom = [], 0.0
    for place, part in enumerate(parts):
        height = 100 * usd[part] / top
        title = f"{part}: {digits(usd[part])} USD an hour"
        found.append(Bar(100 * number / bars, 100 / bars, height, title, bottom, f"part-{min(place, 7)}"))
        bottom += height
    return found


def latencies(seconds: Sequence[float]) -> Chart:
    """Return how many messages took how long, up to the 99.5th percentile."""
    end = float(np.quantile(seconds, 0.995))
    bars = 40
    counts, edges = np.histogram(np.minimum(seconds, end), bins=bars, range=(0, end))
    y_ticks, top = axis(float(counts.max()))
    marks = [
        Tick(100 * float(np.quantile(seconds, share)) / end, f"{name} {shown(float(np.quantile(seconds, share)))}")
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]
    return Chart(
        bars=[
            Bar(
                100 * number / bars, 100 / bars, 100 * int(count) / top, f"{count:,} took {shown(float(edge))} and more"
            )
            for number, (count, edge) in enumerate(zip(counts, edges[:-1], strict=True))
        ],
        x_ticks=ticks(nice_step(200 * end), 1000 * end, " ms") if end < 10 else ticks(nice_step(end / 5), end, " s"),
        y_ticks=y_ticks,
        marks=marks,
    )


def _binned(values: Series, bars: int, *, peak: bool) -> Series:
    parts = np.array_split(values, bars)
    return np.array([part.max() if peak else part.mean() for part in parts])


def _scaled(largest: float) -> tuple[list[Tick], float]:
    """Return the ticks of a y axis, also of values far below one, and the value at its top."""
    if largest >= MILLION:
        marks, top = axis(largest / MILLION)
        return [Tick(mark.at, f"{mark.text} M" if mark.text != "0" else "0") for mark in marks], top * MILLION
    if largest >= 4:
        return axis(largest)
    factor = 1.0
    while 0 < largest * factor < 4:
        factor *= 10
    marks, top = axis(largest * factor)
    return [Tick(mark.at, f"{float(mark.text.replace(',', '')) / factor:g}") for mark in marks], top / factor


def _polyline(shares: Series) -> str:
    count = len(shares)
    points = [
        f"{100 * edge / count:.2f},{100 - 100 * float(share):.2f}"
        for number, share in enumerate(shares)
        for edge in (number, number + 1)
    ]
    return " ".join(points)


def _clock_ticks(seconds: int) -> list[Tick]:
    hours = seconds / 3600
    step = next((one for one in HOURS if hours / one <= 8), HOURS[-1])
    count = int(hours / step + 1e-9)
    unit = " h" if step >= 1 else " min"
    factor = 1 if step >= 1 else 60
    return [
        Tick(100 * number * step / hours, f"{number * step * factor:g}{unit if number == count else ''}")
        for number in range(count + 1)
    ]
