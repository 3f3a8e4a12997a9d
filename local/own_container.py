"""A container of the user's own: a Python file that answers the endpoint's requests."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.errors import UsageError


class OwnContainer:
    """Calls the file's `answer(body: bytes, content_type: str) -> tuple[bytes, str]`.

    If it has `count(body: bytes) -> int` too, the report has the number of records in each request.
    """

    def __init__(self, path: Path) -> None:
        """Raises UsageError if the file can't be loaded, or has no `answer`."""
        self.name = path.name
        module = _load(path)
        answer: Callable[[bytes, str], tuple[bytes, str]] | None = getattr(module, "answer", None)
        if answer is None:
            raise UsageError(f"{path} must define answer(body: bytes, content_type: str) -> tuple[bytes, str]")
        self._answer = answer
        self._count: Callable[[bytes], int] = getattr(module, "count", lambda _: 1)

    def count(self, body: bytes) -> int:
        try:
            return self._count(body)
        except Exception:  # noqa: BLE001 - a request that it can't read
            return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        return self._answer(body, content_type)


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"own_container_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} can't be loaded: {type(error).__name__}: {error}") from error
    return module
