"""Results as they leave a pipeline, received from whatever its sink is."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from handler.clients import split_location
from local.aws import Aws
from local.queues import Inbox, as_run_error

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

PROBE = "probe"
"""End of the name of a queue that a topic or a bus sends to, for the run to receive from."""
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Sink:
    """The place that a pipeline's results leave to."""

    kind: str
    """`sqs`, `sns`, `eventbridge` or `s3`."""
    target: str
    """Queue URL, topic ARN, name of the bus, or location."""
    arn: str
    """ARN that the function's role must be allowed to send to."""

    @property
    def name(self) -> str:
        """The name that a person knows it by."""
        separator = {"sqs": "/", "sns": ":"}.get(self.kind)
        return self.target.rpartition(separator)[2] if separator else self.target

    @property
    def title(self) -> str:
        """Its kind, in the words of the report."""
        return TITLES[self.kind]

    @property
    def action(self) -> str:
        """The right that sending takes."""
        return ACTIONS[self.kind]


ACTIONS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "eventbridge": "events:PutEvents",
    "s3": "s3:PutObject",
}
TITLES = {
    "sqs": "Results queue",
    "sns": "Results topic",
    "eventbridge": "Results event bus",
    "s3": "Results in the bucket",
}


class ResultsInbox(Protocol):
    """A place that results are received from; threads may share it."""

    def receive(self, *, wait_seconds: int) -> int:
        """Hand over what is there, and return how many messages that were; wait so long for the first."""

    def drain(self) -> None:
        """Receive what is there already."""

    def close(self) -> None:
        """Take away what was made to receive from."""


def results_inbox(aws: Aws, sink: Sink, take: Callable[[str, float], None]) -> ResultsInbox:
    """Return the inbox of a sink; `take` gets the text of each message, and the moment it came."""
    if sink.kind == "s3":
        return _Objects(aws, sink.target, take)

    def take_message(message: "MessageTypeDef", at: float) -> None:
        take(message["Body"], at)

    match sink.kind:
        case "sns":
            return _Subscribed(aws, sink.target, take_message)
        case "eventbridge":
            return _Targeted(aws, sink.target, take_message)
        case _:
            return Inbox(aws.sqs, sink.target, take_message)


class _Subscribed(Inbox):
    """A queue that gets what is published to a topic, as it is."""

    def __init__(self, aws: Aws, topic_arn: str, take: Callable[["MessageTypeDef", float], None]) -> None:
        self._aws = aws
        self._probe_url, arn = _probe(aws, topic_arn.rpartition(":")[2])
        self._subscription = aws.sns.subscribe(
            TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
        )["SubscriptionArn"]
        super().__init__(aws.sqs, self._probe_url, take)

    def close(self) -> None:
        self._aws.sns.unsubscribe(SubscriptionArn=self._subscription)
        self._aws.sqs.delete_queue(QueueUrl=self._probe_url)


class _Targeted(Inbox):
    """A queue that gets the detail of each event of a bus."""

    def __init__(self, aws: Aws, bus: str, take: Callable[["MessageTypeDef", float], None]) -> None:
        self._aws, self._bus = aws, bus
        self._probe_url, arn = _probe(aws, bus)
        everything = json.dumps({"source": [{"prefix": ""}]})
        aws.events.put_rule(Name=PROBE, EventBusName=bus, EventPattern=everything)
        targets = [{"Id": PROBE, "Arn": arn, "InputPath": "$.detail"}]
        aws.events.put_targets(Rule=PROBE, EventBusName=bus, Targets=targets)
        super().__init__(aws.sqs, self._probe_url, take)

    def close(self) -> None:
        self._aws.events.remove_targets(Rule=PROBE, EventBusName=self._bus, Ids=[PROBE])
        self._aws.events.delete_rule(Name=PROBE, EventBusName=self._bus)
        self._aws.sqs.delete_queue(QueueUrl=self._probe_url)


def _probe(aws: Aws, sink: str) -> tuple[str, str]:
    """Return URL and ARN of a queue that SNS and EventBridge may send to, and that is as FIFO as the sink."""
    plain = sink.removesuffix(".fifo")
    name, attributes = (f"{plain}-{PROBE}.fifo", {"FifoQueue": "true"}) if plain != sink else (f"{plain}-{PROBE}", {})
    url = aws.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    services = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
    statement = {"Effect": "Allow", "Principal": services, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


class _Objects:
    """Results in a bucket: one a line."""

    def __init__(self, aws: Aws, location: str, take: Callable[[str, float], None]) -> None:
        self._s3 = aws.s3
        self._bucket, self._prefix = split_location(location)
        self._take = take
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def receive(self, *, wait_seconds: int) -> int:
        until = time.monotonic() + wait_seconds
        while not (found := self._receive_new()) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return found

    def drain(self) -> None:
        self._receive_new()

    def close(self) -> None:
        """Leave the objects where they are: the bucket is the user's."""

    def _receive_new(self) -> int:
        """Hand over the lines of each object that is new, or was written again; return how many objects there were."""
        with self._lock, as_run_error("reading results"):
            new = [version for version in self._listed() if version not in self._seen]
            for key, etag in new:
                self._seen.add((key, etag))
                content = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
                at = time.monotonic()
                for line in content.decode().splitlines():
                    self._take(line, at)
        return len(new)

    def _listed(self) -> Iterator[tuple[str, str]]:
        pages: Any = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            for found in page.get("Contents", []):
                yield found["Key"], found["ETag"]
