"""The README says what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

from handler.settings import CODECS
from tools import rules_table
from tools.settings_table import page

ROOT = Path(__file__).parents[1]


def test_the_page_of_settings_is_the_settings() -> None:
    assert (ROOT / "docs/settings.md").read_text() == page(), "renew it: .venv/bin/python -m tools.settings_table"


def test_the_page_of_the_control_plane_is_its_rules() -> None:
    assert (ROOT / "docs/control-plane.md").read_text() == rules_table.page(), "renew it: python -m tools.rules_table"


def test_every_target_the_readme_names_exists() -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    readme = (ROOT / "README.md").read_text()
    named = {words.split()[0] for words in readme.split("`make ")[1:]}
    assert {name.strip("`.,") for name in named} <= targets


def test_every_example_and_every_codec_is_in_its_table() -> None:
    readme = (ROOT / "README.md").read_text()
    examples = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    table = readme.split("\n## Examples\n")[1].split("\n## ")[0]
    assert set(re.findall(r"\]\((examples/\w+\.py)\)", table)) == examples
    formats = readme.split("| codec | message body |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w:-]+)` \|", formats, re.MULTILINE)) == {*CODECS, "module:function"}


def test_the_example_runs_and_says_what_the_readme_shows(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    shown = next(block.split("```")[0] for block in readme.split("```text\n") if block.startswith("orders/fraud"))
    (tmp_path / "main.py").write_text(example)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == (shown, "")
    assert (tmp_path / "cdktf.out/stacks/orders/cdk.tf.json").exists()
