"""The local run at three settings: MiniStack, the function's processes, and a model that sleeps a known time.

The constants of the profile `local` are measured apart, by a run with another model and another count of messages. The
arrivals are given to the engine as they were: what is predicted is what becomes of them.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from capacity.check.comparison import Comparison, Numbers, nearest_rank, noise
from capacity.deployed import Pipeline
from capacity.profile import Profile
from capacity.reading import pipelines_of
from capacity.service_time import ServiceTime
from capacity.simulation.discrete import Discrete
from capacity.work import MESSAGES_PER_CALL, Work
from local.display import Display
from local.errors import LocalRunError
from local.messages import read_samples
from local.options import Options
from local.output import OutputFolder
from local.run import LocalRun
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
REPEATS = 2
# Calls, and results, that a mean is worth something with.
FEWEST = 10


class Setting(NamedTuple):
    """A model's time, and how many invocations run at once."""

    fixed: float
    each: float
    concurrency: int
    messages: int

    def __str__(self) -> str:
        model = f"{1000 * self.fixed:g} ms + {1000 * self.each:g} ms a record"
        return f"{self.messages:,} messages at once, {self.concurrency} invocations, {model}"


# The constants come from another model and another count, with which the emulator sets the throughput.
CALIBRATION_SECONDS, CALIBRATION_MESSAGES = 0.001, 700
SETTINGS = (Setting(0.2, 0.01, 2, 300), Setting(0.5, 0.02, 5, 400), Setting(0.05, 0.005, 5, 800))


@dataclass(frozen=True)
class Run:
    """The course of a local run; seconds from the first message sent."""

    sent: Sequence[float]
    """The moment at which each message was sent, sorted; those of one call have one."""
    done: Sequence[float]
    """The moment at which each result came back, sorted."""
    latencies: Sequence[float]

    @property
    def numbers(self) -> Numbers:
        return Numbers(len(self.done) / self.done[-1], nearest_rank(self.latencies, 0.95))


def check() -> Iterator[Comparison]:
    """Yield each setting's comparison. Raises LocalRunError if a run fails."""
    with tempfile.TemporaryDirectory(prefix="capacity-check-") as name:
        folder = Path(name)
        template = synthesize("main", "dev", folder / "synthesized")
        for setting in SETTINGS:
            # just before, because others use the machine too, and what they leave of it changes by the minute
            profile = calibrate(_run(folder, template, calibration(setting.concurrency)))
            runs = [_run(folder, template, setting) for _ in range(REPEATS)]
            # Others can only make it slower: the fastest is the nearest to the emulator's own.
            run = max(runs, key=lambda one: one.numbers.per_second)
            predicted = predict(template, setting, profile, run.sent)
            yield Comparison(str(setting), run.numbers, predicted, noise([one.numbers.per_second for one in runs]))


def calibration(concurrency: int) -> Setting:
    """Return the setting whose run has the constants of the profile: the emulator is what sets its throughput."""
    return Setting(CALIBRATION_SECONDS, 0.0, concurrency, CALIBRATION_MESSAGES)


def calibrate(run: Run) -> Profile:
    """Return the emulator's times: of a call that sends, before any result is there; of a batch, after the last such
    call; and of the start of the function, which is until the first result.
    """
    calls, first = sorted(set(run.sent)), run.done[0]
    alone = [moment for moment in calls if moment <= first]
    last = [moment for moment in run.done if moment >= calls[-1]]
    if len(alone) < FEWEST or len(last) < FEWEST:
        raise LocalRunError(
            f"the calibration's run has {len(alone)} calls before the first result and {len(last)} results after the "
            f"last call: at least {FEWEST} of each are needed to measure the emulator by"
        )
    shared = MESSAGES_PER_CALL * (last[-1] - last[0]) / (len(last) - 1)
    return Profile(
        name="local",
        invocation_cpu=0.0,
        request_cpu=0.0,
        record_cpu=0.0,
        call_cpu=0.0,
        round_trip=0.0,
        between=0.0,
        shared=shared,
        sending=(alone[-1] - alone[0]) / (len(alone) - 1),
        first=max(0.0, first - shared),
        origin="a run of the local emulator with a model that answers at once",
    )


def _run(folder: Path, template: Path, setting: Setting) -> Run:
    """Run the stack once. Raises LocalRunError if it fails, or a message does not come back."""
    model, edited = folder / "model.py", folder / "cdk.tf.json"
    model.write_text(MODEL.format(fixed=setting.fixed, each=setting.each))
    edited.write_text(json.dumps(_edited(template, setting.concurrency)))
    options = Options(template=edited, model=model, report=folder / "report", count=setting.messages, poison=0)
    with OutputFolder(options.report) as output, Path(os.devnull).open("w") as nowhere:
        display = Display(Console(file=nowhere))
        outcome = LocalRun(options, output, display).outcome(read_samples(options.messages))
    if complaints := list(outcome.complaints()):
        raise LocalRunError(f"the local run failed: {'; '.join(complaints)}")
    sent = sorted(sent.at - outcome.started for sent in outcome.tally.sent.values())
    return Run(sent, outcome.arrivals, [milliseconds / 1000 for milliseconds in outcome.latencies_ms])


def _edited(template: Path, concurrency: int) -> dict[str, Any]:
    """Return the stack with another concurrency; its assets stay where they are."""
    document: dict[str, Any] = json.loads(template.read_bytes())
    for block in document["resource"]["aws_lambda_function"].values():
        block["filename"] = str(template.parent / block["filename"])
    for block in document["resource"]["aws_lambda_event_source_mapping"].values():
        block["scaling_config"] = {"maximum_concurrency": concurrency}
    return document


def predict(template: Path, setting: Setting, profile: Profile, sent: Sequence[float]) -> Numbers:
    """Return what the discrete engine says of messages that come at these moments."""
    pipeline: Pipeline = pipelines_of(Template.load(template))[0]
    text = f"{setting.fixed} + {setting.each}"
    model = ServiceTime(((0, setting.fixed), (1, setting.fixed + setting.each)), text)
    run = Discrete(Work(pipeline, model, profile), sent, pollers=setting.concurrency, warm_up=0).run()
    return Numbers(run.per_second, run.percentile(0.95))
