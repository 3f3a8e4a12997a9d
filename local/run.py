"""The run, from the synthesized stack to the report."""

import contextlib
import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from local import rights
from local.deploy import Deployment
from local.display import Display, table_rows
from local.emulator import PROJECT, Emulator
from local.endpoint import Account, EndpointServer
from local.errors import LocalRunError
from local.faults import FaultInjector, KillSchedule
from local.messages import CERTAIN_OF_ANY_JSON, Message, Poison, Sample, SizeLimits, make_messages, read_samples
from local.model import LANGUAGES, LanguageModel
from local.outcome import Disturbance, Outcome
from local.output import OutputFolder
from local.refusal import require_runnable
from local.report import Setting, write_report
from local.road import Road, is_mapping
from local.signed import with_unsigned_code
from local.synthesis import synthesize
from local.template import Template
from local.traffic import Traffic

# On a FIFO queue.
MESSAGES_PER_GROUP = 20
POLL_SECONDS = 0.1
# Without one more message back for so long, the queue is asked whether it holds any.
QUIET_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to run."""

    messages: Path = PROJECT / "local" / "messages.jsonl"
    count: int = 2000
    seed: int = 0
    poison: float = 0.02
    """Share of the messages that can never be scored, 0 to 1."""
    app: str = "main"
    """The module of this project that defines the stacks."""
    stack: str | None = None
    """By default the only one, or `dev`."""
    pipeline: str | None = None
    """The one of the stack's pipelines to run; needed if it has several."""
    template: Path | None = None
    """A synthesized `cdk.tf.json` to run; by default the stack is synthesized anew."""
    report: Path = PROJECT / ".build" / "demo"
    """Folder of the report, of MiniStack's log, and of the synthesized stack."""
    keep: bool = False
    """Leave everything running at the end, until interrupted."""
    faults: float = 0.0
    """Share of the requests that the endpoint answers with a fault, 0 to 1."""
    kills: int = 0
    """How often a function's process is killed at work."""
    max_outstanding: int | None = None
    """Most messages that are sent and not back yet; by default as many as there are."""
    stall_seconds: float = 120
    """Without one more message back for so long, the run stops."""
    settle_seconds: float = 5
    """How long to wait, once all are back, until the queue is empty."""

    target: ClassVar[str] = "demo"
    """The make target that runs this."""
    stated: ClassVar[Sequence[str]] = ("count", "seed", "poison")
    """Options that the command names in any case; the next, where they are not the default."""
    stated_if_changed: ClassVar[Sequence[str]] = ("messages", "app", "stack", "pipeline", "template")

    @property
    def disturbed(self) -> bool:
        return self.faults > 0 or self.kills > 0

    def command(self) -> str:
        """Return the line for a shell that sends the same messages again."""
        changed = [name for name in self.stated_if_changed if getattr(self, name) != getattr(type(self), name)]
        values = {name: getattr(self, name) for name in (*self.stated, *changed)}
        words = shlex.join(
            word
            for name, value in values.items()
            for word in (f"--{name}", f"{value:g}" if isinstance(value, float) else f"{value}")
        )
        # A dollar sign is doubled for make; what a shell would expand between double quotes is escaped.
        escaped = re.sub(r'([$`\\"])', r"\\\1", words.replace("$", "$$"))
        return f'make {self.target} ARGS="{escaped}"'


def run(options: Options, console: Console) -> int:
    """Run once; return the exit status: 0 if every message came to the end that it should.

    Raises LocalRunError if the run could not be finished.
    """
    display = Display(console)
    samples = read_samples(options.messages)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(OutputFolder(options.report))
        with display.step("Synthesize") as remarks:
            path = options.template or synthesize(options.app, options.stack, output.synthesized)
            template = with_unsigned_code(Template.load(path)).of_pipeline(options.pipeline)
            remarks.append(f"{path}")
        require_runnable(template)
        with display.step("Serve the model") as remarks:
            model = LanguageModel()
            endpoint = stack.enter_context(EndpointServer(model, FaultInjector(options.faults, options.seed)))
            remarks.append(f"py3langid, {len(LANGUAGES)} languages, {endpoint.url}")
        with display.step("Start MiniStack") as remarks:
            emulator = stack.enter_context(_emulator(template, endpoint, output))
            remarks.append(f"{emulator.url}, IAM policies enforced")
        deployment = Deployment(template, emulator.aws)
        with display.step("Create resources"):
            deployment.create(only=lambda block: not is_mapping(block))
        road = Road.of(deployment)
        with display.step("Check rights") as remarks:
            remarks.append(f"{_ask_for_rights(emulator, road)} that a run without faults never uses")
        _open_road(deployment, road, endpoint, emulator)
        display.resources(deployment)
        if options.disturbed:
            samples = [_as_the_model_says(sample, model) for sample in samples]
        outcome = _exchange(options, _messages(options, road, samples), road, endpoint, emulator, display=display)
        passed = _report(options, outcome, road, deployment, output=output, display=display)
        if options.keep:
            _keep(emulator, endpoint, road, display)
    return 0 if passed else 1


def _emulator(template: Template, endpoint: EndpointServer, output: OutputFolder) -> Emulator:
    return Emulator(
        region=template.region,
        log_file=output.log_file,
        function_environment={"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url},
    )


def _ask_for_rights(emulator: Emulator, road: Road) -> int:
    needed = [*rights.needed_by_lambda(road), *rights.needed_for_returns(road)]
    rights.require(emulator.aws, road.role_arn, needed)
    return len(needed)


def _open_road(deployment: Deployment, road: Road, endpoint: EndpointServer, emulator: Emulator) -> None:
    """Let the endpoint answer, and only then create the mapping that lets messages flow."""
    made = {deployment.resolved(block)["name"] for block in deployment.template.of_type("aws_sagemaker_endpoint")}
    endpoint.account = Account(
        id=road.account,
        region=deployment.template.region,
        # A stack that makes none sends to one that exists: here, the one that the model is served by.
        endpoints=made or {road.settings.endpoint_name},
        authorize=lambda: rights.denial_of_inference(emulator.aws, road),
    )
    deployment.create(only=is_mapping)


def _messages(options: Options, road: Road, samples: Sequence[Sample]) -> list[Message]:
    settings = road.settings
    limits = SizeLimits(max_request_bytes=settings.max_bytes, max_message_bytes=road.queue.max_message_bytes)
    return make_messages(
        samples,
        count=options.count,
        poison_share=options.poison,
        seed=options.seed,
        limits=limits,
        groups=max(1, options.count // MESSAGES_PER_GROUP) if road.queue.fifo else 0,
        kinds=CERTAIN_OF_ANY_JSON if settings.codec == "instances" else tuple(Poison),
    )


def _as_the_model_says(sample: Sample, model: LanguageModel) -> Sample:
    """Return the sample expecting what the model makes of it, right or wrong: results can then be told apart."""
    (answer,) = model.predict({"inputs": sample.inputs})
    return Sample(sample.inputs, answer["label"])


def _exchange(
    options: Options,
    messages: Sequence[Message],
    road: Road,
    endpoint: EndpointServer,
    emulator: Emulator,
    *,
    display: Display,
) -> Outcome:
    """Send the messages and wait for all of them to come back."""
    kills = KillSchedule(options.kills, requests=options.count // road.mapping["batch_size"], seed=options.seed)
    with (
        Traffic(emulator.aws, road, messages, options.max_outstanding) as traffic,
        display.progress(len(messages)) as ticker,
    ):
        arrived, moved, last_failure = 0, time.monotonic(), "none"
        while arrived < len(messages):
            time.sleep(POLL_SECONDS)
            for failure in emulator.log.failures():
                last_failure = failure.message
                if failure.final:
                    raise rights.explain(emulator.aws, road, failure.message)
            emulator.require_alive()
            before, arrived = arrived, traffic.arrived()
            ticker.update(arrived)
            for choice in kills.due(endpoint.faults.requests):
                emulator.kill_function(choice)
            if arrived > before:
                moved = time.monotonic()
            elif (quiet := time.monotonic() - moved) > options.stall_seconds:
                stalled = f"no message came back for {options.stall_seconds:g} s, {len(messages) - arrived} are missing"
                raise LocalRunError(f"{stalled}; the function's last error: {last_failure}")
            elif quiet > QUIET_SECONDS and not traffic.messages_in_queue():
                break  # nothing more can come: the report tells what is lost
        left_in_queue = traffic.settle(options.settle_seconds)
    return Outcome(traffic.tally, endpoint.invocations, left_in_queue, _disturbance(options, endpoint, emulator))


def _disturbance(options: Options, endpoint: EndpointServer, emulator: Emulator) -> Disturbance | None:
    if not options.disturbed:
        return None
    for _ in emulator.log.failures():
        pass  # what it said last, for its counts
    return Disturbance(
        requests=endpoint.faults.requests,
        injected={str(fault): count for fault, count in endpoint.faults.injected.items()},
        workers_killed=emulator.log.killed,
        batches_cut_short=emulator.log.batches_cut_short,
    )


def _report(
    options: Options, outcome: Outcome, road: Road, deployment: Deployment, *, output: OutputFolder, display: Display
) -> bool:
    """Write and show what the run came to; return whether all went as it should."""
    setting = Setting(road, deployment, deployment.template.stack, options.seed, options.command())
    summary, page = write_report(output, outcome, setting)
    display.table(table_rows(summary))
    display.line(f"Report: {page}")
    display.verdict(summary["complaints"], outcome.moved_by_sqs)
    return not summary["complaints"]


def _keep(emulator: Emulator, endpoint: EndpointServer, road: Road, display: Display) -> None:
    """Tell how to reach what is running, and wait for the interrupt."""
    display.line(
        "\nStill running, until Ctrl-C. In another terminal:\n"
        f"  export AWS_ENDPOINT_URL={emulator.url}\n"
        f"  export AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={endpoint.url}\n"
        f"  export AWS_CA_BUNDLE={emulator.certificate.authority}\n"
        f"  export AWS_ACCESS_KEY_ID={emulator.credentials.access_key}\n"
        f"  export AWS_SECRET_ACCESS_KEY={emulator.credentials.secret}\n"
        f"  export AWS_DEFAULT_REGION={emulator.aws.region}\n"
        f"Endpoint          {road.settings.endpoint_name}\n"
        f"Queue             {road.queue.url}\n"
        f"Results           {road.results.url}\n"
        f"Dead-letter queue {road.dead_letters.url}"
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)
            emulator.require_alive()
