"""Files that are built at synth, below `.build`."""

import os
import tempfile
from pathlib import Path

from constructs_lib.settings.handler import HANDLER_PACKAGE

BUILD_FOLDER = HANDLER_PACKAGE.parent / ".build"


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file, and its folder, so that two processes can write the same one at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(temporary).replace(target)
