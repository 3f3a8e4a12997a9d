"""The command line: `python -m operate COMMAND --stack NAME …`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose options are written in full."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options. Raises UsageError."""
    parser = Parser(prog=program(), description="The operator's desk of a deployed stack.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _status(commands.add_parser("status", help="what goes on, and what is wrong; exit status 1 if something is"))
    _dead_letters(commands.add_parser("dead-letters", help="list, show, save, redrive or purge dead letters"))
    _probe(commands.add_parser("smoke", help="send ten marked messages: do all come back as results within a minute?"))
    _load(commands.add_parser("load", help="send marked messages at a rate, and report throughput and latency"))
    options = parser.parse_args(arguments)
    # Those behind an action are added to those before it, so that none of them hides another one.
    stacks = [*(options.stack or ()), *vars(options).pop("stack_behind", ())]
    if not stacks:
        raise UsageError("the following arguments are required: --stack")
    if len(stacks) > 1:
        raise UsageError(f"--stack names one stack, and was given {len(stacks)}: {', '.join(stacks)}")
    (options.stack,) = stacks
    return options


def program() -> str:
    return f"python -m {__package__}"


def _common(parser: argparse.ArgumentParser, *, behind: bool = False) -> None:
    """Add what each command has. There is no default stack, and no variable that names one.

    `behind` an action the same options are taken once more. There they have no defaults, which would hide what stands
    before it.
    """
    default = argparse.SUPPRESS if behind else None
    add = parser.add_argument
    stack = "stack_behind" if behind else "stack"
    add("--stack", action="append", dest=stack, default=default, metavar="NAME", help="the stack to act on; needed")
    add("--pipeline", default=default, metavar="NAME", help="one of its pipelines; needed if it has several")
    add("--region", default=default, metavar="REGION", help="its region (by default the credentials' profile's)")
    add(
        "--outputs",
        type=Path,
        default=default,
        metavar="FILE",
        help="what `terraform output -json` prints, for a stack of a class of your own",
    )


def _journal(parser: argparse.ArgumentParser, default: object = None) -> None:
    help_ = "journal of redrives (in the folder for state)"
    parser.add_argument("--journal", type=Path, default=default, metavar="FILE", help=help_)


def _status(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument("--json", action="store_true", help="for other programs")
    parser.add_argument(
        "--watch",
        type=watch_seconds,
        nargs="?",
        const=10.0,
        metavar="SECONDS",
        help="again every so many seconds, until Ctrl-C (%(const)s)",
    )


def _probe(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument("--messages", type=Path, metavar="FILE", help='JSON Lines of {"body": …} that are sent in turn')
    parser.add_argument(
        "--own-results",
        action="store_true",
        help="results go to a queue that nobody else reads, so they may be received",
    )
    _changes(parser)


def _load(parser: argparse.ArgumentParser) -> None:
    _probe(parser)
    parser.add_argument("--rate", type=positive, default=50.0, metavar="N", help="messages a second (%(default)g)")
    parser.add_argument("--seconds", type=positive, default=60.0, metavar="N", help="for so long (%(default)g)")
    parser.add_argument("--report", type=Path, default=Path(".build/load"), metavar="DIR", help="folder (%(default)s)")


def _changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.add_argument("--dry-run", action="store_true", help="look, and change nothing")


def _dead_letters(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    _journal(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _action(actions, "list", "how many there are, by reason")
    listing.add_argument("--json", action="store_true", help="for other programs")
    show = _action(actions, "show", "their attributes, one by one", limit=5)
    show.add_argument("--body", action="store_true", help="bodies too, with terminal escapes written out")
    _action(actions, "save", "write them to FILE as JSON Lines, bodies included").add_argument("file", type=Path)
    redrive = _action(actions, "redrive", "send them to the work queue again: send first, delete then")
    redrive.add_argument("--rate", type=positive, metavar="N", help="most letters a second (as fast as they go)")
    redrive.add_argument(
        "--edit", metavar="COMMAND", help="reads a body, writes the new one; no shell; if it fails the letter stays"
    )
    redrive.add_argument(
        "--again", action="store_true", help="also those in doubt: a cut-off redrive may have sent them"
    )
    purge = _action(actions, "purge", "delete them for good; needs --reason or --id")
    _changes(redrive)
    _changes(purge)


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_: str, limit: int | None = None
) -> argparse.ArgumentParser:
    from .dead_letters.letter import REASONS  # noqa: PLC0415 - help without the handler's modules
    from .dead_letters.scan import DEFAULT_MOST  # noqa: PLC0415

    action = actions.add_parser(name, help=help_, description=f"{name}: {help_}")
    _common(action, behind=True)
    _journal(action, argparse.SUPPRESS)
    add = action.add_argument
    add("--reason", action="append", choices=REASONS, default=[], dest="reasons", help="only those; may be repeated")
    add("--id", action="append", default=[], dest="ids", metavar="ID", help="only this one; may be repeated")
    default = "all" if limit is None else str(limit)
    add("--limit", type=whole_number, default=limit, metavar="N", help=f"no more than N ({default})")
    add("--scan", type=whole_number, default=DEFAULT_MOST, metavar="N", help="look at N at most (%(default)s)")
    return action


def whole_number(text: str) -> int:
    """Read a number from 1."""
    if not (text.isascii() and text.isdecimal() and int(text[:12]) >= 1 and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999,999,999")
    return int(text)


def positive(text: str) -> float:
    """Read 0.1 to 1,000. At a lower rate a second the letters of one receive would be held for too long."""
    return _bounded(text, 0.1, 1000, "a number")


def watch_seconds(text: str) -> float:
    """Read 2 to 3,600 seconds: each look is about ten calls, of which AWS takes few a second."""
    return _bounded(text, 2, 3600, "a number of seconds")


def _bounded(text: str, least: float, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0  # below every bound
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {least:g} to {most:g}")
    return number


def guarded(run: Callable[[], int]) -> int:
    """Return the exit status of a command: 0 well, 1 something is wrong or failed, 2 wrong usage, 130 interrupted."""
    from botocore.exceptions import (  # noqa: PLC0415 - --help without botocore
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    from .errors import DeskError  # noqa: PLC0415
    from .text import printable  # noqa: PLC0415

    try:
        return run()
    except (UsageError, NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        return _failed(2, printable(str(error)))
    except (DeskError, BotoCoreError, ClientError) as error:
        return _failed(1, printable(str(error)))
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would fail on it once more at its exit
        return 2 if isinstance(error, BrokenPipeError) else _failed(1, f"the output: {error.strerror}")
    except (KeyboardInterrupt, EOFError):
        return _failed(130, "interrupted")


def _failed(status: int, message: str) -> int:
    print(message if status == 130 else f"error: {message}", file=sys.stderr)
    return status
