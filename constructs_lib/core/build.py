"""Files that are built at synth, below the app's current folder: an installation may be read-only."""

import os
import tempfile
from pathlib import Path


def build_folder() -> Path:
    """Return the folder of what is built, beside cdktf's own `cdktf.out`."""
    return Path.cwd() / ".build"


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file, and its folder, so that two processes can write the same one at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(temporary).replace(target)
