"""The README says what is so."""

from pathlib import Path

from tools.settings_table import with_table

ROOT = Path(__file__).parents[1]


def test_the_table_of_settings_is_the_settings() -> None:
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme) == readme, "renew it: .venv/bin/python -m tools.settings_table"


def test_every_target_the_readme_names_exists() -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    readme = (ROOT / "README.md").read_text()
    named = {words.split()[0] for words in readme.split("`make ")[1:]}
    assert {name.strip("`.,") for name in named} <= targets


def test_every_file_the_readme_links_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    links = [rest.split(")")[0] for rest in readme.split("](")[1:]]
    assert [link for link in links if not link.startswith("#") and not (ROOT / link).exists()] == []
