"""Batches inside the container: the real Hugging Face toolkit with a small model of random weights, on this machine."""

import functools
import json
import subprocess
from collections.abc import Mapping
from typing import Any

from benchmarks.measure import (
    PROJECT,
    PROJECT_PYTHON,
    Bar,
    BenchmarkError,
    Case,
    Metric,
    Result,
    Values,
    alternate,
)

ROUNDS = 5
METRICS = (Metric("CPU of the server", "s"), Metric("time", "s"), Metric("sent", "requests"))
ONE_BY_ONE, INSIDE, UNSORTED, NAIVE = "one by one", "batched inside", "batched inside, unsorted", "batch_size=32 always"
BATCHED = {"batch_inside": True, "max_padded_tokens": 4096}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    INSIDE: {**BATCHED, "sort_by_length": True},
    UNSORTED: BATCHED,
    ONE_BY_ONE: {},
    NAIVE: {"parameters": {"batch_size": 32}},
}
TITLES = {
    "even": "96 texts of 12 words",
    "mixed": "96 texts of 5 to 60 words",
    "uneven": "96 texts of 5 to 400 words",
}


def measure() -> Result:
    with subprocess.Popen(
        [str(PROJECT_PYTHON), "-m", "contract.batched_inside"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        _answer(worker)  # the server is ready
        cases = [_case(worker, texts, title) for texts, title in TITLES.items()]
        assert worker.stdin is not None
        worker.stdin.close()
    even, _, uneven = cases
    bars = [
        Bar(claim=f"{even.title}: {ONE_BY_ONE} to {INSIDE}", ratio=even.ratios(ONE_BY_ONE, INSIDE), at_least=2),
        Bar(claim=f"{uneven.title}: {ONE_BY_ONE} to {INSIDE}", ratio=uneven.ratios(ONE_BY_ONE, INSIDE), at_least=0.95),
    ]
    return Result(cases=cases, bars=bars)


def _case(worker: "subprocess.Popen[str]", texts: str, title: str) -> Case:
    runs = {name: functools.partial(_run, worker, texts, settings) for name, settings in SETTINGS.items()}
    return Case(
        title=title,
        metrics=METRICS,
        samples=alternate(runs, rounds=ROUNDS),
        reference=INSIDE,
        notes={
            name: ", ".join(f"{key}={value}" for key, value in settings.items()) for name, settings in SETTINGS.items()
        },
    )


def _run(worker: "subprocess.Popen[str]", texts: str, settings: Mapping[str, Any]) -> Values:
    assert worker.stdin is not None
    print(json.dumps({"texts": texts, "settings": settings}), file=worker.stdin, flush=True)
    answer = json.loads(_answer(worker))
    return {"CPU of the server": answer["cpu"], "time": answer["seconds"], "sent": answer["requests"]}


def _answer(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise BenchmarkError(f"the model server's run ended with {worker.wait()}; its own words are above")
    return line
