"""The sinks that take entries, and events for them."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import Event

Entry = dict[str, Any]
ARN = "arn:aws:sqs:eu-central-1:123456789012:dev-language-work"
TRACE_HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Sink:
    """A sink, its limit, and the member of its entries that holds the event."""

    name: str
    target: str
    body: str
    limit: int
    what: str

    @property
    def settings(self) -> dict[str, str]:
        # An SQS target is the fixture's own, which knows the server's port.
        return {"result_sink": self.name, **({"result_target": self.target} if self.target else {})}

    def events(self, aws: LocalAws) -> dict[str, Any]:
        events = [json.loads(entry[self.body]) for entry in aws.queues.get("results", [])]
        assert len({event["id"] for event in events}) == len(events)
        return {event["id"]: event for event in events}


SQS = Sink("sqs", "", "MessageBody", 1_048_576, "an SQS message")
SNS = Sink("sns", "arn:aws:sns:eu-central-1:123456789012:results", "Message", 262_144, "an SNS message")
EVENTBRIDGE = Sink("eventbridge", "results", "Detail", 999_999, "an EventBridge event")
SINKS = pytest.mark.parametrize("sink", [SQS, SNS, EVENTBRIDGE], ids=lambda sink: sink.name)
S3 = {"result_sink": "s3", "result_target": "s3://my-results/scored/"}


def refused(code: str = "InternalFailure") -> Entry:
    return {"Code": code, "Message": "try again", "SenderFault": False}


def traced(event: Event, **attributes: str) -> Event:
    """Give every record a trace header and message attributes."""
    for record in event["Records"]:
        record["attributes"]["AWSTraceHeader"] = TRACE_HEADER
        record["messageAttributes"] = {
            name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()
        }
    return event


def grouped(event: Event, groups: str) -> Event:
    """Make it an event of a FIFO queue, with a letter of `groups` for each record's message group."""
    for record, group in zip(event["Records"], groups, strict=True):
        record["eventSourceARN"] = f"{ARN}.fifo"
        record["attributes"]["MessageGroupId"] = group
    return event


def event_of(message_id: str, result: Any, **extensions: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": ARN,
        "type": "sagemaker.inference.result",
        "subject": message_id,
        "datacontenttype": "application/json",
        **extensions,
        "data": {"endpoint": "dev-language", "result": result},
    }


def one_large(sink: Sink) -> Answer:
    return Answer(body=json.dumps(["x" * sink.limit, "small"]).encode())
