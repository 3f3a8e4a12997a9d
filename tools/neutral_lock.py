"""Take registry addresses out of a Pipfile.lock, so that it works with whichever one the user has configured."""

import json
import sys
from pathlib import Path


def main(path: Path) -> None:
    lock = json.loads(path.read_text())
    lock["_meta"]["sources"] = []
    for section in ("default", "develop"):
        for package in lock[section].values():
            package.pop("index", None)
    path.write_text(json.dumps(lock, indent=4) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
