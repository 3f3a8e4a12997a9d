"""The page on architecture knows every file of the library, and every decision."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text()


def test_every_file_of_the_library_is_in_the_reading_order_once() -> None:
    section = PAGE.split("\n## The library, in reading order\n")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    files = [path for path in (ROOT / "constructs_lib").iterdir() if path.suffix in {".py", ".cjs"}]
    rooms = [path.parent for path in (ROOT / "constructs_lib").glob("*/__init__.py")]
    assert sorted(listed) == sorted([*(path.name for path in files), *(f"{room.name}/" for room in rooms)])


def test_every_decision_is_linked() -> None:
    decisions = {f"adr/{path.name}" for path in (ROOT / "docs/adr").glob("*.md")}
    assert set(re.findall(r"^\* \[.+\]\((\S+)\)$", PAGE, re.MULTILINE)) == decisions
