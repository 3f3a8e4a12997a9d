"""The rehearsal's tables in the terminal: seconds of each step by stack, and of each change."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rehearsal.record import Record, Step


def show_tables(record: Record, console: Console) -> None:
    """Print the table of steps, and that of changes if there were any."""
    table = Table(box=None, padding=(0, 2))
    header, *rows = step_rows(record)
    for number, title in enumerate(header):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print()
    console.print(table, highlight=False)
    if changed := list(change_rows(record)):
        table = Table(box=None, padding=(0, 2))
        for number, title in enumerate(("change", "stack", "plan", "seconds", "")):
            table.add_column(title, justify="right" if number in (2, 3) else "left", overflow="fold")
        for row in changed:
            table.add_row(*map(escape, row))
        console.print()
        console.print(table, highlight=False)
    console.print()


def step_rows(record: Record) -> Iterator[list[str]]:
    """Yield a header and a row for each step: its seconds in each stack. Changes have a table of their own."""
    stacks = list(dict.fromkeys(step.stack for step in record.steps))
    yield ["seconds", *stacks]
    for name in dict.fromkeys(step.name for step in record.steps if ":" not in step.name):
        yield [
            name,
            *(_cell([step for step in record.steps if (step.stack, step.name) == (stack, name)]) for stack in stacks),
        ]
    if any(":" in step.name for step in record.steps):
        yield ["changes", *(_cell([s for s in record.steps if s.stack == stack and ":" in s.name]) for stack in stacks)]
    yield ["in all", *(f"{record.seconds(stack):.0f}" for stack in stacks)]


def change_rows(record: Record) -> Iterator[list[str]]:
    """Yield a row for each change: its name, stack, changes in the plan, seconds, and what came of it."""
    for stack, name in dict.fromkeys((s.stack, s.name.partition(":")[0]) for s in record.steps if ":" in s.name):
        steps = [s for s in record.steps if s.stack == stack and s.name.startswith(f"{name}:")]
        planned = next((len(step.changes) for step in steps if step.name == f"{name}: plan"), 0)
        yield [name, stack, str(planned), f"{sum(step.seconds for step in steps):.0f}", _outcome(steps)]


def _outcome(steps: Sequence[Step]) -> str:
    failure = next((step.failure for step in steps if step.failure), "")
    skipped = next((step.remark for step in steps if step.skipped), "")
    empty = ", second plan empty" if any(step.name.endswith(": second plan") for step in steps) else ""
    return failure or skipped or f"as expected{empty}"


def _cell(steps: Sequence[Step]) -> str:
    if not steps:
        return "-"
    if any(step.failure for step in steps):
        return "failed"
    if all(step.skipped for step in steps):
        return "skipped"
    return f"{sum(step.seconds for step in steps):.1f}"
