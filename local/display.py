"""The output of a run: a progress bar on a terminal, plain lines elsewhere."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.deploy import Deployment

# At least; later in a run, a tenth of the time so far.
PLAIN_LINE_EVERY_SECONDS = 2.0
ABSENT = "not created here"


class Display:
    """Shows steps, progress and tables."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Print the step once it is done, with its time; remarks that are put into the list follow."""
        started = time.monotonic()
        remarks: list[str] = []
        with self._console.status(name) if self._console.is_terminal else _nothing():
            yield remarks
        seconds = f"{time.monotonic() - started:.1f} s"
        remark = "".join(f"  {escape(remark)}" for remark in remarks)
        self._console.print(f"{name:<17} [dim]{seconds:>6}[/dim]{remark}", highlight=False, soft_wrap=True)

    def resources(self, deployment: Deployment) -> None:
        """List by type what was created, and what nothing here can create, if there is any."""
        for title, blocks in (("created", deployment.created), (ABSENT, deployment.absent)):
            if title == ABSENT and not blocks:
                continue
            by_type = defaultdict(list)
            for block in blocks:
                by_type[block.type].append(deployment.name(block))
            if title == ABSENT:
                by_type.update((type_, [_shortened(names)]) for type_, names in by_type.items())
            self.line(f"  {title}: {len(blocks)}")
            for line in _lines_by_type(by_type, self._console.width):
                self.line(line)
        for type_, arguments in sorted(deployment.left_out.items()):
            self.line(f"  without effect there: {type_} {', '.join(sorted(arguments))}")

    @contextmanager
    def progress(self, total: int) -> "Iterator[Ticker]":
        """Show how many of `total` are done; yield the ticker that takes their number."""
        if not self._console.is_terminal:
            yield _Lines(self._console, total)
            return
        columns = (
            TextColumn("[bold]scored or dead-lettered"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(show_speed=True),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as bar:
            yield _Bar(bar, total)

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        table = Table(show_header=False, box=None, padding=(0, 2))
        table.add_column(style="bold")
        table.add_column(justify="right")
        for name, value in rows:
            table.add_row(name, value)
        self._console.print()
        self._print_table(table)
        self._console.print()

    def _print_table(self, table: Table) -> None:
        """Print it without the spaces that pad its lines, if the output goes to a file."""
        if self._console.is_terminal:
            self._console.print(table, highlight=False)
            return
        with self._console.capture() as captured:
            self._console.print(table, highlight=False)
        self.line("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def verdict(self, complaints: Sequence[str], moved_by_sqs: int) -> None:
        """Say whether the run went as it should, and if not, why."""
        if moved_by_sqs:
            why = "because faults used up their receives; a redrive would bring them back"
            self.line(f"SQS itself moved {moved_by_sqs:,} good messages to the dead-letter queue, {why}")
        if not complaints:
            nothing_else = "" if moved_by_sqs else ", and nothing else"
            self._console.print(f"[green]Passed[/green]: nothing lost, all poison dead-lettered{nothing_else}")
        for complaint in complaints:
            self._console.print(f"[red]Failed[/red]: {escape(complaint)}", highlight=False, soft_wrap=True)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class Ticker:
    """Takes the number of those that are done."""

    def update(self, done: int) -> None:
        raise NotImplementedError


class _Bar(Ticker):
    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=total)

    def update(self, done: int) -> None:
        self._bar.update(self._task, completed=done)


class _Lines(Ticker):
    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._started = time.monotonic()
        self._next = self._started + PLAIN_LINE_EVERY_SECONDS

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + max(PLAIN_LINE_EVERY_SECONDS, (now - self._started) / 10)
            self._console.print(f"  {done:,} of {self._total:,} came back", highlight=False)


def _lines_by_type(names: Mapping[str, Sequence[str]], width: int) -> Iterator[str]:
    """Yield the names beside their types, or below them where the longest does not fit there: none is ever broken."""
    longest = max((len(name) + 1 for listed in names.values() for name in listed), default=0)
    beside = 4 + max(map(len, names), default=0) + 2
    start = beside if beside + longest <= width else 6
    for type_, listed in sorted(names.items()):
        lines = wrap(", ".join(listed), max(1, width - start), break_long_words=False, break_on_hyphens=False)
        if start == beside:
            yield f"    {type_:{beside - 4}}{lines.pop(0)}"
        else:
            yield f"    {type_}"
        yield from (f"{'':{start}}{line}" for line in lines)


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def table_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the numbers as the table shows them."""
    latency = summary["latency_ms"]
    yield "sent", f"{summary['sent']:,}"
    yield "succeeded", f"{summary['succeeded']:,}"
    for pipeline, count in summary.get("results_of", {}).items():
        yield f"  by {pipeline}", f"{count:,}"
    for reason, count in summary["dead_lettered"].items():
        yield "dead-lettered" if reason == "total" else f"  {reason}", f"{count:,}"
    yield "lost", f"{summary['lost']:,}"
    yield "repeated", f"{summary['repeated']:,}"
    yield "accuracy", percent(summary["accuracy"])
    yield "checked results", f"{summary['checked']:,}"
    yield "messages/s", rate(summary["messages_per_second"])
    for name in ("p50", "p95", "p99"):
        yield f"latency {name}", number(latency[name], " ms")
    yield "messages/request", number(summary["records_per_request"])
    if groups := summary.get("groups"):
        yield "message groups", f"{groups['total']:,}"
        yield "  out of order", f"{groups['out_of_order']:,}"
    if disturbance := summary.get("disturbance"):
        for kind, count in disturbance["injected"].items():
            yield "faults injected" if kind == "total" else f"  {kind}", f"{count:,}"
        yield "workers killed", f"{disturbance['workers_killed']:,}"
        yield "batches cut short", f"{disturbance['batches_cut_short']:,}"


def number(value: float | None, unit: str = "") -> str:
    """Return the number as text; a dash if there is none."""
    if value is None:
        return "-"
    return f"{value:,.0f}{unit}" if value >= 1000 or value == int(value) else f"{value:,.1f}{unit}"


def rate(value: float | None) -> str:
    """Return the rate as text, without decimals, which are chance; a dash if there is none."""
    return "-" if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Return the share as text, with enough decimals to differ from 100 %."""
    return "-" if share is None else f"{100 * share:.4g} %"
