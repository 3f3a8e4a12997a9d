"""The result of a benchmark: on the screen, as JSON, and in docs/benchmarks.md."""

import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import BUILD, PROJECT, Bar, Case, Result, Spread

FIRST_COLUMN = 32
PAGE = PROJECT / "docs" / "benchmarks.md"


def show(result: Result, console: Console) -> None:
    for case in result.cases:
        console.print(_table(case.title, _case_rows(case)))
    if result.bars:
        console.print(_table("Claims", _bar_rows(result.bars)))
    for remark in result.remarks:
        console.print(remark, style="dim")


def write_json(name: str, result: Result, folder: Path = BUILD) -> Path:
    """Write every single value, and the machine that it was measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "benchmark": name,
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "cases": [
            {
                "title": case.title,
                "reference": case.reference,
                "units": {metric.name: metric.unit for metric in case.metrics},
                "notes": dict(case.notes),
                "samples": {candidate: [dict(run) for run in runs] for candidate, runs in case.samples.items()},
            }
            for case in result.cases
        ],
        "claims": [
            {"claim": bar.claim, "ratio": bar.ratio._asdict(), "bound": bar.bound, "met": bar.met}
            for bar in result.bars
        ],
        "remarks": list(result.remarks),
    }
    target = folder / f"{name}.json"
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def publish(name: str, result: Result, page: Path = PAGE) -> None:
    """Put the claims and the values into the page, between the benchmark's two comments."""
    parts = [_markdown(_bar_rows(result.bars))] if result.bars else []
    parts += ["<details>\n<summary>Every measurement</summary>"]
    parts += [f"{case.title}:\n\n{_markdown(_case_rows(case))}" for case in result.cases]
    parts += [*result.remarks, "</details>"]
    begin, end = f"<!-- results: {name} -->\n", "<!-- end of results -->"
    text = page.read_text(encoding="utf-8")
    section = re.compile(f"{re.escape(begin)}.*?{end}", re.DOTALL)
    body = "\n\n".join(parts)
    page.write_text(section.sub(lambda _: f"{begin}{body}\n{end}", text), encoding="utf-8")


def number(value: float) -> str:
    """Return three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def spread_text(spread: Spread) -> str:
    if spread.low == spread.high:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)}-{number(spread.high)})"


def _case_rows(case: Case) -> Iterator[list[str]]:
    """Yield the header, then a row for each candidate."""
    first = case.metrics[0].name
    titles = [f"{metric.name}, {metric.unit}" for metric in case.metrics]
    yield ["median (least-most)", *titles, f"{first}, times {case.reference}"]
    for name in case.samples:
        cells = [spread_text(case.spread(name, metric.name)) for metric in case.metrics]
        note = case.notes.get(name, "")
        yield [f"{name}\n{note}" if note else name, *cells, spread_text(case.ratios(name))]


def _bar_rows(bars: Sequence[Bar]) -> Iterator[list[str]]:
    yield ["claim", "ratio (least-most)", "bound", ""]
    for bar in bars:
        yield [bar.claim, spread_text(bar.ratio), bar.bound, "met" if bar.met else "missed"]


def _table(title: str, lines: Iterator[list[str]]) -> Table:
    first, *others = next(lines)
    table = Table(title=title, title_justify="left")
    table.add_column(first, min_width=FIRST_COLUMN)
    for header in others:
        table.add_column(header, justify="right")
    for row in lines:
        table.add_row(*row)
    return table


def _markdown(lines: Iterator[list[str]]) -> str:
    header = next(lines)
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(row)} |".replace("\n", "<br>") for row in rows)


def _machine() -> dict[str, object]:
    return {
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
