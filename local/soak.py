"""The command behind `make soak`: many messages through the local run, with injected faults, and none may be lost."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local.command import Parser, execute, share, whole_number
from local.emulator import PROJECT
from local.options import Options

MESSAGES_PER_KILL = 2500


@dataclass(frozen=True, kw_only=True)
class SoakOptions(Options):
    """A run of the soak's stack. Each field is described at `Options`."""

    count: int = 100_000
    app: str = "local.soak_stack"
    report: Path = PROJECT / ".build" / "soak"
    faults: float = 0.05
    kills: int = count // MESSAGES_PER_KILL
    # Enough that the function always finds a full batch, and few enough that the emulator's memory does not grow.
    max_outstanding: int | None = 1000
    # A message that the function returns on each receive pauses for up to 10, 20, … 160 s before its sixth.
    stall_seconds: float = 360
    # Messages that a killed function had scored but not deleted come again, once or twice.
    settle_seconds: float = 60

    target: ClassVar[str] = "soak"
    stated: ClassVar[Sequence[str]] = ("count", "seed", "poison", "faults", "kills")
    stated_if_changed: ClassVar[Sequence[str]] = ("messages",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 nothing lost, 1 failed, 2 wrong usage, 130 interrupted."""
    return execute(parse, arguments)


def parse(arguments: Sequence[str] | None = None) -> SoakOptions:
    """Return the options of the command line. Raises UsageError."""
    description = "Send many messages through the local run while faults are injected; none may be lost."
    parser = Parser(description, SoakOptions())
    add = parser.add_argument
    add("--faults", type=share, metavar="SHARE", help="share of requests that meet a fault, 0 to 1 (%(default)s)")
    add("--kills", type=whole_number(0), metavar="N", help="how often a function's process is killed at work "
        f"(one in {MESSAGES_PER_KILL:,} messages, and one at least)")  # fmt: skip
    parser.set_defaults(kills=None)
    values = vars(parser.parse_args(arguments))
    if values["kills"] is None:
        values["kills"] = max(1, values["count"] // MESSAGES_PER_KILL)
    return SoakOptions(**values)


if __name__ == "__main__":
    sys.exit(main())
