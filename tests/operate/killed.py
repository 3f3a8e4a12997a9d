"""Redrives that are killed at one step each: `python -m tests.operate.killed STACK=STEP …`, for tests alone.

Each runs in a process of its own, which ends by SIGKILL at that step of its second letter; the steps are numbered as
they are listed in `STEPS`.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import boto3

from operate.__main__ import main
from operate.clients import Clients
from operate.dead_letters import scan
from operate.dead_letters.journal import Journal
from operate.dead_letters.redrive import Redrive
from operate.dead_letters.scan import Scan
from tests.operate.conftest import QuickSession

OPERATIONS = ("begin to send", "send", "note that it was sent", "delete")
STEPS = [f"{moment} {operation}" for operation in OPERATIONS for moment in ("before", "after")]
# What the killed process held comes back soon, so that the test need not wait for minutes.
HOLD_SECONDS = 2


def redrive(stack: str, step: int) -> None:
    """Run a redrive that kills itself at the step of its second letter."""
    moments = iter(range(2 * len(STEPS)))

    def killing(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            kill_at(len(STEPS) + step)
            result = operation(*arguments, **named)
            kill_at(len(STEPS) + step)
            return result

        return run

    def kill_at(moment: int) -> None:
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    class Killing:
        def __init__(self, client: Any) -> None:
            self.send_message = killing(client.send_message)

    made = Redrive.__init__

    def make(self: Redrive, *, sqs: Any, **more: Any) -> None:
        made(self, sqs=Killing(sqs), **more)

    Redrive.__init__ = make  # type: ignore[method-assign]
    Journal.write = killing(Journal.write)  # type: ignore[method-assign]
    Scan.delete = killing(Scan.delete)  # type: ignore[method-assign]
    main(["dead-letters", "--stack", stack, "redrive", "--yes"])


def run_all(pairs: list[str]) -> None:
    """Print for each the signal that ended it."""
    scan.HOLD_SECONDS, scan.MARGIN_SECONDS, scan.WAIT_SECONDS = HOLD_SECONDS, 0, 0
    boto3.Session = QuickSession  # type: ignore[assignment,misc]
    clients = Clients()  # made before the processes part; none is connected yet
    _ = clients.lambda_, clients.sqs, clients.sqs_once, clients.sts
    for pair in pairs:
        stack, _, step = pair.partition("=")
        if (child := os.fork()) == 0:
            redrive(stack, int(step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(stack, os.WTERMSIG(status) if os.WIFSIGNALED(status) else "not killed", file=sys.stderr)


if __name__ == "__main__":
    run_all(sys.argv[1:])
