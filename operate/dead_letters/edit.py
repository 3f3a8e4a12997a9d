"""A command of the user's that changes a body: it reads the old one, and writes the new one."""

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence

from ..errors import UsageError
from ..text import printable

TIMEOUT_SECONDS = 60
CHUNK_BYTES = 65_536
SHOWN_CHARACTERS = 200
# SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MOST_BYTES = 1_048_576


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
    nothing, what is not UTF-8, or more than a message may have.
    """
    name = printable(command[0], SHOWN_CHARACTERS)
    status, output, errors = _run(command, name, body.encode("utf-8"))
    if status:
        said = errors.decode("utf-8", "replace").strip().partition("\n")[0]
        raise EditFailedError(f"{name} ended with status {status}: {printable(said, SHOWN_CHARACTERS)}")
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EditFailedError(f"{name} wrote what is not UTF-8, at byte {error.start}") from error
    text = text if body.endswith("\n") else text.removesuffix("\n")
    if not text.strip():
        raise EditFailedError(f"{name} wrote nothing")
    return text


def _run(command: Sequence[str], name: str, content: bytes) -> tuple[int, bytes, bytes]:
    """Return the exit status, and what was written to standard output and error.

    It is a session of its own: Ctrl-C is the desk's, which waits for the letter that is under way.
    """
    with tempfile.TemporaryFile() as given:  # not a pipe, on which one would wait if the command doesn't read
        try:
            given.write(content)
            given.seek(0)
            started = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise EditFailedError(f"{name}: {error.strerror}") from error
    with started:
        try:
            until = time.monotonic() + TIMEOUT_SECONDS
            output, errors = _written(started, name, until)
            return started.wait(max(0.0, until - time.monotonic())), output, errors
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)  # what it started, too
            if isinstance(error, subprocess.TimeoutExpired):
                raise EditFailedError(f"{name} took over {TIMEOUT_SECONDS} s") from error
            raise


def _written(started: "subprocess.Popen[bytes]", name: str, until: float) -> tuple[bytes, bytes]:
    """Return standard output and error, read to their ends. Raises EditFailedError, TimeoutExpired."""
    streams = {started.stdout: bytearray(), started.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream, content in streams.items():
            selector.register(stream, selectors.EVENT_READ, content)  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(name, TIMEOUT_SECONDS)
            for key, _ in ready:
                part = os.read(key.fd, CHUNK_BYTES)
                key.data.extend(part)
                if not part:
                    selector.unregister(key.fileobj)
                if len(key.data) > MOST_BYTES:
                    raise EditFailedError(f"{name} wrote over {MOST_BYTES:,} bytes, which no message may have")
    output, errors = map(bytes, streams.values())
    return output, errors
