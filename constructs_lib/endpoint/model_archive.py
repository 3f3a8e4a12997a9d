"""The SageMaker model archive that holds `bundle/`, reproducible: the same on every machine."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from constructs_lib.core.build import write_atomically

BUNDLE = Path(__file__).parent / "bundle" / "inference.py"


def package_bundle(folder: Path, script: Path = BUNDLE) -> tuple[Path, str]:
    """Put the script that loads a model into a model archive below the folder.

    Return its path and the content's SHA-256 in hex.
    """
    name, content = f"code/{script.name}", script.read_bytes()
    # Part of the model's name: computed otherwise, it would replace every model that has a token.
    digest = hashlib.sha256(f"{name}\0".encode() + content).hexdigest()
    target = folder / "bundle" / digest[:16] / "model.tar.gz"
    if not target.is_file():
        write_atomically(target, _archived(name, content))
    return target, digest


def _archived(name: str, content: bytes) -> bytes:
    entry = tarfile.TarInfo(name)  # its owner, mode and time are the same everywhere
    entry.size = len(content)
    stream = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
