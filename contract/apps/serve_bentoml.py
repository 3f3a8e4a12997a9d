"""Serves a model with BentoML; its API has named arguments."""

import os
import sys
from pathlib import Path

HOME = "BENTOML_HOME"


def main(model: str, port: str) -> None:
    folder = Path(__file__).parent
    os.environ |= {HOME: str(Path.cwd() / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    command = ["serve", f"bentoml_service:{model}", "--working-dir", str(folder), "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
