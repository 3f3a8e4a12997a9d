"""A record of each letter of a redrive, in a file, so that a crash loses nothing and repeats nothing.

A redrive sends a letter and then deletes it. A crash in between leaves both: the next redrive must only delete. It
knows from this file, which is written before and after each send, to the disk. Where a crash, or an answer that never
came, cut a send off, nobody knows whether SQS took it. To a FIFO queue it is then sent again under the same
deduplication id, which SQS drops within five minutes; otherwise it is left alone, as in doubt, until the user decides.

The file is this machine's, and holds ids and times alone. A redrive that is cut off is to be finished from the machine
that began it.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Self

from ..errors import DeskError, UsageError

# SQS: a letter can't be older (MessageRetentionPeriod), so nobody asks for it any more.
KEPT_SECONDS = 14 * 86_400
# SQS drops a repeated deduplication id for 300 s after it took the first, which is after `SENDING` was written.
DEDUPLICATED_SECONDS = 270
BEGINNING = '{"id": '


class Step(StrEnum):
    """A step on the way of a letter."""

    SENDING = "sending"
    """Its send began; how it ended is not known."""
    NOT_SENT = "not sent"
    """SQS refused it."""
    SENT = "sent"
    """SQS took it. If it is still there, or again, it is to be deleted and not sent."""


@dataclass(frozen=True)
class Mark:
    """A letter's last step."""

    step: Step
    at: float
    """Seconds since the epoch."""

    def in_doubt(self, *, fifo: bool) -> bool:
        """Whether it may have been sent, so that to send it again may repeat it."""
        is_deduplicated = fifo and time.time() - self.at < DEDUPLICATED_SECONDS
        return self.step is Step.SENDING and not is_deduplicated


def default_folder() -> Path:
    """Return the folder for a program's own state (XDG base directories). Raises UsageError if there is none."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # which the specification has programs leave alone: it would depend on where one is
        try:
            state = Path.home() / ".local" / "state"
        except RuntimeError as error:
            raise UsageError("there is no home folder for the redrive's journal; --journal names a file") from error
    return state / "sqs-sagemaker-inference" / "redrive"


class Journal:
    """The steps of the letters of one queue; no other process writes into it meanwhile."""

    def __init__(self, file: IO[str], marks: dict[str, Mark]) -> None:
        self._file, self._marks = file, marks

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open the file, which need not exist.

        Raises UsageError if it can't be written, is something else, or if another redrive has it.
        """
        _refuse_devices(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"the redrive's journal {path}: {error.strerror}; --journal names another") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(f"another redrive of this queue runs on this machine: it has {path}") from error
            if not all(map(_is_own, file)):
                raise UsageError(f"{path} is no journal of a redrive, and is left as it is")
            file.seek(0)
            marks = dict(_read(file))
            file.write("\n")  # a crash may have cut the last line off: the next must not go on in it
            yield cls(file, marks)

    def mark_of(self, letter_id: str) -> Mark | None:
        return self._marks.get(letter_id)

    def write(self, letter_id: str, step: Step) -> None:
        """Note the step; it is on the disk when this returns. Raises DeskError if it can't be written."""
        mark = Mark(step, time.time())
        self._marks[letter_id] = mark
        try:
            self._file.write(json.dumps({"id": letter_id, "step": step, "at": mark.at}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DeskError(f"stopped: the redrive's journal {self._file.name}: {error.strerror}") from error


def read_marks(path: Path) -> dict[str, Mark]:
    """Return what a journal says; nothing if there is none."""
    _refuse_devices(path)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return dict(_read(file))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"the redrive's journal {path}: {error.strerror}") from error


def _refuse_devices(path: Path) -> None:
    """Raise UsageError for what is no file: /dev/null forgets what was sent, and others have no end."""
    with suppress(OSError):  # to open it says what is wrong
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file, so it can't be the journal of a redrive")


def _is_own(line: str) -> bool:
    """Whether it may be a journal's line, which a crash may have cut off anywhere."""
    try:
        return bool(json.loads(line).keys() == {"id", "step", "at"})
    except AttributeError:
        return False
    except (ValueError, RecursionError):
        return not line.strip() or line.startswith(BEGINNING) or BEGINNING.startswith(line.rstrip("\n"))


def _read(file: IO[str]) -> Iterator[tuple[str, Mark]]:
    oldest = time.time() - KEPT_SECONDS
    for line in file:
        try:
            entry = json.loads(line)
            mark = Mark(Step(entry["step"]), float(entry["at"]))
            letter_id = str(entry["id"])
        except (ValueError, LookupError, TypeError, RecursionError):
            continue  # a line that a crash cut off: what it was to say did not happen yet
        if mark.at > oldest:
            yield letter_id, mark
