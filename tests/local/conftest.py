import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from local.emulator import ACCOUNT, PROJECT
from local.endpoint import EndpointServer

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

Document = dict[str, Any]
RunLocally = Callable[..., "subprocess.CompletedProcess[str]"]

# A bad message that is alone in its batch is only believed to be bad on its last receive, after pauses that grow.
TIMEOUT_SECONDS = 240


@contextlib.contextmanager
def runtime_client(server: EndpointServer) -> "Iterator[SageMakerRuntimeClient]":
    """Yield a client of an endpoint, which tries each request once."""
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=server.url,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    with contextlib.closing(client):
        yield client


@functools.cache
def synthesized_template() -> Path:
    """Synthesize the project's stacks once in a test process; return the path of the dev stack.

    The folder is the process's own: two test runs at the same time would overwrite each other's stack.
    """
    folder = Path(tempfile.mkdtemp(prefix="tests-local-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "main.py"], cwd=PROJECT, env={**os.environ, "CDKTF_OUTDIR": str(folder)}, check=True
    )
    return folder / "stacks" / "dev" / "cdk.tf.json"


@pytest.fixture(scope="session")
def template() -> Path:
    return synthesized_template()


@pytest.fixture
def edited_template(template: Path, tmp_path: Path) -> Callable[[Callable[[Document], None]], Path]:
    """Write the dev stack with a change; its assets stay where they are."""

    def edit(change: Callable[[Document], None]) -> Path:
        document = json.loads(template.read_bytes())
        for function in document["resource"]["aws_lambda_function"].values():
            function["filename"] = str(template.parent / function["filename"])
        change(document)
        edited = tmp_path / "cdk.tf.json"
        edited.write_text(json.dumps(document))
        return edited

    return edit


@pytest.fixture
def run_locally(tmp_path: Path) -> RunLocally:
    """Run `python -m local` with the report in `tmp_path / "report"`."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            local_command(tmp_path, *arguments),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    return run


def local_command(folder: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "local", "--report", str(folder / "report"), *map(str, arguments)]


def emulator_processes(folder: Path) -> list[Path]:
    """Return MiniStack and its functions, of a run with this folder, in /proc (so on Linux only)."""
    log = (folder / "report" / "ministack.log").read_text()
    port = re.search(r"available on port (\d+)", log)
    assert port is not None, log
    mark = f"GATEWAY_PORT={port[1]}\0".encode()
    return [process for process in Path("/proc").glob("[0-9]*") if mark in _environment(process)]


def emulator_folder(folder: Path) -> Path:
    """Return the temporary folder of a run that is still going on."""
    variables = _environment(emulator_processes(folder)[0]).decode().split("\0")
    return Path(next(variable for variable in variables if variable.startswith("TMPDIR=")).removeprefix("TMPDIR="))


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""  # ended meanwhile, or somebody else's


def in_account(text: str) -> str:
    """Return a text of the template with partition and account as the emulator has them."""
    text = re.sub(r"\$\{data\.aws_partition\.\w+\.partition\}", "aws", text)
    return re.sub(r"\$\{data\.aws_caller_identity\.\w+\.account_id\}", ACCOUNT, text)
