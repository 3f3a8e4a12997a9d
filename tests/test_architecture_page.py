"""The page on architecture knows every room of the house, and every decision."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text()


def test_every_room_is_in_the_table_once() -> None:
    section = PAGE.split("\n## The house\n")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    listed = [name.removeprefix("constructs_lib/") for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    library = ROOT / "constructs_lib"
    files = [path.name for path in library.glob("*.py")]
    rooms = [f"{path.parent.name}/" for folder in (library, ROOT) for path in folder.glob("*/__init__.py")]
    assert sorted(listed) == sorted(name for name in [*files, *rooms] if name not in ("constructs_lib/", "examples/"))


def test_every_decision_is_linked() -> None:
    decisions = {f"adr/{path.name}" for path in (ROOT / "docs/adr").glob("*.md")}
    assert set(re.findall(r"^\* \[.+\]\((\S+)\)$", PAGE, re.MULTILINE)) == decisions
