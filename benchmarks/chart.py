"""A chart of a benchmark: a panel for each case, a bar for each candidate."""

import math
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.measure import Case, Result
from benchmarks.report import number

# With a ratio above this, short bars could not be seen on a linear scale.
LOGARITHMIC_FROM = 20
OURS, OTHERS = "#0b6e99", "#b8c4cc"
INCHES_PER_BAR = 0.32
INCHES_PER_PANEL = 0.75
WIDTH_INCHES = 9


def draw(result: Result, target: Path) -> None:
    """Write an SVG: medians as bars, least and most as whiskers; the same values give the same file."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.family": "sans-serif"})
    heights = [INCHES_PER_PANEL + INCHES_PER_BAR * len(case.samples) for case in result.cases]
    figure = Figure(figsize=(WIDTH_INCHES, sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)
    for panel, case in zip(panels[:, 0], result.cases, strict=True):
        _panel(panel, case)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
    # matplotlib leaves a space at the end of some lines
    text = target.read_text(encoding="utf-8")
    target.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _panel(panel: mpl.axes.Axes, case: Case) -> None:
    metric = case.metrics[0]
    names = list(case.samples)
    spreads = [case.spread(name) for name in names]
    medians = [spread.median for spread in spreads]
    whiskers = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
    colours = [OURS if name == case.reference else OTHERS for name in names]
    panel.barh(names, medians, color=colours, xerr=whiskers, error_kw={"elinewidth": 1, "ecolor": "#444444"})
    if max(medians) > LOGARITHMIC_FROM * min(medians):
        panel.set_xscale("log")
        panel.set_xlim(10 ** math.floor(math.log10(min(medians)) - 0.3), 3 * max(s.high for s in spreads))
    else:
        panel.set_xlim(0, 1.15 * max(s.high for s in spreads))
    for position, spread in enumerate(spreads):
        panel.annotate(
            f" {number(spread.median)}", (spread.high, position), va="center", fontsize=8, annotation_clip=False
        )
    panel.invert_yaxis()
    panel.set_title(f"{case.title} ({metric.name}, {metric.unit})", loc="left", fontsize=9)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
