"""The runbook: each trouble is injected into the local stack, and put right by the page's own commands."""

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from local.display import Display
from local.emulator import PROJECT
from local.faults import FaultInjector, InjectedFault
from local.messages import read_samples
from local.options import Options
from local.output import OutputFolder
from local.running_stack import RunningStack
from local.serving import serving_of
from local.template import Template
from operate.dead_letters.journal import Journal, Step
from tests.local.conftest import synthesized_template
from tests.operate.control_plane import ControlPlane

PAGE = PROJECT / "docs" / "runbook.md"
ENDPOINT = "dev-language"
SECONDS = 60


def commands_of(section: str) -> list[str]:
    """Return the commands of a section, in order."""
    text = PAGE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


class Runbook:
    """The commands of one section, which are run in their order."""

    def __init__(self, section: str, folder: Path) -> None:
        self.left = commands_of(section)
        self._folder = folder

    def run(self, *, status: int = 0) -> str:
        """Run the next command, saying yes where it asks; return what it shows."""
        command = self.left.pop(0)
        words = shlex.split(command)
        assert words[0] == "make"
        # Nothing is installed anew; what is saved goes into the test's own folder.
        words[1:1] = ["--silent", "--no-print-directory", "--directory", str(PROJECT), "--old-file", ".venv/.ready"]
        words = [word.replace("save ", f"save {self._folder}/") for word in words]
        found, shown = on_a_terminal(words)
        # make itself ends with 2 where a command fails, whatever its status
        assert found == (2 if status else 0), f"{command}: {shown}"
        return shown

    def finish(self) -> None:
        assert self.left == [], "commands of the page that no test ran"


def on_a_terminal(words: list[str]) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs) as started:
        os.close(theirs)
        shown, answered, until = b"", False, time.monotonic() + 2 * SECONDS
        while time.monotonic() < until:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if b"[y/N] " in shown and not answered:
                answered = bool(os.write(ours, b"y\n"))
        status = started.wait(timeout=10)
    os.close(ours)
    # without colours, and as if the terminal were wide
    return status, " ".join(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).split())


class Only(FaultInjector):
    """Gives every request the same fault, while there is one."""

    fault: InjectedFault | None = None

    def draw(self) -> InjectedFault | None:
        return self.fault


@pytest.fixture(scope="module")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Run main's dev stack, as `make demo` does."""
    options = Options(report=tmp_path_factory.mktemp("runbook"))
    template = Template.load(synthesized_template())
    serving = serving_of(template, options, read_samples(options.messages))
    with (
        OutputFolder(options.report) as output,
        RunningStack(template, serving, options, output, Display(Console(quiet=True))) as stack,
    ):
        stack.endpoint.faults = Only()
        yield stack


@pytest.fixture
def dev(
    local_stack: RunningStack, served_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[RunningStack]:
    """Have the desk find the local stack; its queues are empty before and after."""
    served_plane.forget()
    served_plane.serve_endpoint(ENDPOINT)
    served_plane.configurations = [f"{ENDPOINT}-0123abcd"]
    emulator = local_stack.emulator
    variables = {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ENDPOINT_URL_SAGEMAKER": served_plane.url,
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": served_plane.url,
        "AWS_CA_BUNDLE": str(emulator.certificate.authority),
        "AWS_ACCESS_KEY_ID": emulator.credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": emulator.credentials.secret,
        "AWS_DEFAULT_REGION": emulator.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "COLUMNS": "240",
    }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield local_stack
    pipeline = local_stack.chain.first
    for url in (pipeline.queue.url, pipeline.dead_letters.url, pipeline.sink.target):
        with contextlib.suppress(emulator.aws.sqs.exceptions.QueueDoesNotExist):
            emulator.aws.sqs.purge_queue(QueueUrl=url)


def send(stack: RunningStack, *bodies: str) -> None:
    for body in bodies:
        stack.emulator.aws.sqs.send_message(QueueUrl=stack.chain.first.queue.url, MessageBody=body)


def count(stack: RunningStack, url: str) -> int:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes: Any = stack.emulator.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, attributes.values()))


def wait_until(what: Callable[[], object], why: str) -> None:
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until, why
        time.sleep(0.1)


def results(stack: RunningStack) -> list[str]:
    """Take the results that there are; return their labels."""
    found = []
    sqs = stack.emulator.aws.sqs
    while page := sqs.receive_message(QueueUrl=stack.chain.first.sink.target, MaxNumberOfMessages=10).get(
        "Messages", []
    ):
        for message in page:
            found.append(json.loads(message["Body"])["data"]["result"]["label"])
            sqs.delete_message(QueueUrl=stack.chain.first.sink.target, ReceiptHandle=message["ReceiptHandle"])
    return found


def is_scored(stack: RunningStack, number: int = 1) -> Callable[[], bool]:
    return lambda: (
        count(stack, stack.chain.first.sink.target) >= number and not count(stack, stack.chain.first.queue.url)
    )


GOOD = '{"inputs": "Wo bleibt meine Bestellung? Ich warte schon eine Woche."}'


@contextlib.contextmanager
def quickly_moved(stack: RunningStack) -> Iterator[None]:
    """Have SQS move a message after its first receive, and soon, where dev waits for minutes."""
    sqs, url = stack.emulator.aws.sqs, stack.chain.first.queue.url
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    policy = {**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(policy)})
    yield
    attributes: Any = {name: before[name] for name in ("VisibilityTimeout", "RedrivePolicy")}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def test_messages_wait_and_nothing_comes_out(dev: RunningStack, served_plane: ControlPlane, tmp_path: Path) -> None:
    runbook = Runbook("Messages wait and nothing comes out", tmp_path)
    dev.endpoint.faults.fault = InjectedFault.UNAVAILABLE  # type: ignore[attr-defined]
    served_plane.serve_endpoint(ENDPOINT, EndpointStatus="Failed", FailureReason="InsufficientInstanceCapacity")
    send(dev, GOOD)
    shown = runbook.run(status=1)
    assert "! endpoint Failed: InsufficientInstanceCapacity" in shown
    assert re.search(r"work queue \d+ waiting, \d+ in flight", shown)
    dev.endpoint.faults.fault = None  # type: ignore[attr-defined]
    served_plane.serve_endpoint(ENDPOINT)
    wait_until(is_scored(dev), "the message did not come again")
    assert results(dev) == ["de"]
    assert "Passed: 10 of 10 scored" in runbook.run()
    runbook.finish()


def test_dead_letters_with_a_reason(dev: RunningStack, tmp_path: Path) -> None:
    runbook = Runbook("Dead letters with a reason", tmp_path)
    send(dev, GOOD.replace("inputs", "text"), GOOD.replace("inputs", "text"))
    wait_until(lambda: count(dev, dev.chain.first.dead_letters.url) == 2, "poison was not dead-lettered")
    assert re.search(r"malformed 2 \d+ s \d+ s ", runbook.run())
    shown = runbook.run()
    assert "reason malformed" in shown
    assert GOOD.replace("inputs", "text") in shown
    runbook.run()
    saved = (tmp_path / "malformed.jsonl").read_text().splitlines()
    assert [json.loads(line)["body"] for line in saved] == 2 * [GOOD.replace("inputs", "text")]
    assert "Redrive: 2 redriven" in runbook.run()
    wait_until(is_scored(dev, 2), "what was edited and redriven was not scored")
    assert results(dev) == ["de", "de"]
    send(dev, "worth nothing")
    wait_until(lambda: count(dev, dev.chain.first.dead_letters.url) == 1, "poison was not dead-lettered")
    assert "Purge: 1 deleted" in runbook.run()
    assert count(dev, dev.chain.first.dead_letters.url) == 0
    runbook.finish()


def test_dead_letters_without_a_reason_of_a_function_that_was_killed(dev: RunningStack, tmp_path: Path) -> None:
    runbook = Runbook("Dead letters without a reason", tmp_path)
    list(dev.emulator.log.failures())  # of other tests
    with quickly_moved(dev):
        dev.endpoint.faults.fault = InjectedFault.NO_ANSWER  # type: ignore[attr-defined]
        send(dev, GOOD)
        dev.emulator.kill_function(0)
        wait_until(lambda: _publish_failures(dev), "the function was not killed")
        wait_until(lambda: count(dev, dev.chain.first.dead_letters.url) == 1, "SQS did not move the message")
        dev.endpoint.faults.fault = None  # type: ignore[attr-defined]
    shown = runbook.run(status=1)
    assert re.search(r"! function \d+ invocations, [1-9]\d* errors", shown), shown
    assert "! dead letters 1 waiting" in shown
    assert re.search(r"none 1 \d+ s \d+ s moved by SQS", runbook.run())
    assert "Redrive: 1 redriven" in runbook.run()
    wait_until(is_scored(dev), "what was redriven was not scored")
    assert results(dev) == ["de"]
    runbook.finish()


def test_records_come_back_that_the_endpoint_throttles(dev: RunningStack, tmp_path: Path) -> None:
    runbook = Runbook("Records come back", tmp_path)
    dev.endpoint.faults.fault = InjectedFault.THROTTLED  # type: ignore[attr-defined]
    send(dev, GOOD)
    log = Path(dev._output.log_file)
    start = log.stat().st_size
    wait_until(lambda: _metrics(log, start), "no invocation ended")
    _publish(_metrics(log, start))
    shown = runbook.run(status=1)
    assert re.search(
        r"! records \d+ received, 0 succeeded, \d+ returned, 0 dead-lettered, \d+ requests throttled", shown
    )
    dev.endpoint.faults.fault = None  # type: ignore[attr-defined]
    runbook.finish()


def _publish_failures(stack: RunningStack) -> bool:
    """Do what Lambda does for invocations that failed since the last time, and MiniStack does not for a queue's."""
    failures = list(stack.emulator.log.failures())
    for name in ("Invocations", "Errors") if failures else ():
        dimensions = [{"Name": "FunctionName", "Value": stack.chain.first.function_name}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Value": len(failures)}
        boto3.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[datum])
    return bool(failures)


def _metrics(log: Path, start: int) -> list[dict[str, Any]]:
    """Return the handler's metric lines since then, in which something was returned."""
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    found = [json.loads(line[line.index('{"_aws"') :]) for line in lines if '{"_aws"' in line and line.endswith("}")]
    return [line for line in found if line["RecordsReturned"]]


def _publish(lines: list[dict[str, Any]]) -> None:
    """Do what CloudWatch does with such lines, and MiniStack does not."""
    cloudwatch = boto3.client("cloudwatch")
    for line in lines:
        (described,) = line["_aws"]["CloudWatchMetrics"]
        dimensions = [{"Name": name, "Value": line[name]} for name in described["Dimensions"][0]]
        for name in ("RecordsReceived", "RecordsSucceeded", "RecordsReturned", "RecordsDeadLettered", "Throttles"):
            datum = {"MetricName": name, "Dimensions": dimensions, "Value": line[name]}
            cloudwatch.put_metric_data(Namespace=described["Namespace"], MetricData=[datum])


def test_the_model_that_runs_is_not_the_one_that_was_deployed(
    dev: RunningStack, served_plane: ControlPlane, tmp_path: Path
) -> None:
    runbook = Runbook("The model that runs is not the one that was deployed", tmp_path)
    served_plane.configurations.insert(0, f"{ENDPOINT}-deadbeef")
    served_plane.serve_endpoint(ENDPOINT, FailureReason="Alarm dev-language.primary-rollback-errors is in ALARM")
    shown = runbook.run(status=1)
    assert (
        f"! configuration rolled back: {ENDPOINT}-0123abcd runs, {ENDPOINT}-deadbeef was deployed last; Alarm" in shown
    )
    served_plane.serve_endpoint(ENDPOINT, EndpointConfigName=f"{ENDPOINT}-deadbeef")
    assert "Passed: 10 of 10 scored" in runbook.run()
    runbook.finish()


def test_results_are_refused(dev: RunningStack, tmp_path: Path) -> None:
    runbook = Runbook("Results are refused", tmp_path)
    sqs, results = dev.emulator.aws.sqs, dev.chain.first.sink
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": results.arn}
    before = sqs.get_queue_attributes(QueueUrl=results.target, AttributeNames=["All"])["Attributes"]
    denied = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    list(dev.emulator.log.failures())  # of other tests
    try:
        sqs.set_queue_attributes(QueueUrl=results.target, Attributes={"Policy": denied})
        send(dev, GOOD)
        wait_until(lambda: _publish_failures(dev), "no invocation failed")
        shown = runbook.run(status=1)
    finally:
        sqs.set_queue_attributes(QueueUrl=results.target, Attributes={"Policy": before["Policy"]})
    assert re.search(r"! function \d+ invocations, [1-9]\d* errors", shown), shown
    assert count(dev, dev.chain.first.dead_letters.url) == 0
    sqs.purge_queue(QueueUrl=dev.chain.first.queue.url)  # dev's visibility timeout is nine minutes
    assert "Passed: 10 of 10 scored" in runbook.run()
    runbook.finish()


def test_a_redrive_was_cut_off(dev: RunningStack, tmp_path: Path) -> None:
    runbook = Runbook("A redrive was cut off", tmp_path)
    url = dev.chain.first.dead_letters.url
    ids = [dev.emulator.aws.sqs.send_message(QueueUrl=url, MessageBody=GOOD)["MessageId"] for _ in range(3)]
    folder = tmp_path / "state" / "sqs-sagemaker-inference" / "redrive"
    with Journal.open(
        folder / f"{dev.chain.first.account}.{dev.emulator.region}.dev-language-work-dlq.jsonl"
    ) as journal:
        journal.write(ids[0], Step.SENDING)
        journal.write(ids[0], Step.SENT)
        journal.write(ids[1], Step.SENDING)
    shown = runbook.run(status=1)
    for line in (
        "Redrive: 1 sent by an earlier redrive that was cut off, and deleted now",
        "Redrive: 1 in doubt: an earlier redrive was cut off while it was sent",
        "Redrive: 1 redriven",
    ):
        assert line in shown
    assert "Redrive: 1 redriven" in runbook.run()
    wait_until(is_scored(dev, 2), "what was redriven was not scored")
    assert results(dev) == ["de", "de"]
    runbook.finish()


def test_every_command_of_the_page_is_in_a_section_that_a_test_runs() -> None:
    sections = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    tested = re.findall(r'Runbook\("([^"]+)"', Path(__file__).read_text())
    assert {section for section in sections if commands_of(section)} == set(tested)
