"""The command: `python -m local`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from local.errors import LocalRunError, UsageError
from local.run import Options, run

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return run(parse(arguments), Console())
    except LocalRunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options of the command line. Raises UsageError."""
    default = Options()
    parser = _Parser(
        prog="python -m local",
        description="Run the synthesized stack on an embedded AWS, with a real model behind the endpoint.",
    )
    add = parser.add_argument
    add("--messages", type=Path, metavar="FILE", help='JSON Lines of {"inputs": "…"}, optionally with "expected"')
    add("--count", type=_count, metavar="N", help="how many messages to send (%(default)s)")
    add("--seed", type=int, metavar="S", help="what chooses and orders them (%(default)s)")
    add("--poison", type=_share, metavar="SHARE", help="share that can never be scored, 0 to 1 (%(default)s)")
    add("--stack", metavar="NAME", help="the stack to run (%(default)s)")
    add("--template", type=Path, metavar="FILE", help="a cdk.tf.json to run instead of synthesizing the stack")
    add("--report", type=Path, metavar="DIR", help="where report, log and synthesized stack go (.build/demo)")
    add("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    parser.set_defaults(**{field.name: getattr(default, field.name) for field in fields(Options)})
    return Options(**vars(parser.parse_args(arguments)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return share


def _interrupt(*_: object) -> NoReturn:
    """End the run in order; that must not be interrupted again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
