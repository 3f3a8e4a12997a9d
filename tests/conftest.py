"""Order of the tests: those that wait for other processes begin first, so that none of them is left for the end."""

from pathlib import Path

import pytest

SLOW = "operate", "rehearsal", "local", "package"


@pytest.hookimpl(tryfirst=True)  # what a folder's own conftest puts last stays last
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by folder; all workers collect the same tests in the same order."""
    items.sort(key=lambda item: SLOW.index(room) if (room := _room(item.path)) in SLOW else len(SLOW))


def _room(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]
