"""The folder that a run writes to: one run at a time, and errors that name the path and the reason."""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from local.errors import UsageError

REPORT_FILES = "report.json", "report.html"
LOCK_FILE = ".lock"
# More than a run writes to its folder: the synthesized stack, the emulator's log and the report.
NEEDED_BYTES = 4 * 2**20


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise UsageError for a file system's error, with its path (by default this one) and its reason."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{error.filename or path}: {error.strerror or error}") from error


def require_room(folder: Path) -> None:
    """Raise UsageError if a file of NEEDED_BYTES can't be written to the folder. No file remains."""
    with explained(folder):
        # The error must name the folder: the file's own name is random.
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(NEEDED_BYTES))
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error)) from error


class OutputFolder:
    """A folder that is locked for one run; a context manager.

    The operating system releases the lock when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None

    @property
    def log_file(self) -> Path:
        return self.path / "ministack.log"

    @property
    def synthesized(self) -> Path:
        return self.path / "synthesized"

    def __enter__(self) -> Self:
        """Create and lock the folder, and remove an earlier run's report: an interrupted run must not seem to have one.

        Raises UsageError if the folder is another run's, or can't be written to.
        """
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / LOCK_FILE).open("ab")
        try:
            self._acquire_lock(self._lock)
            require_room(self.path)
            self._remove_report()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()

    def write_report(self, *contents: str) -> list[Path]:
        """Write all of the report's files, or none; return their paths. Raises UsageError."""
        paths = [self.path / name for name in REPORT_FILES]
        try:
            for path, content in zip(paths, contents, strict=True):
                with explained(path):
                    path.write_text(content, encoding="utf-8")
        except BaseException:
            self._remove_report()
            raise
        return paths

    def _acquire_lock(self, file: IO[bytes]) -> None:
        with explained(self.path):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f'{self.path} is in use by another run; choose another folder with ARGS="--report DIR"'
                raise UsageError(message) from error

    def _remove_report(self) -> None:
        with explained(self.path):
            for name in REPORT_FILES:
                (self.path / name).unlink(missing_ok=True)
