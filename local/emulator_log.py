"""MiniStack's log, read while it is written: failed invocations, and killed processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# A line of MiniStack's for an invocation that failed; a traceback may follow.
FAILED_INVOCATION = ("ESM: Lambda ", " failed ", " errorMessage=")
# The beginning of the message, if the function's process died at work or while it started.
DIED = ("Worker process died", "Worker process exited immediately")
# Errors that every later invocation would meet again.
FINAL = (".ConfigurationError: ", "Worker init failed: ")
# Written by local/gateway.py, followed by the process id.
KILLED = "Killed a function's process: "
# Longer lines are cut: a message that a person reads is shorter.
LINE_CHARACTERS = 65_536


@dataclass(frozen=True)
class FailedInvocation:
    """An invocation that ended with an error."""

    message: str
    final: bool
    """True if no later invocation can succeed."""


class EmulatorLog:
    """Reads what was added to the log since the last time, in time proportional to its length."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open(encoding="utf-8", errors="replace")
        self._unfinished_line = ""
        self.killed = 0
        """Number of the functions' processes that were killed on demand. Counted by `failures`, as is the next."""
        self.batches_cut_short = 0
        """Number of invocations that ended because the function's process did. When one dies while it starts, MiniStack
        ends the others too.
        """

    def close(self) -> None:
        self._file.close()

    def failures(self) -> Iterator[FailedInvocation]:
        """Yield the invocations that failed since the last call."""
        first, *others = self._file.read().split("\n")
        lines = [self._unfinished_line + first[:LINE_CHARACTERS], *others]
        self._unfinished_line = lines.pop()[:LINE_CHARACTERS]
        for line in lines:
            self.killed += _is_killed(line)
            if failure := read_failure(line[:LINE_CHARACTERS]):
                self.batches_cut_short += failure.message.startswith(DIED)
                yield failure


def read_failure(line: str) -> FailedInvocation | None:
    """Return the failed invocation that the line reports, if it reports one."""
    found = [(start, mark) for mark in FINAL if (start := line.find(mark)) >= 0]
    if found:
        start, mark = min(found)
        return FailedInvocation(line[start + len(mark) :].removesuffix(")"), final=True)
    rest = line if line.endswith(")") else ""
    for mark in FAILED_INVOCATION:
        _, _, rest = rest.partition(mark)
    return FailedInvocation(rest.removesuffix(")"), final=False) if rest else None


def _is_killed(line: str) -> bool:
    return line.partition(KILLED)[2].isdecimal()
