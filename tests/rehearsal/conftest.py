"""Starts the rehearsal that test_life.py looks at as soon as it is known to be wanted: nearly all of its minutes
Terraform waits, and other tests need not.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from local.emulator import PROJECT
from rehearsal.mirrors import local_mirrors, versions

LIFE = "test_devs_life_as_terraform_lives_it"


def provider_at_hand() -> tuple[Path, str] | None:
    """Return a folder with the AWS provider, and its newest version there; None without it or without Terraform."""
    if shutil.which(os.environ.get("TERRAFORM_BINARY_NAME") or "terraform"):
        for mirror in local_mirrors():
            if found := versions(mirror):
                return mirror, found[-1]
    return None


def life_folder() -> Path:
    """Return the folder of this test run's rehearsal; all workers of a run have the same."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return Path(tempfile.gettempdir()) / f"tests-rehearsal-{run}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the first worker start the rehearsal, and put the test that waits for it last."""
    wanted = [item for item in items if item.name == LIFE]
    items.sort(key=lambda item: item.name == LIFE)
    if wanted and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0" and (at_hand := provider_at_hand()):
        _start(*at_hand)


def _start(mirror: Path, version: str) -> None:
    folder = life_folder()
    folder.mkdir()
    rehearsal = [sys.executable, "-m", "rehearsal", "--stack", "dev", "--provider", version, "--mirror", str(mirror),
                 "--report", str(folder / "report")]  # fmt: skip
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", '"$@"; echo $? > "$0"', str(folder / "status"), *rehearsal],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    atexit.register(_end, process, folder)


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
