"""Runs an app that defines stacks, and finds the stack that is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

from local.emulator import PROJECT
from local.errors import LocalRunError, UsageError

DEFAULT_STACK = "dev"


def synthesize(app: str, stack: str | None, folder: Path) -> Path:
    """Synthesize the stacks of a module of this project into the folder; return the path of the one asked for.

    By default that is the only one, or `dev`. Raises UsageError if there is no such module or stack, LocalRunError if
    the module did not synthesize.
    """
    if not PROJECT.joinpath(*app.split(".")).with_suffix(".py").is_file():
        raise UsageError(f"there is no module {app}")
    manifest = folder / "manifest.json"
    manifest.unlink(missing_ok=True)  # another app's
    made = subprocess.run(
        [sys.executable, "-m", app],
        cwd=PROJECT,
        env={**os.environ, "CDKTF_OUTDIR": str(folder.resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LocalRunError(f"{app} did not synthesize:\n{made.stderr.strip()}")
    if not manifest.exists():
        raise UsageError(f"{app} synthesizes no stacks")
    stacks: dict[str, dict[str, str]] = json.loads(manifest.read_bytes())["stacks"]
    return folder / stacks[_chosen(app, stack, sorted(stacks))]["synthesizedStackPath"]


def _chosen(app: str, stack: str | None, stacks: list[str]) -> str:
    found = f"{app} has {', '.join(stacks)}"
    if stack is None and len(stacks) > 1 and DEFAULT_STACK not in stacks:
        raise UsageError(f"--stack must name one: {found}")
    if stack is not None and stack not in stacks:
        raise UsageError(f"there is no stack {stack}; {found}")
    return stack or (DEFAULT_STACK if DEFAULT_STACK in stacks else stacks[0])
