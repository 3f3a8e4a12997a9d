"""Records of an SQS event, and the outcome of each: exactly one of succeeded, dead-lettered, or returned."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict

# Most names of an unexpected event's members that its error has.
MAX_NAMES = 10
NOTHING: Mapping[str, Any] = MappingProxyType({})


class BatchItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer to Lambda's poller: it delivers the records named here again, and deletes every other one."""

    batchItemFailures: list[BatchItemFailure]


class Attribute(NamedTuple):
    """A message attribute as it came."""

    type: str
    """`String`, `Number` or `Binary`, with a label of the sender's own behind a dot where there is one."""
    value: str
    """Its text; bytes are in base64."""


class Identity(NamedTuple):
    """Whose message a record is: what its result says of it besides the message's id."""

    event_id: str = ""
    """Id of its result; by default the message's id."""
    subject: str = ""
    """Subject of its result; by default the message's id."""
    attributes: Mapping[str, Attribute] = NOTHING
    """Message attributes that are passed on."""
    members: Mapping[str, Any] = NOTHING
    """Members of its body that are kept."""
    group: str = ""
    """Message group that is passed on."""
    trace: Mapping[str, str] = NOTHING
    """`traceparent` and `tracestate` of the CloudEvent that it came in."""
    cause: str = ""
    """Id of the CloudEvent that it came in."""


PLAIN = Identity()


class Record(NamedTuple):
    """One message of the queue."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    source_arn: str
    group: str = ""
    """Message group of a FIFO queue: its records keep their order. Empty on standard queues."""
    attributes: Mapping[str, str] = NOTHING
    """Message attributes that are text."""
    trace_header: str = ""
    """AWS X-Ray's trace header, a system attribute of the message."""
    part_of: str = ""
    """Id of the message that this is one record of, if it holds several; empty if it is the whole message."""
    fair_group: str = ""
    """Message group of a standard queue: whose message it is, so that SQS can be fair. It stands for no order."""
    attributes_as_sent: Mapping[str, Any] = NOTHING
    """All message attributes as Lambda delivers them, with their types."""
    identity: Identity = PLAIN

    @property
    def event_id(self) -> str:
        """The id of its result."""
        return self.identity.event_id or self.message_id

    def __hash__(self) -> int:
        return hash(self.message_id)


class Result(NamedTuple):
    """A record's result, and the request to the endpoint that brought it."""

    value: Any
    inference_id: str = ""
    """The request's; empty for an asynchronous endpoint, and if it is not known any more."""
    record_index: int = 0
    """The record's place in the request, counted from 0."""


class Target(NamedTuple):
    """The model behind the endpoint that is to score. An empty field leaves the choice to the endpoint."""

    model: str = ""
    inference_component: str = ""
    variant: str = ""
    of_record: bool = False
    """Whether the record itself named the target: then a wrong target is the record's fault."""


class Reason(StrEnum):
    """Why a record is dead-lettered; the dead letter's `reason` attribute."""

    MALFORMED = "malformed"
    """The codec does not accept the body; the endpoint was not called."""
    TOO_LARGE = "too-large"
    """A request with this record alone is over the size limit."""
    MODEL_ERROR = "model-error"
    """The model refused the record."""
    UNPROCESSABLE = "unprocessable"
    """The model kept failing on the record until its last receive."""
    TARGET_REFUSED = "target-refused"
    """The record names a model, component or variant that does not exist, or that the function may not invoke."""
    INPUT_UNAVAILABLE = "input-unavailable"
    """The object that the record points to could not be read."""
    RESULT_TOO_LARGE = "result-too-large"
    """The result does not fit into a message."""


class UnexpectedEventError(ValueError):
    """The function was called with another event than it is there for."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"the function expects {expected}, and got {found}")


def read_records(event: Mapping[str, Any]) -> list[Record]:
    """Return the event's records. If a message was delivered twice in one batch, only the first is returned.

    Raises UnexpectedEventError if it is not the event of an SQS event source mapping.
    """
    if found := _unexpected(event):
        raise UnexpectedEventError('messages of an SQS queue, {"Records": [{"messageId": "…", "body": "…"}]}', found)
    records: dict[str, Record] = {}
    for record in event["Records"]:
        if record["messageId"] not in records:
            records[record["messageId"]] = _read_record(record)
    return list(records.values())


def _unexpected(event: Any) -> str:
    """Return what is there in the stead of messages; nothing if they are there."""
    if found := other_than_records(event):
        return found
    for record in event["Records"]:
        if not isinstance(record, Mapping):
            return f"a record that is a {type(record).__name__}"
        source = record.get("eventSource", record.get("EventSource", "aws:sqs"))
        if source != "aws:sqs":
            return f"a record of {source}"
        if not isinstance(record.get("messageId"), str) or not record["messageId"]:
            return "a record whose messageId is no text" if "messageId" in record else "a record without messageId"
    return ""


def other_than_records(event: Any) -> str:
    """Return what an event is that has no list of records; nothing if it has one."""
    if not isinstance(event, Mapping):
        return f"a {type(event).__name__}"
    if not isinstance(event.get("Records"), list):
        return f"an object with {', '.join(map(str, list(event)[:MAX_NAMES])) or 'no members'}"
    return ""


def _read_record(record: Mapping[str, Any]) -> Record:
    """Return a record. What is not of SQS's types is left out, so that it concerns no other record."""
    system, source_arn, body = _object(record, "attributes"), _text(record, "eventSourceARN"), record.get("body")
    received = _text(system, "ApproximateReceiveCount")
    attributes, group = _object(record, "messageAttributes"), _text(system, "MessageGroupId")
    # Standard queues have message groups too, for fairness, but no order.
    is_fifo = source_arn.endswith(".fifo")
    return Record(
        message_id=record["messageId"],
        receipt_handle=_text(record, "receiptHandle"),
        body=body if isinstance(body, str) else "",
        receive_count=int(received) if re.fullmatch("[0-9]{1,9}", received) else 1,
        source_arn=source_arn,
        group=group if is_fifo else "",
        attributes={name: text for name in attributes if (text := _text(_object(attributes, name), "stringValue"))},
        trace_header=_text(system, "AWSTraceHeader"),
        fair_group="" if is_fifo else group,
        attributes_as_sent=attributes,
    )


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""


class Ledger:
    """The outcome of each record. A record without one at the end of the invocation is returned to the queue.

    A message that holds several records is returned if one of them is.

    Raises RuntimeError if a record gets a second outcome.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._open = {record.message_id: record for record in records}
        self._whole = {record.message_id: record.part_of for record in records if record.part_of}
        self.succeeded: list[str] = []
        """Message ids."""
        self.dead_lettered: dict[str, list[str]] = {}
        """Message ids by reason."""
        self.returned: dict[str, list[str]] = {}
        """Message ids by fault."""

    def succeed(self, message_id: str) -> None:
        self._close(message_id)
        self.succeeded.append(message_id)

    def dead_letter(self, message_id: str, reason: str) -> None:
        self._close(message_id)
        self.dead_lettered.setdefault(reason, []).append(message_id)

    def return_to_queue(self, message_id: str, reason: str) -> None:
        self._close(message_id)
        self.returned.setdefault(reason, []).append(message_id)

    def response(self) -> BatchResponse:
        returned = [message_id for ids in self.returned.values() for message_id in ids]
        messages = dict.fromkeys(self._whole.get(message_id, message_id) for message_id in (*returned, *self._open))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in messages]}

    def _close(self, message_id: str) -> None:
        if self._open.pop(message_id, None) is None:
            raise RuntimeError(f"record {message_id} reached two outcomes")
