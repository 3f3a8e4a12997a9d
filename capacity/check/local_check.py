"""The local run at three settings: MiniStack, the function's processes, and a model that sleeps a known time.

The constants of the profile `local` are measured apart, by two runs with another model and other counts of messages.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from capacity.check.comparison import Comparison, Numbers, noise
from capacity.deployed import Pipeline
from capacity.profile import Profile
from capacity.reading import pipelines_of
from capacity.service_time import ServiceTime
from capacity.simulation.discrete import Discrete
from capacity.work import Work
from local.emulator import PROJECT
from local.errors import LocalRunError
from local.synthesis import synthesize
from local.template import Template

MODEL = """
import json, time

def answer(body, content_type):
    inputs = json.loads(body)["inputs"]
    records = len(inputs) if isinstance(inputs, list) else 1
    time.sleep({fixed} + {each} * records)
    return json.dumps([{{"label": "en", "score": 0.9}}] * records).encode(), "application/json"
"""
TIMEOUT_SECONDS = 300
REPEATS = 2


class Setting(NamedTuple):
    """A model's time, and how many invocations run at once."""

    fixed: float
    each: float
    concurrency: int
    messages: int

    def __str__(self) -> str:
        model = f"{1000 * self.fixed:g} ms + {1000 * self.each:g} ms a record"
        return f"{self.messages:,} messages at once, {self.concurrency} invocations, {model}"


# The constants come from a short and a long run, in which the emulator sets the throughput.
CALIBRATION_SECONDS, FEW, MANY = 0.001, 150, 700
SETTINGS = (Setting(0.2, 0.01, 2, 300), Setting(0.5, 0.02, 5, 400), Setting(0.05, 0.005, 5, 800))


def check() -> Iterator[Comparison]:
    """Yield each setting's comparison."""
    with tempfile.TemporaryDirectory(prefix="capacity-check-") as name:
        folder = Path(name)
        template = synthesize("main", "dev", folder / "synthesized")
        for setting in SETTINGS:
            # just before, because others use the machine too, and what they leave of it changes by the minute
            profile = calibrate(folder, template, setting.concurrency)
            measured, spread = _quietest(folder, template, setting)
            yield Comparison(str(setting), measured, predict(template, setting, profile), spread)


def calibrate(folder: Path, template: Path, concurrency: int) -> Profile:
    """Return the emulator's time for a batch, and the start of the function, from a short and a long run."""
    settings = (Setting(CALIBRATION_SECONDS, 0.0, concurrency, count) for count in (FEW, MANY))
    short, long = (_run(folder, template, setting) for setting in settings)
    seconds = [FEW / short.per_second, MANY / long.per_second]
    each = max(1e-5, (seconds[1] - seconds[0]) / (MANY - FEW))
    return Profile(
        name="local",
        invocation_cpu=0.0,
        request_cpu=0.0,
        record_cpu=0.0,
        call_cpu=0.0,
        round_trip=0.0,
        between=0.0,
        shared=10 * each,  # the emulator takes ten messages a batch
        first=max(0.0, seconds[0] - FEW * each),
        origin="two runs of the local emulator with a model that answers at once",
    )


def _quietest(folder: Path, template: Path, setting: Setting) -> tuple[Numbers, float]:
    """Return the fastest of several runs, and how much slower the slowest was: others use the machine, too."""
    runs = [_run(folder, template, setting) for _ in range(REPEATS)]
    return max(runs, key=lambda run: run.per_second), noise([run.per_second for run in runs])


def _run(folder: Path, template: Path, setting: Setting) -> Numbers:
    """Run the stack once; return throughput and p95 of the report. Raises LocalRunError if it fails."""
    model, edited, report = folder / "model.py", folder / "cdk.tf.json", folder / "report"
    model.write_text(MODEL.format(fixed=setting.fixed, each=setting.each))
    edited.write_text(json.dumps(_edited(template, setting.concurrency)))
    command = [sys.executable, "-m", "local", "--template", edited, "--model", model, "--report", report]
    options = ["--count", str(setting.messages), "--poison", "0"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*map(str, command), *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise LocalRunError(f"the local run failed:\n{done.stdout}\n{done.stderr}")
    found: Mapping[str, Any] = json.loads((report / "report.json").read_bytes())
    return Numbers(found["messages_per_second"], found["latency_ms"]["p95"] / 1000)


def _edited(template: Path, concurrency: int) -> dict[str, Any]:
    """Return the stack with another concurrency; its assets stay where they are."""
    document: dict[str, Any] = json.loads(template.read_bytes())
    for block in document["resource"]["aws_lambda_function"].values():
        block["filename"] = str(template.parent / block["filename"])
    for block in document["resource"]["aws_lambda_event_source_mapping"].values():
        block["scaling_config"] = {"maximum_concurrency": concurrency}
    return document


def predict(template: Path, setting: Setting, profile: Profile) -> Numbers:
    """Return what the discrete engine says: all messages wait from the beginning."""
    pipeline: Pipeline = pipelines_of(Template.load(template))[0]
    text = f"{setting.fixed} + {setting.each}"
    model = ServiceTime(((0, setting.fixed), (1, setting.fixed + setting.each)), text)
    moments = [0.0] * setting.messages
    run = Discrete(Work(pipeline, model, profile), moments, pollers=setting.concurrency).run()
    return Numbers(run.per_second, run.percentile(0.95))
