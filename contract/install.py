"""Environments of the model servers, one each below `.tools/contract`, installed by pip."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

from contract.servers import Server

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "contract" / "requirements"
ENVIRONMENTS = ROOT / ".tools" / "contract"
INSTALL_SECONDS = 1800


class InstallError(RuntimeError):
    """The environment could not be installed; with what pip said."""


def python_of(server: Server) -> Path:
    return ENVIRONMENTS / server.name / "bin" / "python"


def install(server: Server) -> None:
    """Install the server unless its environment is that of the present requirements. Raises InstallError."""
    requirements = REQUIREMENTS / f"{server.name}.txt"
    stamp, wanted = ENVIRONMENTS / server.name / ".ready", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    size = f"{server.download_mib:,} MiB to download, {server.disk_mib:,} MiB on disk"
    print(f"  Installing {server.title} into .tools/contract/{server.name} (once; about {size})", flush=True)
    _run(sys.executable, str(ROOT / "tools" / "make_venv.py"), str(ENVIRONMENTS / server.name))
    _run(
        str(python_of(server)),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        str(requirements),
    )
    stamp.write_text(wanted)
    print(f"  Installed in {time.monotonic() - started:.0f} s; {disk_mib(server):,} MiB on disk", flush=True)


def disk_mib(server: Server) -> int:
    """Return the size of the server's environment."""
    files = (path for path in (ENVIRONMENTS / server.name).rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 2**20)


def version(server: Server) -> str:
    """Return the version of the server's package as it is installed."""
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return _run(str(python_of(server)), "-c", code, server.package).strip()


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{command[-1]}: not done within {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise InstallError("\n".join(done.stderr.splitlines()[-5:]) or f"{command[0]} failed")
    return done.stdout
