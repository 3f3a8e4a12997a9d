"""From a fresh process to the first client ready, and to the first response through AWS's own runtime client."""

import contextlib
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.measure import PROJECT, PROJECT_PYTHON, Bar, BenchmarkError, Case, Metric, Result, Values, alternate
from benchmarks.runtime_api import RuntimeApi
from benchmarks.server import serve
from benchmarks.worker import environment

OUR_NAME = "this project"
ONE, BOTH = "boto3, endpoint client", "boto3, endpoint and queue clients"
POWERTOOLS = "Powertools and boto3"
BARE_ONE = 'import boto3; boto3.client("sagemaker-runtime")'
BARE_BOTH = f'{BARE_ONE}; boto3.client("sqs")'
PACKAGED = (
    "from constructs_lib.core.build import build_folder; from constructs_lib.function.packaging import package_handler;"
    "print(package_handler(build_folder())[0])"
)
IMPORTS = {
    OUR_NAME: "import handler.index",
    ONE: BARE_ONE,
    BOTH: BARE_BOTH,
    POWERTOOLS: "import benchmarks.candidates.powertools_batch",
}
FUNCTIONS = {
    OUR_NAME: "handler.index.handler",
    BOTH: "benchmarks.candidates.tutorial.handler",
    POWERTOOLS: "benchmarks.candidates.powertools_batch.handler",
}
NOTES = {
    OUR_NAME: "the function's zip: sources, no bytecode",
    BOTH: "one InvokeEndpoint and one SendMessage",
    POWERTOOLS: "BatchProcessor, the same two calls",
}
ROUNDS = 12
LIMIT = 1.1
FIRST_RESPONSE_SECONDS = 30


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder, serve() as server:
        _unpack_function(Path(folder))
        server.configure()
        variables = {**environment(server, requests_in_flight=2), "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}
        imports = _measure_imports(variables, Path(folder))
        bars = [
            Bar(claim=f"{metric.name} until ready: ours, to {name}", ratio=ratio, at_most=LIMIT)
            for metric in imports.metrics
            for name in (BOTH, ONE)
            for ratio in [imports.ratios(OUR_NAME, to=name, metric=metric.name)]
        ]
        if importlib.util.find_spec("awslambdaric") is None:
            return Result(cases=[imports], bars=bars, remarks=["awslambdaric has no build for this system: left out"])
        responses = _measure_responses(variables, Path(folder))
    ratio = responses.ratios(OUR_NAME, to=BOTH)
    bars.append(Bar(claim=f"first response: ours, to {BOTH}", ratio=ratio, at_most=LIMIT))
    return Result(cases=[imports, responses], bars=bars)


def _unpack_function(folder: Path) -> None:
    """Unpack the very zip that is deployed; Lambda keeps no bytecode of it, so none is kept here either."""
    command: list[str | Path] = [PROJECT_PYTHON, "-c", PACKAGED]
    completed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise BenchmarkError(f"the function was not packaged:\n{completed.stderr}")
    with zipfile.ZipFile(completed.stdout.strip()) as archive:
        archive.extractall(folder)


def _measure_imports(variables: Mapping[str, str], folder: Path) -> Case:
    runs = {name: functools.partial(_import, code, variables, folder) for name, code in IMPORTS.items()}
    return Case(
        title="Fresh process, from the first import to the clients ready",
        metrics=[Metric("wall", "ms"), Metric("cpu", "ms")],
        samples=alternate(runs, rounds=ROUNDS),
        reference=BOTH,
        notes={OUR_NAME: NOTES[OUR_NAME]},
    )


def _import(code: str, variables: Mapping[str, str], folder: Path) -> Values:
    clocks = "time.perf_counter() * 1000, time.process_time() * 1000"
    script = f"import time; w, c = {clocks}; {code}; v, d = {clocks}; print(v - w, d - c)"
    command = [sys.executable, "-c", script]
    completed = subprocess.run(
        command, cwd=folder, env=_own_bytecode_only(variables, code), capture_output=True, text=True, check=False
    )
    if completed.returncode:
        raise BenchmarkError(f"{code} failed:\n{completed.stderr}")
    wall, cpu = map(float, completed.stdout.split())
    return {"wall": wall, "cpu": cpu}


def _own_bytecode_only(variables: Mapping[str, str], code: str) -> dict[str, str]:
    """Return the variables that let libraries use bytecode, which favours those with more code, but not our zip."""
    ours = {"PYTHONDONTWRITEBYTECODE": "1"} if code.startswith(("import handler", "handler.")) else {}
    return {**variables, **ours}


def _measure_responses(variables: Mapping[str, str], folder: Path) -> Case:
    with RuntimeApi() as api:
        runs = {
            name: functools.partial(_first_response, entry, api, variables, folder) for name, entry in FUNCTIONS.items()
        }
        samples = alternate(runs, rounds=ROUNDS)
    return Case(
        title="Fresh process under awslambdaric, from its start to the first response",
        metrics=[Metric("wall", "ms")],
        samples=samples,
        reference=BOTH,
        notes=NOTES,
    )


def _first_response(entry: str, api: RuntimeApi, variables: Mapping[str, str], folder: Path) -> Values:
    where = {"AWS_LAMBDA_RUNTIME_API": api.address, "LAMBDA_TASK_ROOT": str(folder), "_HANDLER": entry}
    started = time.perf_counter()
    with _process([sys.executable, "-m", "awslambdaric", entry], {**_own_bytecode_only(variables, entry), **where}):
        responded = api.first_response(FIRST_RESPONSE_SECONDS)
    return {"wall": 1000 * (responded - started)}


@contextlib.contextmanager
def _process(command: list[str], variables: Mapping[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
