"""Sends messages, and receives what becomes of them at the same time."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws
from local.errors import LocalRunError
from local.messages import Message
from local.road import Queue, Road

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576
SENDERS = 2
RESULT_RECEIVERS = 4
# How long a receiver waits for a message, and so how long it takes to stop.
WAIT_SECONDS = 1
SETTLE_POLL_SECONDS = 0.1
# Of a dead letter's body this much is kept.
BODY_CHARACTERS = 1000
REDRIVEN = "redriven by SQS"

T = TypeVar("T")
Take = Callable[["MessageTypeDef", float], None]
"""What is done with a received message; the number is the moment it came."""


@dataclass(frozen=True)
class Sent:
    at: float
    """Moments are on the monotonic clock: this one is before the request that sent it."""
    message: Message


@dataclass(frozen=True)
class Scored:
    at: float
    label: str
    score: float


@dataclass(frozen=True)
class DeadLetter:
    at: float
    reason: str
    detail: str
    body: str
    """Its beginning."""
    size: int
    """Bytes of the whole body."""


@dataclass
class Tally:
    """What was sent and what came back, by the id of the message sent."""

    sent: dict[str, Sent] = field(default_factory=dict)
    """In the order of sending, within a message group."""
    scored: dict[str, Scored] = field(default_factory=dict)
    """In the order of receiving."""
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    repeated: int = 0
    """How often something came back for a message that had come back already."""
    contradicted: int = 0
    """How many of those were results other than the first one."""
    most_outstanding: int = 0
    """Most messages that were sent and not back yet, at any moment."""

    @property
    def arrived(self) -> set[str]:
        """Ids of those that came back, either way."""
        return self.sent.keys() & (self.scored.keys() | self.dead_letters.keys())

    def came_back(self, id_: str) -> bool:
        return id_ in self.scored or id_ in self.dead_letters


class Traffic:
    """The messages on their way; a context manager that ends its threads."""

    def __init__(self, aws: Aws, road: Road, messages: Sequence[Message], max_outstanding: int | None = None) -> None:
        """By default all messages are sent as fast as the queue takes them."""
        self.tally = Tally()
        self._aws = aws
        self._road = road
        self._messages = messages
        self._max_outstanding = max_outstanding or len(messages)
        self._outstanding = 0
        self._arrived = 0
        self._changed = threading.Condition()
        """Guards the tally and the two counts."""
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(SENDERS + RESULT_RECEIVERS + 1, thread_name_prefix="traffic")
        self._sending: list[Future[None]] = []
        self._receiving: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Start sending and receiving."""
        for _ in range(RESULT_RECEIVERS):
            self._receiving.append(self._pool.submit(self._receive, self._road.results, self._take_result))
        self._receiving.append(self._pool.submit(self._receive, self._road.dead_letters, self._take_dead_letter))
        batches = list(_batches(self._messages))
        # With more than one, a group's messages would overtake each other.
        senders = 1 if self._road.queue.fifo else SENDERS
        self._sending += (self._pool.submit(self._send, batches[number::senders]) for number in range(senders))
        return self

    def __exit__(self, *_: object) -> None:
        """Tell the threads to stop; none is waited for, since the emulator may be gone or stuck."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def arrived(self) -> int:
        """Return how many messages came back so far. Raises what went wrong in sending or receiving."""
        for future in (*self._sending, *self._receiving):
            if future.done():
                future.result()
        with self._changed:
            return self._arrived

    def settle(self, seconds: float) -> int:
        """Wait until the queue is empty, but no longer than `seconds`, and receive what may come twice; return how many
        messages it still holds.

        A function that succeeded has sent its results before its messages are deleted, so nothing comes after that.
        """
        deadline = time.monotonic() + seconds
        while (left := self.messages_in_queue()) and time.monotonic() < deadline:
            time.sleep(SETTLE_POLL_SECONDS)
        self._stop.set()
        for future in self._receiving:
            future.result()
        while self._receive_once(self._road.results, self._take_result, wait_seconds=0):
            pass
        while self._receive_once(self._road.dead_letters, self._take_dead_letter, wait_seconds=0):
            pass
        return left

    def messages_in_queue(self) -> int:
        """Return how many the work queue holds, received or not."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._aws.sqs.get_queue_attributes(QueueUrl=self._road.queue.url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))

    def _send(self, batches: Sequence[Sequence[Message]]) -> None:
        for batch in batches:
            if not self._wait_for_room(len(batch)):
                return
            entries: Any = [_entry(number, message) for number, message in enumerate(batch)]
            at = time.monotonic()
            with _as_run_error("sending"):
                answer = self._aws.sqs.send_message_batch(QueueUrl=self._road.queue.url, Entries=entries)
            if failed := answer.get("Failed"):
                raise LocalRunError(f"the queue refused a message: {failed[0]['Code']}: {failed[0].get('Message', '')}")
            with self._changed:
                for entry in sorted(answer["Successful"], key=lambda entry: int(entry["Id"])):
                    self.tally.sent[entry["MessageId"]] = Sent(at, batch[int(entry["Id"])])
                    self._arrived += self.tally.came_back(entry["MessageId"])

    def _wait_for_room(self, more: int) -> bool:
        """Wait until so many more may be outstanding, and count them as such; return False if all is to stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stop.is_set() or self._outstanding + more <= max(self._max_outstanding, more)
            )
            self._outstanding += more
            self.tally.most_outstanding = max(self.tally.most_outstanding, self._outstanding)
        return not self._stop.is_set()

    def _receive(self, queue: Queue, take: Take) -> None:
        while not self._stop.is_set():
            self._receive_once(queue, take, wait_seconds=WAIT_SECONDS)

    def _receive_once(self, queue: Queue, take: Take, *, wait_seconds: int) -> int:
        with _as_run_error("receiving"):
            messages = self._aws.sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=MAX_ENTRIES,
                WaitTimeSeconds=wait_seconds,
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            at = time.monotonic()
            for message in messages:
                take(message, at)
            if messages:
                entries: Any = [
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ]
                self._aws.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
        return len(messages)

    def _take_result(self, message: "MessageTypeDef", at: float) -> None:
        for event in _read_events(message["Body"]):
            id_, result = event["id"], event["data"]["result"]
            scored = Scored(at, result["label"], result["score"])
            self._take(self.tally.scored, id_, scored)
            with self._changed:
                self.tally.contradicted += self.tally.scored[id_].label != scored.label

    def _take_dead_letter(self, message: "MessageTypeDef", at: float) -> None:
        attributes = {
            name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()
        }
        # What SQS itself moves here has no attributes of the handler's, and keeps its id.
        id_ = attributes.get("sourceMessageId", message["MessageId"])
        reason, detail, body = attributes.get("reason", REDRIVEN), attributes.get("detail", ""), message["Body"]
        letter = DeadLetter(at, reason, detail, body[:BODY_CHARACTERS], len(body.encode()))
        self._take(self.tally.dead_letters, id_, letter)

    def _take(self, arrivals: dict[str, T], id_: str, arrival: T) -> None:
        with self._changed:
            if self.tally.came_back(id_):
                self.tally.repeated += 1
            else:
                self._outstanding -= 1
                self._arrived += id_ in self.tally.sent
                self._changed.notify_all()
            arrivals.setdefault(id_, arrival)


def _read_events(body: str) -> Sequence[Mapping[str, Any]]:
    """Return the CloudEvents of a message: one, or a list. Raises LocalRunError if one is none."""
    try:
        content: Any = json.loads(body)
        events = content if isinstance(content, list) else [content]
        fit = all(map(_is_result, events))
    except (ValueError, LookupError, TypeError):
        fit = False
    if not fit:
        raise LocalRunError(f"a result is not a CloudEvent with a label and a score: {body[:200]}")
    return events


def _is_result(event: Mapping[str, Any]) -> bool:
    named = event["specversion"] == "1.0" and event["id"] and event["source"] and event["type"]
    result = event["data"]["result"]
    return bool(named and isinstance(result["label"], str) and result["score"] >= 0)


def _entry(number: int, message: Message) -> dict[str, str]:
    entry = {"Id": str(number), "MessageBody": message.body}
    # The same text twice is two messages here, though the queue may take equal bodies for one.
    return (
        {**entry, "MessageGroupId": message.group, "MessageDeduplicationId": f"{uuid4()}"} if message.group else entry
    )


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        added = len(message.body.encode())
        if len(batch) == MAX_ENTRIES or size + added > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += added
    if batch:
        yield batch


@contextlib.contextmanager
def _as_run_error(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LocalRunError(f"{what} failed: {error}") from error
