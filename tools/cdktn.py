"""Move to CDK Terrain in a copy, and compare what it synthesizes: `python -m tools.cdktn PYTHON` (`make cdktn`).

PYTHON is an environment with the fork's packages (tools/cdktn.txt). ADR 1 says when the move would be made for good.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".build" / "cdktn"
COPIED = ("main.py", "constructs_lib", "handler", "examples")
# The whole move, line by line. What is written of cdktf in comments and docstrings stays.
RULES = (
    (re.compile(r"^(\s*)from cdktf import ", re.MULTILINE), r"\1from cdktn import "),
    (re.compile(r"^(\s*)import cdktf$", re.MULTILINE), r"\1import cdktn"),
    (re.compile(r"^(\s*)from cdktf_cdktf_provider_(\w+)", re.MULTILINE), r"\1from cdktn_provider_\2"),
    (re.compile(r"^(\s*)import cdktf_cdktf_provider_(\w+)", re.MULTILINE), r"\1import cdktn_provider_\2"),
    (re.compile(r"\bcdktf\.(?=[A-Z])"), "cdktn."),
)
# What may differ: which provider Terraform fetches, and who wrote the file.
EXPECTED = (
    "terraform.required_providers.aws.source",
    "terraform.required_providers.aws.version",
    "//.metadata.version",
)


class Difference(NamedTuple):
    """One value of the Terraform JSON that is not the same."""

    path: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


def renamed(text: str) -> str:
    """Return Python code as it is written for the fork."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Yield each value that is not in both documents."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{position}]")
    elif before != after:
        yield Difference(path, before, after)


def _copy(folder: Path) -> int:
    """Copy what synthesizes, renamed; return how many files the move changes."""
    shutil.rmtree(folder, ignore_errors=True)
    changed = 0
    for name in COPIED:
        for source in [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*")):
            if source.is_dir() or "__pycache__" in source.parts:
                continue
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = source.read_bytes()
            if source.suffix == ".py" and (moved := renamed(content.decode()).encode()) != content:
                changed, content = changed + 1, moved
            target.write_bytes(content)
    return changed


def _synthesize(python: str, source: Path, app: str, folder: Path) -> dict[str, Any]:
    """Return the Terraform JSON of an app's stacks. Both run in one folder, which local state is kept in."""
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(source), "CDKTF_OUTDIR": str(folder)}
    done = subprocess.run([python, "-m", app], cwd=WORK, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{app} does not synthesize with {python}:\n{done.stdout}{done.stderr}")
    return {path.parent.name: json.loads(path.read_bytes()) for path in sorted(folder.glob("stacks/*/cdk.tf.json"))}


def main(python: str) -> None:
    changed = _copy(WORK / "moved")
    print(f"moved to CDK Terrain: {len(RULES)} rules, which change {changed} files\n")
    expected: dict[str, Difference] = {}
    unexpected = stacks = resources = 0
    for app in ("main", *sorted(f"examples.{path.stem}" for path in (ROOT / "examples").glob("*.py"))):
        before = _synthesize(sys.executable, ROOT, app, WORK / "before")
        after = _synthesize(python, WORK / "moved", app, WORK / "after")
        for stack in sorted(before.keys() | after.keys()):
            found = list(differences(before.get(stack), after.get(stack)))
            others = [difference for difference in found if difference.path not in EXPECTED]
            expected |= {difference.path: difference for difference in found if difference.path in EXPECTED}
            count = sum(map(len, before.get(stack, {}).get("resource", {}).values()))
            stacks, resources, unexpected = stacks + 1, resources + count, unexpected + len(others)
            print(f"  {app + ' ' + stack:44} {count:4} resources  {f'{len(others)} differ' if others else 'the same'}")
            for difference in others:
                print(f"    {difference}")
    print(f"\n{stacks} stacks, {resources} resources; in all of them differ, as they should:")
    for difference in expected.values():
        print(f"  {difference}")
    if unexpected:
        sys.exit(f"{unexpected} values differ that should not")


if __name__ == "__main__":
    # absolute, but not resolved: an environment's python is a link to one outside of it
    main(str(Path(sys.argv[1]).absolute()))
