"""The README says what is so."""

import os
import subprocess
import sys
from pathlib import Path

from tools.settings_table import page

ROOT = Path(__file__).parents[1]


def test_the_page_of_settings_is_the_settings() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "renew it: .venv/bin/python -m tools.settings_table"


def test_every_target_the_readme_names_exists() -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    readme = (ROOT / "README.md").read_text()
    named = {words.split()[0] for words in readme.split("`make ")[1:]}
    assert {name.strip("`.,") for name in named} <= targets


def test_every_file_the_readme_links_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    links = [rest.split(")")[0] for rest in readme.split("](")[1:]]
    assert [link for link in links if not link.startswith("#") and not (ROOT / link).exists()] == []


def test_the_example_runs_and_says_what_the_readme_shows(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    shown = next(block.split("```")[0] for block in readme.split("```text\n") if block.startswith("orders/fraud"))
    (tmp_path / "main.py").write_text(example)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (made.stdout, made.stderr) == (shown, "")
    assert (tmp_path / "cdktf.out/stacks/orders/cdk.tf.json").exists()
