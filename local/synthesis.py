"""Runs an app that defines stacks, and finds the stack that is asked for."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from constructs_lib.fast_synth.jsii_door import missing_node

from local.emulator import PROJECT
from local.errors import LocalRunError, UsageError
from local.output import explained

DEFAULT_STACK = "dev"
# Exit status of an app whose settings are wrong (`python -m constructs_lib`)
WRONG_SETTINGS = 2
# Node's and Python's marks of a disk that is full, or of a folder that can't be written to.
NUMBERS = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EROFS)
UNWRITABLE = (*(f"{errno.errorcode[number]}: " for number in NUMBERS), *(f"[Errno {number}] " for number in NUMBERS))


def synthesize(app: str, stack: str | None, folder: Path) -> Path:
    """Synthesize the stacks of a module of this project into the folder; return the path of the one asked for.

    By default that is the only one, or `dev`. Raises what `synthesize_all` raises, and UsageError if there is no such
    stack.
    """
    stacks = synthesize_all(app, folder)
    return stacks[_chosen(app, stack, sorted(stacks))]


def synthesize_all(app: str, folder: Path) -> dict[str, Path]:
    """Synthesize the stacks of a module of this project into the folder; return their paths by name.

    Raises UsageError if there is no such module or no Node, or if its settings are wrong; LocalRunError if it did not
    synthesize for another reason.
    """
    if not PROJECT.joinpath(*app.split(".")).with_suffix(".py").is_file():
        raise UsageError(f"there is no module {app}")
    if why := missing_node():
        raise UsageError(why)
    manifest = folder / "manifest.json"
    with explained(manifest):
        manifest.unlink(missing_ok=True)  # of another app
    completed = subprocess.run(
        [sys.executable, "-m", "constructs_lib", app],
        cwd=PROJECT,
        env={
            **os.environ,
            # Node takes TMPDIR as it is; Python has looked for a folder that can be written to.
            "TMPDIR": tempfile.gettempdir(),
            "CDKTF_OUTDIR": str(folder.resolve()),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise _failure(app, completed.returncode, completed.stderr.strip())
    return stacks_in(folder)


def stacks_in(folder: Path) -> dict[str, Path]:
    """Return the paths of the stacks that a folder was synthesized into, by name. Raises UsageError if it was not."""
    manifest = folder / "manifest.json"
    with explained(manifest):
        stacks: dict[str, dict[str, str]] = json.loads(manifest.read_bytes())["stacks"]
    return {name: folder / stack["synthesizedStackPath"] for name, stack in stacks.items()}


def _failure(app: str, status: int, output: str) -> LocalRunError:
    """Return the app's error: its last line, if that tells of a disk or folder that can't be written to.

    Exit status 2 is that of settings that are wrong: the output says it in words.
    """
    last = output.rpartition("\n")[2]
    if any(mark in last for mark in UNWRITABLE):
        return UsageError(f"{app} did not synthesize: {last}")
    separator = " " if last == output else "\n"
    kind = UsageError if status == WRONG_SETTINGS else LocalRunError
    return kind(f"{app} did not synthesize:{separator}{output}")


def _chosen(app: str, stack: str | None, stacks: list[str]) -> str:
    found = f"{app} has {', '.join(stacks)}"
    if stack is None and len(stacks) > 1 and DEFAULT_STACK not in stacks:
        raise UsageError(f"--stack must name one: {found}")
    if stack is not None and stack not in stacks:
        raise UsageError(f"there is no stack {stack}; {found}")
    return stack or (DEFAULT_STACK if DEFAULT_STACK in stacks else stacks[0])
