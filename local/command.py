"""The parts that the commands share: options, exit statuses, and the end by a signal."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from local.errors import LocalRunError, UsageError
from local.options import Options
from local.run import run

INTERRUPTED = 130
# Errors of writing to a file or a pipe that the output was directed to.
OUTPUT_ERRORS = (errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EPIPE)


def execute(parse: Callable[[Sequence[str] | None], Options], arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    return status_of(lambda: run(parse(arguments), Console()))


def status_of(work: Callable[[], int]) -> int:
    """Return the exit status of what a command does: its own, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    return guarded(work)


def guarded(act: Callable[[], int]) -> int:
    """Return the exit status of a command: its own, or that of an error of the user's, which is told in one line."""
    try:
        return act()
    except LocalRunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        print(f"error: the output: {error.strerror}", file=sys.stderr)
        _give_up_output()
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _give_up_output() -> None:
    """Have what is left in the output's buffer go nowhere: at its exit Python would fail on it once more."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Parser(argparse.ArgumentParser):
    """A parser with the options that every run has."""

    def __init__(self, description: str, defaults: Options) -> None:
        target = defaults.target
        super().__init__(prog=f"make {target}", usage=f'make {target} ARGS="[option] …"', description=description)
        add = self.add_argument
        add("--count", type=whole_number(1), metavar="N", help="how many messages to send (%(default)s)")
        add("--seed", type=int, metavar="S", help="the number that chooses and orders them (%(default)s)")
        add("--poison", type=share, metavar="SHARE", help="share that can never be scored, 0 to 1 (%(default)s)")
        add("--messages", type=_messages_file, metavar="FILE", help="messages of your own, JSON Lines of "
            '{"inputs": "…"} or {"body": …}, optionally with "expected", or with "poison": "reason"')  # fmt: skip
        add(
            "--report",
            type=Path,
            metavar="DIR",
            help=f"folder of this run's report, log and stack (.build/{target})",
        )
        self.set_defaults(**vars(defaults))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def whole_number(least: int) -> Callable[[str], int]:
    """Return a function that reads such an argument."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return read


def share(text: str) -> float:
    """Read a share, 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def _messages_file(text: str) -> Path:
    if text.isdecimal() and not Path(text).exists():
        raise argparse.ArgumentTypeError(f"there is no file {text}; --count {text} sets how many messages to send")
    return Path(text)


def _interrupt(*_: object) -> NoReturn:
    """End the run in order; a second signal must not interrupt that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
