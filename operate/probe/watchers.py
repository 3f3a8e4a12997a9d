"""Watchers that tell the results of a probe from real ones without taking those: each sink's way.

| sink | way |
|---|---|
| `s3` | objects that are new below the location are read; reading takes nothing |
| `sns` | a queue of the probe's own, subscribed to the topic with a filter on the mark |
| `eventbridge` | a queue of the probe's own, the target of a rule on the bus with a pattern of the mark |
| `sqs` | none: whoever receives takes. Refused, unless the user says that nobody else reads that queue |
| `none`, and asynchronous endpoints | none: no result bears the mark. Refused |
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ..clients import Clients
from ..errors import DeskError, UsageError
from ..pipelines import Pipeline, QueueFacts, refuse_elsewhere
from .mark import ATTRIBUTE, Mark

PAGE = 10
WAIT_SECONDS = 1
MOST_OBJECTS = 10_000
"""More are not listed: keys of results are hashes, so new ones may be anywhere among them."""
MOST_OBJECT_BYTES = 16 * 1_048_576
"""Twice what the handler puts into one object (`handler.sinks.transports.S3Transport`)."""

Results = list[tuple[int, Any]]


class Watcher(Protocol):
    """Finds the results of a run as they come."""

    def poll(self) -> Results:
        """Return the number of the message, and the result's data, of those that came; may wait a second for them."""


@contextmanager
def watcher(clients: Clients, pipeline: Pipeline, mark: Mark, *, own_results: bool) -> Iterator[Watcher]:
    """Watch the pipeline's sink until the end of the context, and leave nothing behind there.

    Raises UsageError if its results can't be told from real ones.
    """
    target = pipeline.environment.get("RESULT_TARGET", "")
    match pipeline.environment["RESULT_SINK"]:
        case "s3":
            yield _Objects(clients, target, mark)
        case "sns":
            with (
                _queue(clients, pipeline, mark, "sns.amazonaws.com", target) as queue,
                _subscribed(clients, target, queue, mark),
            ):
                yield _OwnQueue(clients.sqs, queue, mark)
        case "eventbridge":
            rule = _name(pipeline, mark)
            source = f"arn:{_partition(pipeline)}:events:{clients.region}:{clients.account}:rule/{target}/{rule}"
            with (
                _queue(clients, pipeline, mark, "events.amazonaws.com", source) as queue,
                _rule(clients, target, rule, queue, mark),
            ):
                yield _OwnQueue(clients.sqs, queue, mark)
        case _:
            yield _OwnQueue(clients.sqs, target, mark, strangers=own_results)


def refuse_what_cannot_be_told_apart(clients: Clients, pipeline: Pipeline, *, own_results: bool) -> str:
    """Return the sink's way in words. Raises UsageError if there is none."""
    environment = pipeline.environment
    sink, target = environment["RESULT_SINK"], environment.get("RESULT_TARGET", "")
    if environment.get("ASYNCHRONOUS", "").lower() in ("true", "1"):
        raise UsageError("the results of an asynchronous endpoint do not bear the probe's mark, so none could be known")
    packed = int(environment.get("MAX_EVENTS_PER_MESSAGE") or 1) > 1
    match sink:
        case "s3":
            return f"new objects below {target} are read, and stay"
        case "sns" if not packed:
            return f"a queue of its own is subscribed to {target}, with a filter, and taken away again"
        case "sns":
            raise UsageError("messages of the topic hold results of several records, so no filter tells them apart")
        case "eventbridge":
            return f"a rule of its own on bus {target} sends them to a queue of its own; both are taken away again"
        case "sqs" if own_results:
            queue = QueueFacts.read(clients.sqs, target)
            refuse_elsewhere(clients, pipeline, queue)
            if queue.visible or queue.in_flight:
                held = f"{queue.visible} waiting, {queue.in_flight} in flight"
                raise UsageError(f"--own-results: {queue.name} is not empty ({held}), so somebody else uses it")
            return f"they are received from {target}, which nobody else reads, as --own-results says"
        case "sqs":
            raise UsageError(
                f"results go to the queue {target.rpartition('/')[2]}, and to receive there would take real ones from "
                "whoever reads it; --own-results says that nobody else does, as in a stack of your own for tests"
            )
    raise UsageError("results go nowhere (sink none), so that there is nothing to wait for")


class _OwnQueue:
    """A queue that holds this run's results alone."""

    def __init__(self, sqs: Any, url: str, mark: Mark, *, strangers: bool = False) -> None:
        """With `strangers` another one's result there ends the run, since somebody else uses the queue."""
        self._sqs, self._url, self._mark, self._strangers = sqs, url, mark, strangers

    def poll(self) -> Results:
        messages = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=PAGE, WaitTimeSeconds=WAIT_SECONDS, VisibilityTimeout=30
        ).get("Messages", [])
        found: Results = []
        for message in messages:
            results = list(self._mark.results(message["Body"]))
            if self._strangers and (not results or any(number is None for number, _ in results)):
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
                raise DeskError(f"a result of another's came to {self._url}: it was given back, and the probe stopped")
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            found += [(number, data) for number, data in results if number is not None]
        return found


class _Objects:
    """Objects of JSON Lines below a location."""

    def __init__(self, clients: Clients, location: str, mark: Mark) -> None:
        self._s3, self._mark = clients.s3, mark
        self._bucket, _, self._prefix = location.removeprefix("s3://").partition("/")
        self._known = set(self._keys())

    def poll(self) -> Results:
        found: Results = []
        for key in [key for key in self._keys() if key not in self._known]:
            self._known.add(key)
            lines = self._read(key).decode("utf-8", "replace").splitlines()
            results = (result for line in lines for result in self._mark.results(line))
            found += [(number, data) for number, data in results if number is not None]
        if not found:
            time.sleep(WAIT_SECONDS)
        return found

    def _read(self, key: str) -> bytes:
        """Return the object's beginning: others may write there too, whatever and however much they like."""
        try:
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read(MOST_OBJECT_BYTES)
        except self._s3.exceptions.NoSuchKey:  # gone again
            return b""
        return content

    def _keys(self) -> list[str]:
        keys: list[str] = []
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
            keys += [entry["Key"] for entry in page.get("Contents", [])]
            if len(keys) > MOST_OBJECTS:
                place = f"s3://{self._bucket}/{self._prefix}"
                raise UsageError(f"over {MOST_OBJECTS:,} objects lie below {place}: too many to look for new ones")
        return keys


def _name(pipeline: Pipeline, mark: Mark) -> str:
    return f"{pipeline.prefix}-probe-{mark.trace_id[:8]}"


def _partition(pipeline: Pipeline) -> str:
    partition: str = pipeline.function["FunctionArn"].split(":")[1]
    return partition


@contextmanager
def _queue(clients: Clients, pipeline: Pipeline, mark: Mark, service: str, source: str) -> Iterator[str]:
    """Have a queue that this source alone may send to, for as long as the context lasts."""
    fifo = source.endswith(".fifo")
    name = _name(pipeline, mark) + (".fifo" if fifo else "")
    arn = f"arn:{_partition(pipeline)}:sqs:{clients.region}:{clients.account}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    attributes = {"Policy": policy, "MessageRetentionPeriod": "3600", **({"FifoQueue": "true"} if fifo else {})}
    url = clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    try:
        yield url
    finally:
        clients.sqs.delete_queue(QueueUrl=url)


def _arn(clients: Clients, url: str) -> str:
    return QueueFacts.read(clients.sqs, url).arn


@contextmanager
def _subscribed(clients: Clients, topic: str, queue: str, mark: Mark) -> Iterator[None]:
    attributes = {"FilterPolicy": json.dumps({ATTRIBUTE: [{"prefix": mark.prefix}]}), "RawMessageDelivery": "true"}
    subscription = clients.sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=_arn(clients, queue),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    try:
        yield
    finally:
        clients.sns.unsubscribe(SubscriptionArn=subscription)


@contextmanager
def _rule(clients: Clients, bus: str, rule: str, queue: str, mark: Mark) -> Iterator[None]:
    pattern = json.dumps({"detail": {ATTRIBUTE: [{"prefix": mark.prefix}]}})
    clients.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
    try:
        target = {"Id": "probe", "Arn": _arn(clients, queue), "InputPath": "$.detail"}
        clients.events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
        yield
    finally:
        clients.events.remove_targets(Rule=rule, EventBusName=bus, Ids=["probe"])
        clients.events.delete_rule(Name=rule, EventBusName=bus)
