"""The run, from the synthesized stack to the report."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local import rights
from local.deploy import Deployment
from local.display import Display, table_rows
from local.emulator import PROJECT, Emulator
from local.endpoint import Account, EndpointServer
from local.errors import LocalRunError, UsageError
from local.messages import Message, Sample, SizeLimits, make_messages, read_samples
from local.model import LANGUAGES, LanguageModel
from local.outcome import Outcome
from local.report import Setting, write_report
from local.road import Road, is_mapping
from local.template import Template
from local.traffic import Traffic

CODEC = "huggingface"
# Without one more message back for so long, the run stops.
STALL_SECONDS = 60
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to run."""

    messages: Path = PROJECT / "local" / "messages.jsonl"
    count: int = 2000
    seed: int = 0
    poison: float = 0.02
    """Share of the messages that can never be scored, 0 to 1."""
    stack: str = "dev"
    template: Path | None = None
    """A synthesized `cdk.tf.json` to run; by default the stack is synthesized anew."""
    report: Path = PROJECT / ".build" / "demo"
    """Folder of the report, of MiniStack's log, and of the synthesized stack."""
    keep: bool = False
    """Leave everything running at the end, until interrupted."""

    def command(self) -> str:
        """Return the command that sends the same messages again."""
        words = ["python", "-m", "local"]
        words += ["--count", str(self.count), "--seed", str(self.seed), "--poison", f"{self.poison:g}"]
        for name in ("messages", "stack", "template"):
            if getattr(self, name) != getattr(Options, name):
                words += [f"--{name}", str(getattr(self, name))]
        return shlex.join(words)


def run(options: Options, console: Console) -> int:
    """Run once; return the exit status: 0 if every message came to the end that it should.

    Raises LocalRunError if the run could not be finished.
    """
    display = Display(console)
    samples = read_samples(options.messages)
    _make_folder(options.report)
    with display.step("Synthesize") as remarks:
        template = Template.load(options.template or _synthesize(options))
        remarks.append(f"{template.path}")
    with contextlib.ExitStack() as stack:
        with display.step("Serve the model") as remarks:
            endpoint = stack.enter_context(EndpointServer(LanguageModel()))
            remarks.append(f"py3langid, {len(LANGUAGES)} languages, {endpoint.url}")
        with display.step("Start MiniStack") as remarks:
            emulator = stack.enter_context(_emulator(template, endpoint, options))
            remarks.append(f"{emulator.url}, IAM policies enforced")
        deployment = Deployment(template, emulator.aws)
        with display.step("Create resources"):
            deployment.create(only=lambda block: not is_mapping(block))
        road = Road.of(deployment)
        with display.step("Ask for rights") as remarks:
            remarks.append(f"{_ask_for_rights(emulator, road)} that no call of a good run would show")
        _open_road(deployment, road, endpoint, emulator)
        display.resources(deployment)
        outcome = _exchange(_messages(options, road, samples), road, endpoint, emulator, display)
        passed = _report(options, outcome, road, deployment, display)
        if options.keep:
            _keep(emulator, endpoint, road, display)
    return 0 if passed else 1


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder}: not writable")


def _synthesize(options: Options) -> Path:
    """Synthesize the project's stacks; return the path of the one asked for."""
    folder = options.report / "synthesized"
    made = subprocess.run(
        [sys.executable, "main.py"],
        cwd=PROJECT,
        env={**os.environ, "CDKTF_OUTDIR": str(folder.resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LocalRunError(f"main.py did not synthesize:\n{made.stderr.strip()}")
    stacks: dict[str, dict[str, str]] = json.loads((folder / "manifest.json").read_bytes())["stacks"]
    if options.stack not in stacks:
        raise UsageError(f"there is no stack {options.stack}, but there are: {', '.join(sorted(stacks))}")
    return folder / stacks[options.stack]["synthesizedStackPath"]


def _emulator(template: Template, endpoint: EndpointServer, options: Options) -> Emulator:
    return Emulator(
        region=template.region,
        log_file=options.report / "ministack.log",
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
    if settings.codec != CODEC:
        raise LocalRunError(f"the model behind the endpoint takes the codec {CODEC}, the stack has {settings.codec}")
    limits = SizeLimits(max_request_bytes=settings.max_bytes, max_message_bytes=road.queue.max_message_bytes)
    return make_messages(samples, count=options.count, poison_share=options.poison, seed=options.seed, limits=limits)


def _exchange(
    messages: Sequence[Message], road: Road, endpoint: EndpointServer, emulator: Emulator, display: Display
) -> Outcome:
    """Send the messages and wait for all of them to come back."""
    with Traffic(emulator.aws, road, messages) as traffic, display.progress(len(messages)) as ticker:
        arrived, moved, last_failure = 0, time.monotonic(), "none"
        while arrived < len(messages):
            time.sleep(POLL_SECONDS)
            for failure in emulator.failures():
                last_failure = failure.message
                if failure.final:
                    raise rights.explain(emulator.aws, road, failure.message)
            emulator.require_alive()
            before, arrived = arrived, traffic.arrived()
            ticker.update(arrived)
            if arrived > before:
                moved = time.monotonic()
            elif time.monotonic() - moved > STALL_SECONDS:
                stalled = f"no message came back for {STALL_SECONDS} s, {len(messages) - arrived} are missing"
                raise LocalRunError(f"{stalled}; the function's last error: {last_failure}")
        left_in_queue = traffic.settle()
    return Outcome(traffic.tally, endpoint.invocations, left_in_queue)


def _report(options: Options, outcome: Outcome, road: Road, deployment: Deployment, display: Display) -> bool:
    """Write and show what the run came to; return whether all went as it should."""
    setting = Setting(road, deployment, options.stack, options.seed, options.command())
    summary, page = write_report(options.report, outcome, setting)
    display.table(table_rows(summary))
    display.line(f"Report: {page}")
    display.verdict(summary["complaints"])
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
