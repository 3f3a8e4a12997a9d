"""The handler as a reproducible asset: the same files give the same hash and the same bytes everywhere."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import handler

HANDLER_PACKAGE = Path(handler.__file__).parent
BUILD_FOLDER = HANDLER_PACKAGE.parent / ".build" / "function"
# The earliest time a zip entry can hold, with a day's room for time zones.
FIXED_TIME = 315_619_200


def stage_handler(build_folder: Path = BUILD_FOLDER) -> tuple[Path, str]:
    """Copy the handler package to a folder ready to be zipped; return that folder and the content's SHA-256.

    TerraformAsset alone would hash caches, ignore renames and zip the checkout's times and modes. Staged are the
    package's Python files only, with fixed times and modes; the hash covers each relative path and its bytes.
    """
    files = sorted(path.relative_to(HANDLER_PACKAGE.parent) for path in HANDLER_PACKAGE.rglob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        content = (HANDLER_PACKAGE.parent / file).read_bytes()
        digest.update(f"{file.as_posix()}\0{len(content)}\0".encode() + content)
    staged = build_folder / digest.hexdigest()[:16]
    if not staged.is_dir():
        _stage(files, staged)
    return staged, digest.hexdigest()


def _stage(files: list[Path], staged: Path) -> None:
    staged.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=staged.parent))
    for file in files:
        target = work / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HANDLER_PACKAGE.parent / file, target)
    for path in (work, *work.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (FIXED_TIME, FIXED_TIME))
    try:
        work.rename(staged)
    except OSError:  # another process staged the same content meanwhile
        shutil.rmtree(work)
