"""A command of the user's that changes a body: it reads the old one, and writes the new one."""

import shlex
import subprocess
from collections.abc import Sequence

from ..errors import UsageError
from ..text import printable

TIMEOUT_SECONDS = 60
SHOWN_CHARACTERS = 200


class EditFailedError(Exception):
    """The command failed on a body, which is left as it is."""


def parse_command(text: str) -> list[str]:
    """Return the command's words, as a shell would split them; no shell runs it. Raises UsageError for none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--edit {printable(text, SHOWN_CHARACTERS)}: {error}") from error
    if not words:
        raise UsageError("--edit needs a command, for instance --edit 'jq -c .order'")
    return words


def edited(command: Sequence[str], body: str) -> str:
    """Return what the command makes of the body, without the line break that it ends its output with.

    Raises EditFailedError if it can't be started, ends with another status than 0, takes over a minute, or writes
    nothing, or what is not UTF-8.
    """
    name = printable(command[0], SHOWN_CHARACTERS)
    try:
        done = subprocess.run(
            command, input=body.encode("utf-8"), capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except OSError as error:
        raise EditFailedError(f"{name}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise EditFailedError(f"{name} took over {TIMEOUT_SECONDS} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise EditFailedError(f"{name} ended with status {done.returncode}: {printable(said, SHOWN_CHARACTERS)}")
    try:
        text = done.stdout.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EditFailedError(f"{name} wrote what is not UTF-8, at byte {error.start}") from error
    text = text if body.endswith("\n") else text.removesuffix("\n")
    if not text.strip():
        raise EditFailedError(f"{name} wrote nothing")
    return text
