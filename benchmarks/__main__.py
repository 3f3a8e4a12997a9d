"""The command: `python -m benchmarks [NAME …]`, in the environment of benchmarks/requirements.txt (`make bench`)."""

import argparse
import importlib
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from benchmarks.measure import BUILD, BenchmarkError, Result
from benchmarks.report import PAGE, publish, show, write_json

NAMES = ("synth", "handler", "coldstart", "cpu", "growth", "end-to-end", "batched-inside")
# It installs the server that `make contract` runs, 1.6 GiB: only by its name.
BY_NAME = ("batched-inside",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 measured, whether or not each claim was met; 1 failed; 130 interrupted."""
    options = parse(arguments)
    console = Console(soft_wrap=True)
    try:
        for name in options.names or [name for name in NAMES if name not in BY_NAME]:
            _run(name, options.publish, console)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the alternatives.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; by default all but the last")
    parser.add_argument("--publish", action="store_true", help="put charts and claims into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name}, but there are: {', '.join(NAMES)}")
    return options


def _run(name: str, publishing: bool, console: Console) -> None:
    from benchmarks.chart import draw  # noqa: PLC0415 - tests of the command have no matplotlib

    console.rule(name)
    started = time.monotonic()
    result: Result = importlib.import_module(f"benchmarks.{name.replace('-', '_')}").measure()
    show(result, console)
    target = write_json(name, result)
    draw(result, BUILD / f"{name}.svg")
    if publishing:
        draw(result, PAGE.with_suffix("") / f"{name}.svg")
        publish(name, result)
        write_json(name, result, PAGE.with_suffix(""))  # what python -m capacity compares with
    console.print(f"{target}, after {time.monotonic() - started:.0f} s", style="dim")


if __name__ == "__main__":
    sys.exit(main())
