"""Removes a folder that processes which are just ending may still write to."""

import shutil
import time
from pathlib import Path

ATTEMPTS = 20
PAUSE_SECONDS = 0.05


def remove_folder(folder: Path) -> None:
    """Remove the folder, at the latest a second later; if even that fails, leave it."""
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(PAUSE_SECONDS)
