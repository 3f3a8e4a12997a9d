"""The function's zip, reproducible: the same files give the same hash on every machine."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from constructs_lib.core.build import write_atomically
from constructs_lib.settings.handler import HANDLER_PACKAGE

EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
READABLE_BY_ALL = 0o100644 << 16
# What the package is called in the zip, wherever it lies here: the function names its entry points by it.
NAME_IN_ZIP = "handler"


def package_handler(folder: Path, package: Path = HANDLER_PACKAGE) -> tuple[Path, str]:
    """Zip the package's Python files, as they stand and under the name `handler`.

    Return the zip's path, below the folder, and the content's SHA-256 in hex, which covers each file's relative
    path and bytes.

    TerraformAsset's own archiving would hash caches, ignore renames, zip the checkout's times and modes, and call
    `node` through a shell, which fails where Node is not on the PATH or the path has a space. So the asset is this
    file: entries in order, with fixed times and modes.
    """
    files = {
        f"{NAME_IN_ZIP}/{path.relative_to(package).as_posix()}": path.read_bytes() for path in package.rglob("*.py")
    }
    digest = _digest(files)
    target = folder / "function" / digest[:16] / f"{NAME_IN_ZIP}.zip"
    if not target.is_file():
        write_atomically(target, _zipped(files))
    return target, digest


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EARLIEST_ZIP_TIME)
            entry.external_attr = READABLE_BY_ALL
            entry.create_system = 3  # Unix, on every system, so that the mode counts
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    return stream.getvalue()
