"""The bundle of a gated model: its archive, and what its code does in a container that calls it as AWS's toolkit does.

torch and transformers are gigabytes, and the Hub wants a real token: here stand packages that say what they were asked.
"""

import gzip
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, cast

from constructs_lib.endpoint.model_archive import BUNDLE, package_bundle

import pytest

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub/token-a1B2c3"
TOKEN = "hf_sesame"

FAKE_TORCH = """
class cuda:
    @staticmethod
    def is_available():
        import os
        return os.environ["GPUS"] != "0"
"""
FAKE_TRANSFORMERS = """
def pipeline(**arguments):
    return arguments
"""
# As sagemaker-huggingface-inference-toolkit: by the name of the function, with the folder and the server's context.
CONTAINER = """
import json, os, sys
sys.path.insert(0, os.path.join(sys.argv[1], "code"))
import inference
context = type("Context", (), {"system_properties": {"gpu_id": 1}})()
model = inference.model_fn(sys.argv[1], context) if sys.argv[2] == "context" else inference.model_fn(sys.argv[1])
print(json.dumps({"model": model, "environment": dict(os.environ)}))
"""


class _SecretsManager(BaseHTTPRequestHandler):
    calls: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        region = self.headers["Authorization"].split("/")[2]
        self.calls.append((self.headers["X-Amz-Target"], request["SecretId"], region))
        body = json.dumps({"ARN": SECRET, "Name": "hub/token", "SecretString": f"{TOKEN}\n"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def secrets_manager() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    calls: list[tuple[str, str, str]] = []
    handler = type("Handler", (_SecretsManager,), {"calls": calls})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()
        thread.join()


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """The archive, unpacked where SageMaker would, and the packages of the image."""
    archive, _ = package_bundle(tmp_path / "build")
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            (tmp_path / "model" / member.name).parent.mkdir(parents=True)
            (tmp_path / "model" / member.name).write_bytes(cast("IO[bytes]", opened.extractfile(member)).read())
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "torch.py").write_text(FAKE_TORCH)
    (packages / "transformers.py").write_text(FAKE_TRANSFORMERS)
    return tmp_path


def _load(container: Path, url: str, *, call: str = "context", gpus: int = 0, **variables: str) -> dict[str, Any]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS", "HF", "HUB"))},
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
        "PYTHONPATH": str(container / "packages"),
        "GPUS": str(gpus),
        "HF_TASK": "text-classification",
        "HUB_MODEL_ID": "owner/gated",
        "HUB_TOKEN_SECRET_ARN": SECRET,
        **variables,
    }
    arguments = [sys.executable, "-c", CONTAINER, str(container / "model"), call]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    loaded: dict[str, Any] = json.loads(done.stdout)
    assert TOKEN not in "".join(loaded["environment"].values())
    model: dict[str, Any] = loaded["model"]
    return model


def test_the_model_is_loaded_with_the_token_of_the_secret(
    container: Path, secrets_manager: tuple[str, list[tuple[str, str, str]]]
) -> None:
    url, calls = secrets_manager
    assert _load(container, url, HUB_MODEL_REVISION="v1") == {
        "task": "text-classification",
        "model": "owner/gated",
        "revision": "v1",
        "token": TOKEN,
        "device": -1,
        "trust_remote_code": False,
    }
    assert calls == [("secretsmanager.GetSecretValue", SECRET, "eu-west-1")]


@pytest.mark.parametrize(("call", "gpus", "device"), [("context", 0, -1), ("context", 2, 1), ("folder", 2, 0)])
def test_a_worker_uses_the_gpu_that_the_server_keeps_for_it(
    container: Path,
    secrets_manager: tuple[str, list[tuple[str, str, str]]],
    call: str,
    gpus: int,
    device: int,
) -> None:
    model = _load(container, secrets_manager[0], call=call, gpus=gpus, HF_TRUST_REMOTE_CODE="True")
    assert (model["device"], model["trust_remote_code"], model["revision"]) == (device, True, None)


def test_the_same_script_gives_the_same_archive_everywhere(tmp_path: Path) -> None:
    one, one_hash = package_bundle(tmp_path / "one")
    copy = tmp_path / "inference.py"
    copy.write_bytes(BUNDLE.read_bytes())
    other, other_hash = package_bundle(tmp_path / "other", copy)
    assert one_hash == other_hash
    assert gzip.decompress(one.read_bytes()) == gzip.decompress(other.read_bytes())
    with tarfile.open(one) as archive:
        (entry,) = archive.getmembers()
    assert (entry.name, entry.mtime, entry.uid, entry.mode) == ("code/inference.py", 0, 0, 0o644)


def test_a_changed_script_is_another_archive(tmp_path: Path) -> None:
    changed = tmp_path / "inference.py"
    changed.write_bytes(BUNDLE.read_bytes() + b"\n")
    assert package_bundle(tmp_path, changed)[1] != package_bundle(tmp_path)[1]
