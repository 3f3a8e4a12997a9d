"""The desk against MiniStack: stacks of the names that the library gives, and the desk as a user calls it."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import boto3
import botocore.session
import pytest

from handler.settings import HandlerSettings
from local.emulator import ACCOUNT, PROJECT, Emulator
from operate.__main__ import main
from tests.operate.control_plane import ControlPlane, serve

REGION = "eu-central-1"
# boto3 reads megabytes of service descriptions for each session: once is enough for all tests.
LOADER = boto3.Session()._session.get_component("data_loader")
_new_session = boto3.Session
Completed = subprocess.CompletedProcess[str]
_numbers = count()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    log = tmp_path_factory.mktemp("operate") / "ministack.log"
    with Emulator(region=REGION, log_file=log, function_environment={}) as emulator:
        emulator.aws.iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        yield emulator


@pytest.fixture
def environment(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have boto3 find the embedded AWS, and nothing of the user's."""
    variables = {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_CA_BUNDLE": str(emulator.certificate.authority),
        "AWS_ACCESS_KEY_ID": emulator.credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": emulator.credentials.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "COLUMNS": "200",
    }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@dataclass(frozen=True)
class Stack:
    """A deployed stack with one pipeline: its queues and its function, none of which consumes anything."""

    emulator: Emulator
    name: str
    pipeline: str
    fifo: bool

    @property
    def work(self) -> str:
        return self._url("work")

    @property
    def dead(self) -> str:
        return self._url("work-dlq")

    @property
    def results(self) -> str:
        return self._url("results")

    @property
    def function(self) -> str:
        return f"{self.name}-{self.pipeline}-inference"

    def _url(self, part: str) -> str:
        return f"{self.emulator.url}/{ACCOUNT}/{self.name}-{self.pipeline}-{part}{'.fifo' if self.fifo else ''}"

    def create(self, *, tags: Mapping[str, str] | None = None, **variables: str) -> "Stack":
        """Create it; variables of the function's environment may be others."""
        fifo = {"FifoQueue": "true"} if self.fifo else {}
        for url in (self.dead, self.work, self.results):
            policy = {"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": 5}
            redrive = {"RedrivePolicy": json.dumps(policy)} if url == self.work else {}
            attributes: Any = {**fifo, **redrive}
            self.emulator.aws.sqs.create_queue(
                QueueName=url.rpartition("/")[2], Attributes=attributes, tags={"stack": self.name}
            )
        settings = HandlerSettings(
            endpoint_name=f"{self.name}-{self.pipeline}",
            queue_url=self.work,
            dead_letter_queue_url=self.dead,
            result_target=self.results,
        )
        self.make_function({**settings.to_environment(), **variables}, {"stack": self.name} if tags is None else tags)
        return self

    def make_function(self, variables: Mapping[str, str], tags: Mapping[str, str]) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", "def handler(event, context): pass\n")
        self.emulator.aws.lambda_.create_function(
            FunctionName=self.function,
            Runtime="python3.12",
            Role=f"arn:aws:iam::{ACCOUNT}:role/any",
            Handler="index.handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": dict(variables)},
            Tags=dict(tags),
        )

    def arn(self, url: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"

    def die(self, body: str, reason: str = "malformed", detail: str = "not JSON", **more: Any) -> str:
        """Put a dead letter as the handler writes it; return its id."""
        written = {"reason": reason, "detail": detail, "endpoint": "e", "receiveCount": "1", "sourceMessageId": "m1"}
        return self.put(body, {**text_attributes(written), **more.pop("attributes", {})}, **more)

    def put(self, body: str, attributes: Mapping[str, Any], *, url: str | None = None, **more: Any) -> str:
        """Put a message as it is; return its id."""
        if self.fifo:
            more = {"MessageGroupId": "g", "MessageDeduplicationId": f"d{next(_numbers)}", **more}
        answer = self.emulator.aws.sqs.send_message(
            QueueUrl=url or self.dead, MessageBody=body, MessageAttributes=dict(attributes), **more
        )
        return answer["MessageId"]

    def received(self, url: str) -> list[Any]:
        """Receive, and delete, all that a queue gives."""
        found: list[Any] = []
        while page := self.emulator.aws.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            VisibilityTimeout=60,
        ).get("Messages", []):
            found += page
            for message in page:
                self.emulator.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def count(self, url: str) -> tuple[int, int]:
        """Return how many messages of a queue can be received, and how many are hidden."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes: Any = self.emulator.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(attributes[names[0]]), int(attributes[names[1]])


def text_attributes(values: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


@pytest.fixture
def make_stack(emulator: Emulator, environment: dict[str, str]) -> Iterator[Callable[..., Stack]]:
    """Create stacks of the names asked for, by default of a new name; they are gone after the test."""
    made: list[Stack] = []

    def make(name: str | None = None, pipeline: str = "language", *, fifo: bool = False, **more: Any) -> Stack:
        stack = Stack(emulator, name or f"s{next(_numbers)}", pipeline, fifo)
        made.append(stack.create(**more))
        return stack

    yield make
    for stack in made:
        emulator.aws.lambda_.delete_function(FunctionName=stack.function)
        for url in (stack.work, stack.dead, stack.results):
            emulator.aws.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    return make_stack()


@pytest.fixture(scope="session")
def served_plane() -> Iterator[ControlPlane]:
    with serve() as plane:
        yield plane


@pytest.fixture
def control_plane(
    served_plane: ControlPlane, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> ControlPlane:
    """Serve SageMaker's and Application Auto Scaling's control planes, which MiniStack lacks; they know nothing yet."""
    served_plane.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", served_plane.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", served_plane.url)
    return served_plane


@dataclass(frozen=True)
class Said:
    """The output of a command, and its exit status."""

    status: int
    out: str
    err: str


Desk = Callable[..., Said]


@pytest.fixture
def desk(environment: dict[str, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Run a command of the desk in this process; one server holds all messages here, so none is waited for."""
    monkeypatch.setattr("operate.dead_letters.scan.WAIT_SECONDS", 0)
    monkeypatch.setattr("boto3.Session", QuickSession)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # which boto3 makes of that, and keeps

    def run(*arguments: object) -> Said:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return run


class QuickSession:
    """A session as boto3 makes it, whose clients are made once for all commands in the same environment."""

    _clients: ClassVar[dict[object, Any]] = {}

    def __init__(self, region_name: str | None = None) -> None:
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)
        self._session = _new_session(botocore_session=core, region_name=region_name)
        self.region_name: str | None = self._session.region_name

    def client(self, service: str, config: Any = None) -> Any:
        environment = frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))
        key = service, self.region_name, str(config.retries if config else None), environment
        if key not in self._clients:
            self._clients[key] = self._session.client(service, config=config)  # type: ignore[call-overload]
        return self._clients[key]


def as_a_process(
    *arguments: object, code: Sequence[str] = ("-m", "operate"), answer: str | None = None, **variables: str
) -> Completed:
    """Run a command of the desk, or other code, as a process of its own without a terminal."""
    return subprocess.run(
        [sys.executable, *code, *map(str, arguments)],
        cwd=PROJECT,
        env={**os.environ, **variables},
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
