"""Serves a model with `mlflow models serve`: scikit-learn's, or a pyfunc of rows, or one with typed inputs."""

import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy
from sklearn.linear_model import LinearRegression

REQUIREMENTS = ["mlflow"]  # stated, so that MLflow need not find them out by loading the model
CLASSES = ("short", "medium", "long")


def save_sklearn(folder: str) -> None:
    """Save a regression of four numbers; every row has another prediction."""
    rows = numpy.random.default_rng(7).normal(size=(200, 4))
    model = LinearRegression().fit(rows, rows @ [1.0, -2.0, 3.0, 0.5] + 7.0)
    mlflow.sklearn.save_model(model, folder, pip_requirements=REQUIREMENTS)


class OfRows(mlflow.pyfunc.PythonModel):
    """A model of rows with the columns `text` and `n`; it refuses a row without a text."""

    def predict(self, context, model_input):  # type: ignore[no-untyped-def]  # MLflow would hold inputs to the hints
        return [{"size": CLASSES[min(len(text) // 8, 2)], "n": int(n) + 1} for text, n in self.rows(model_input)]

    def rows(self, frame: Any) -> list[tuple[str, int]]:
        return list(zip(frame["text"].tolist(), frame["n"].tolist(), strict=True))


def save_of_rows(folder: str) -> None:
    mlflow.pyfunc.save_model(folder, python_model=OfRows(), pip_requirements=REQUIREMENTS)


def save_typed(folder: str) -> None:
    """Save a model with type hints: such a model takes {"inputs": […]} only."""

    @mlflow.pyfunc.utils.pyfunc
    def predict(model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]

    mlflow.pyfunc.save_model(folder, python_model=predict, pip_requirements=REQUIREMENTS)


def main(model: str, port: str) -> None:
    folder = str(Path.cwd() / "model")
    {"sklearn": save_sklearn, "rows": save_of_rows, "typed": save_typed}[model](folder)
    serve = ["models", "serve", "-m", folder, "-h", "127.0.0.1", "-p", port, "--env-manager", "local"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *serve])


if __name__ == "__main__":
    main(*sys.argv[1:])
