"""Tables, and a progress bar on a terminal."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .text import printable_lines

INDENT = "    "
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Display:
    """Shows lines, tables and progress; whatever a terminal would act on is written out, whoever wrote it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._errors = Console(stderr=True)

    def line(self, text: str = "") -> None:
        self._console.print(Text(printable_lines(text)), soft_wrap=True)

    def quoted(self, text: str) -> None:
        """Print what somebody else wrote, each line of it indented: none looks like one of the desk's own."""
        shown = printable_lines(text)
        if self._console.is_terminal:  # where a long line goes on in the next
            self._console.print(Padding(Text(shown, overflow="fold"), (0, 0, 0, len(INDENT))))
        else:
            self.line("\n".join(INDENT + line for line in shown.split("\n")))

    def raw(self, text: str) -> None:
        """Print for other programs; JSON, which escapes by itself."""
        self._console.file.write(text + "\n")

    def clear(self) -> None:
        self._console.clear()

    def note(self, text: str) -> None:
        """Print beside the output, where a progress bar may be."""
        self._errors.print(Text(printable_lines(text)), soft_wrap=True)

    def table(self, rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> None:
        """Print the rows in columns; without spaces at their ends, if the output goes to a file."""
        rows = list(rows)
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=bool(head), header_style="bold")
        for title in head or rows[0]:
            table.add_column(title if head else "", overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable_lines(cell)) for cell in row))  # a plain string may hold markup and :emoji:
        if self._console.is_terminal:
            self._console.print(table, highlight=False)
            return
        wide = Console(width=240)
        with wide.capture() as captured:
            wide.print(table, highlight=False)
        self.line("\n".join(line.rstrip() for line in captured.get().splitlines()))

    @contextmanager
    def progress(self, what: str, total: int) -> "Iterator[Progressing]":
        """Show how many of about `total` are done, on a terminal."""
        columns = (TextColumn(f"[bold]{what}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._errors, transient=True, disable=not self._errors.is_terminal) as bar:
            yield Progressing(bar, bar.add_task("", total=max(1, total)))


class Progressing:
    """Takes the number of those that are done since."""

    def __init__(self, bar: Progress, task: object) -> None:
        self._bar, self._task = bar, task

    def advance(self, count: int = 1) -> None:
        self._bar.advance(self._task, count)  # type: ignore[arg-type]


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a moment was, in seconds since the epoch."""
    return duration((time.time() if now is None else now) - moment)


def duration(seconds: float) -> str:
    """Return for instance `3 d`, `5 h`, `12 min`, `40 s`."""
    for size, unit in UNITS:
        if seconds >= 2 * size or unit == "s":
            return f"{max(0, seconds) / size:.0f} {unit}"
    raise AssertionError
