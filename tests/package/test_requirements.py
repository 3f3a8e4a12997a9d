"""The package as pyproject.toml describes it, against the versions that are tested and the pages."""

import json
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
REQUIREMENTS = [Requirement(text) for text in (*PROJECT["dependencies"], *OPTIONAL)]


def test_the_tested_versions_are_within_the_ranges_that_are_installed() -> None:
    lock, pipfile = json.loads((ROOT / "Pipfile.lock").read_text()), tomllib.loads((ROOT / "Pipfile").read_text())
    locked, pinned = lock["develop"] | lock["default"], pipfile["dev-packages"] | pipfile["packages"]
    for requirement in REQUIREMENTS:
        name = canonicalize_name(requirement.name)
        assert name in pinned
        assert requirement.specifier.contains(locked[name]["version"].removeprefix("==")), requirement


def test_what_is_required_has_an_upper_bound() -> None:
    assert all({"<", ">="} == {part.operator for part in requirement.specifier} for requirement in REQUIREMENTS)


def test_the_version_is_the_changelog_s_first() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == PROJECT["version"]


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    assert lock["_meta"]["sources"] == []
    assert not [name for section in ("default", "develop") for name, entry in lock[section].items() if "index" in entry]
