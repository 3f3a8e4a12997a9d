"""The local run with requests of several sizes, and several at once: queue, function, a real model, its own cost."""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import PROJECT, PROJECT_PYTHON, BenchmarkError, Case, Metric, Result, Values, alternate

STACK = "dev"
MESSAGES = 500
# The stack's own settings: batches of 10 messages, and two requests at once.
BATCH = (10, 2)
# MAX_RECORDS_PER_REQUEST, REQUESTS_IN_FLIGHT
SETTINGS = ((1, 1), (1, 4), (4, 2), BATCH)
ROUNDS = 2
METRICS = (Metric("throughput", "messages/s"), Metric("latency p50", "ms"), Metric("per request", "records"))


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        _call([PROJECT_PYTHON, "main.py"], CDKTF_OUTDIR=folder)
        manifest = json.loads((Path(folder) / "manifest.json").read_bytes())
        template = Path(folder) / manifest["stacks"][STACK]["synthesizedStackPath"]
        runs = {}
        for records, concurrency in SETTINGS:
            changed = _with_settings(template, records, concurrency)
            runs[_name(records, concurrency)] = functools.partial(_run, changed)
        samples = alternate(runs, rounds=ROUNDS, warmups=0)
    case = Case(
        title=f"{MESSAGES:,} messages through MiniStack, with py3langid on one worker as the model",
        metrics=METRICS,
        samples=samples,
        reference=_name(*BATCH),
        notes={_name(*pair): "MAX_RECORDS_PER_REQUEST={}, REQUESTS_IN_FLIGHT={}".format(*pair) for pair in SETTINGS},
    )
    return Result(cases=[case])


def _name(records: int, concurrency: int) -> str:
    return f"{records} a request, {concurrency} at once"


def _with_settings(template: Path, records: int, concurrency: int) -> Path:
    """Write the stack with other variables of the function, in the synthesized one's folder, since its zip is there."""
    content = json.loads(template.read_bytes())
    for function in content["resource"]["aws_lambda_function"].values():
        function["environment"]["variables"] |= {
            "MAX_RECORDS_PER_REQUEST": str(records),
            "REQUESTS_IN_FLIGHT": str(concurrency),
        }
    target = template.with_name(f"{records}-{concurrency}.tf.json")
    target.write_text(json.dumps(content), encoding="utf-8")
    return target


def _run(template: Path) -> Values:
    with tempfile.TemporaryDirectory() as report:
        sent: list[str | Path] = ["--count", str(MESSAGES), "--poison", "0", "--template", template, "--report", report]
        _call([PROJECT_PYTHON, "-m", "local", *sent])
        outcome = json.loads((Path(report) / "report.json").read_bytes())
    return {
        "throughput": outcome["messages_per_second"],
        "latency p50": outcome["latency_ms"]["p50"],
        "per request": outcome["records_per_request"],
    }


def _call(command: list[str | Path], **variables: str) -> None:
    completed = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command))} failed:\n{(completed.stdout + completed.stderr)[-2000:]}")
