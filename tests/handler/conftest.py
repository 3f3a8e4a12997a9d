"""Fixtures, event factories, and the outcomes of records in words."""

import functools
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from handler.batch import BatchInference
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, serve

Event = dict[str, Any]
Items = dict[str, dict[str, Any]]
Build = Callable[..., BatchInference]
Outcomes = dict[str, tuple[str, str]]
"""{message id: (outcome, reason)}"""


@dataclass(frozen=True)
class FakeContext:
    """The part of Lambda's context that the handler uses."""

    remaining_ms: int = 30_000
    function_name: str = "dev-language-inference"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:dev-language-inference"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@contextmanager
def local_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """Serve SageMaker Runtime and SQS, and point boto3 at them."""
    local, server = serve()
    for name, value in {
        "AWS_ENDPOINT_URL": local.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield local
    server.shutdown()
    server.server_close()


def build_inference(aws: LocalAws, **changes: Any) -> BatchInference:
    """Build the handler's core with changed settings."""
    settings = HandlerSettings(
        endpoint_name="dev-language",
        result_target=f"{aws.url}/123456789012/results",
        dead_letter_queue_url=f"{aws.url}/123456789012/dead",
        queue_url=f"{aws.url}/123456789012/work",
    )
    return BatchInference(replace(settings, **changes))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with local_aws(monkeypatch) as local:
        yield local


@pytest.fixture
def inference(aws: LocalAws) -> Callable[..., BatchInference]:
    return functools.partial(build_inference, aws)


def make_event(bodies: Sequence[str], receive_count: int = 1) -> Event:
    """Return an event as the event source mapping delivers it; message ids are m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:dev-language-work",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def make_fifo_event(groups: Sequence[str], bodies: Sequence[str] = (), receive_count: int = 1) -> Event:
    """Return an event of a FIFO queue, with a record for each character of `groups`, its message group."""
    event = make_event(bodies or texts(len(groups)), receive_count)
    for record, group in zip(event["Records"], groups, strict=True):
        record["eventSourceARN"] += ".fifo"
        record["attributes"]["MessageGroupId"] = group
    return event


def texts(count: int) -> list[str]:
    return [json.dumps({"inputs": f"text {number}"}) for number in range(count)]


def without_request(event: Event) -> Event:
    """Return a result's event without the request that brought it, which no two have in common."""
    data = dict(event["data"])
    assert re.fullmatch("[0-9a-f]{32}", data.pop("inferenceId")), "an event's inferenceId is not one of the handler's"
    assert isinstance(data.pop("recordIndex"), int)
    return {**event, "data": data}


SUCCEEDED = ("succeeded", "")


def dead_lettered(reason: str) -> tuple[str, str]:
    return "dead-lettered", reason


def returned_for(fault: str) -> tuple[str, str]:
    return "returned", fault


def each(numbers: Iterable[int], outcome: tuple[str, str]) -> Outcomes:
    """Return the same outcome for the messages m0, m1, … of these numbers."""
    return {f"m{number}": outcome for number in numbers}


def outcomes(aws: LocalAws, handler: BatchInference, event: Event, remaining_ms: int = 30_000) -> Outcomes:
    """Process an event; return {message id: (outcome, reason)}, from the sinks' new messages and the response.

    The reason of a returned record is in the log only. A record with no outcome is "lost"; one with several has all of
    their names.
    """
    results, dead_letters = len(aws.queues.get("results", ())), len(aws.queues.get("dead", ()))
    with _reasons_in_log("returned to the queue") as why_returned:
        response = handler.process(event, FakeContext(remaining_ms))
    found: dict[str, list[tuple[str, str]]] = {record["messageId"]: [] for record in event["Records"]}
    for message in aws.queues.get("results", [])[results:]:
        content = json.loads(message.get("MessageBody") or message.get("Message") or message["Detail"])
        for result in content if isinstance(content, list) else [content]:
            found[result["id"].partition("/")[0]].append(SUCCEEDED)
    for message in aws.queues.get("dead", [])[dead_letters:]:
        attributes = message["MessageAttributes"]
        id_, reason = (attributes[name]["StringValue"] for name in ("sourceMessageId", "reason"))
        found[id_].append(dead_lettered(reason))
    for id_ in returned(response):
        found[id_].append(returned_for(why_returned.get(id_, "no reason logged")))
    return {id_: _in_words(reached) for id_, reached in found.items()}


def _in_words(reached: list[tuple[str, str]]) -> tuple[str, str]:
    if not reached:
        return "lost", ""
    names, reasons = zip(*reached, strict=True)
    return " and ".join(names), " and ".join(filter(None, reasons))


@contextmanager
def _reasons_in_log(message: str) -> Iterator[dict[str, str]]:
    """Collect {message id: reason} from the handler's log lines that begin with this message."""
    reasons: dict[str, str] = {}

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(message):
                reasons.update(dict.fromkeys(record.__dict__["message_ids"], record.__dict__["reason"]))

    collector, logger = Collector(), logging.getLogger("handler")
    logger.addHandler(collector)
    try:
        yield reasons
    finally:
        logger.removeHandler(collector)


def returned(response: Any) -> list[str]:
    assert set(response) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def serve_table(aws: LocalAws) -> Items:
    """Serve a table that supports the one condition that the handler uses."""
    items: Items = {}

    def dynamodb(operation: str, call: dict[str, Any]) -> dict[str, Any] | Answer:
        if operation == "PutItem":
            id_, now = call["Item"]["id"]["S"], int(call["ExpressionAttributeValues"][":now"]["N"])
            old = items.get(id_)
            assert call["ConditionExpression"] == (
                "attribute_not_exists(id) OR expires_at < :now OR claimed_until < :now"
            )
            if old and int(old["expires_at"]["N"]) >= now and int(old.get("claimed_until", {"N": now})["N"]) >= now:
                body = {"__type": "ConditionalCheckFailedException", "message": "no", "Item": old}
                return Answer(status=400, error="ConditionalCheckFailedException", body=json.dumps(body).encode())
            items[id_] = call["Item"]
            return {}
        assert operation == "BatchWriteItem"
        (requests,) = call["RequestItems"].values()
        assert len(requests) <= 25
        for request in requests:
            if "PutRequest" in request:
                items[request["PutRequest"]["Item"]["id"]["S"]] = request["PutRequest"]["Item"]
            else:
                items.pop(request["DeleteRequest"]["Key"]["id"]["S"], None)
        return {"UnprocessedItems": {}}

    aws.dynamodb = dynamodb
    return items
