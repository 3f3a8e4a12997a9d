"""The command behind `make rehearse`: `python -m rehearsal`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from local.command import status_of, whole_number
from local.errors import UsageError
from rehearsal.options import Options
from rehearsal.run import run

DESCRIPTION = "Rehearse the whole life of stacks with real Terraform, against an AWS on 127.0.0.1."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 all went as it should, 1 something did not, 2 wrong usage, 130 interrupted."""
    return status_of(lambda: run(parse(arguments), Console()))


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options of the command line. Raises UsageError."""
    usage = "make rehearse [APP=MODULE] [STACK=NAME,…] [CHANGES=all|NAME,…] [PROVIDER=VERSION] [MIRROR=DIR] [ARGS=…]"
    parser = _Parser("make rehearse", usage, DESCRIPTION)
    add = parser.add_argument
    add("--app", metavar="MODULE", help="the module that defines the stacks (%(default)s)")
    add("--stack", dest="stacks", type=_names, metavar="NAME,…", help="the stacks to rehearse (all of the app's)")
    add("--changes", type=_names, metavar="NAME,…", help="changes to rehearse as well; all of them: all (none)")
    add("--provider", metavar="VERSION", help="version of the AWS provider (the one that the stack requires)")
    add("--mirror", type=_folder, metavar="DIR", help="a folder with providers; nothing is downloaded then")
    add("--count", type=whole_number(1), metavar="N", help="messages to score by each pipeline (%(default)s)")
    add("--report", type=Path, metavar="DIR", help="folder of the report and of Terraform's files (.build/rehearsal)")
    parser.set_defaults(**vars(Options()))
    return Options(**vars(parser.parse_args(arguments)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.replace(",", " ").split() if name)


def _folder(text: str) -> Path:
    if not (path := Path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


if __name__ == "__main__":
    sys.exit(main())
