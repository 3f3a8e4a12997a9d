"""The command behind `make capacity-check`: `python -m capacity.check [handler] [local] [--publish]`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import BenchmarkError
from capacity.check import handler_check, local_check
from capacity.check.comparison import Comparison, table, verdicts
from local.command import guarded
from local.emulator import PROJECT
from local.errors import LocalRunError, UsageError

CHECKS = {"handler": handler_check.check, "local": local_check.check}
PAGE = PROJECT / "docs" / "capacity.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 checked, whether or not all hold; 1 a measurement failed; 2 wrong usage."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    names, publishing = _parse(arguments)
    for name in names:
        load = os.getloadavg()[0]
        try:
            text = _text(list(CHECKS[name]()), load)
        except BenchmarkError as error:
            raise LocalRunError(str(error)) from error
        print(f"{name}\n\n{text}\n", flush=True)
        if publishing:
            publish(name, text)
    return 0


def _parse(arguments: Sequence[str] | None) -> tuple[Sequence[str], bool]:
    parser = argparse.ArgumentParser(
        prog="make capacity-check", description="Hold the simulation against measurement.", exit_on_error=False
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{' or '.join(CHECKS)}; by default both")
    parser.add_argument("--publish", action="store_true", help="put the tables into docs/capacity.md")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in CHECKS:
            raise UsageError(f"there is no check {name}, but there are: {', '.join(CHECKS)}")
    return options.names or list(CHECKS), options.publish


def _text(found: Sequence[Comparison], load: float) -> str:
    today = datetime.now(UTC).date().isoformat()
    machine = f"Measured on {today}, {os.cpu_count()} processors, load {load:.1f} when it began."
    return "\n".join([table(found), "", *verdicts(found), machine])


def publish(name: str, text: str, page: Path = PAGE) -> None:
    """Put a table into the page, between the check's two comments."""
    begin, end = f"<!-- check: {name} -->\n", "<!-- end of check -->"
    section = re.compile(f"{re.escape(begin)}.*?{end}", re.DOTALL)
    content = page.read_text(encoding="utf-8")
    page.write_text(section.sub(lambda _: f"{begin}{text}\n{end}", content), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
