"""Serves a scikit-learn model, or a runtime of our own, with MLServer (Open Inference Protocol, KServe v2)."""

import json
import os
import sys
from pathlib import Path

import joblib
import numpy
from sklearn.linear_model import LinearRegression

SKLEARN = "mlserver_sklearn.SKLearnModel"


def save_sklearn(folder: Path) -> None:
    """Save a regression of four numbers; every row has another prediction."""
    rows = numpy.random.default_rng(7).normal(size=(200, 4))
    joblib.dump(LinearRegression().fit(rows, rows @ [1.0, -2.0, 3.0, 0.5] + 7.0), folder / "model.joblib")
    settings = {"name": "sklearn", "implementation": SKLEARN, "parameters": {"uri": "./model.joblib"}}
    (folder / "model-settings.json").write_text(json.dumps(settings))


def save_text(folder: Path) -> None:
    """Save the settings of a runtime of our own, which takes texts and has two outputs."""
    settings = {"name": "text", "implementation": "mlserver_runtime.Lengths"}
    (folder / "model-settings.json").write_text(json.dumps(settings))


def main(model: str, port: str) -> None:
    folder = Path.cwd() / "model"
    folder.mkdir()
    {"sklearn": save_sklearn, "text": save_text}[model](folder)
    settings = {
        "host": "127.0.0.1",
        "http_port": int(port),
        "grpc_port": int(port) + 1,
        "metrics_port": int(port) + 2,
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    server = str(Path(sys.executable).parent / "mlserver")
    os.execv(server, [server, "start", str(folder)])


if __name__ == "__main__":
    main(*sys.argv[1:])
