"""What leaves: CloudEvents with results, and dead letters with their reasons."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from handler.records import Reason, Record
from handler.sinks.outbox import Entry

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_BYTES = 1_048_576
EVENT_TYPE = "sagemaker.inference.result"
ACCEPTED_TYPE = "sagemaker.inference.accepted"
# SQS: attributes of one message, and their names.
MAX_ATTRIBUTES = 10
_RESERVED = ("aws.", "amazon.")
# Attribute values must not be empty, and long details help nobody.
MAX_DETAIL_CHARACTERS = 512
# What the handler itself reads again once a dead letter is redriven.
_READ = ("TargetModel", "InferenceComponentName", "TargetVariant", "traceparent", "tracestate")


def result_event(record: Record, endpoint_name: str, result: Any) -> Entry:
    """Return the result as a CloudEvent 1.0."""
    return event(record, {"endpoint": endpoint_name, "result": result})


def accepted_event(record: Record, endpoint_name: str, locations: Mapping[str, str]) -> Entry:
    """Return a CloudEvent that says where an asynchronous endpoint will put the result."""
    return event(record, {"endpoint": endpoint_name, **locations}, ACCEPTED_TYPE)


def event(record: Record, data: Mapping[str, Any], event_type: str = EVENT_TYPE) -> Entry:
    """Return a CloudEvent 1.0 in structured JSON; it keeps the record's trace (CloudEvents distributed tracing)."""
    trace = {name: record.attributes[name] for name in ("traceparent", "tracestate") if name in record.attributes}
    if "traceparent" not in trace:
        trace = {}
    content = {
        "specversion": "1.0",
        "id": record.message_id,
        "source": record.source_arn,
        "type": event_type,
        "subject": record.message_id,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **trace,
        "data": data,
    }
    return Entry(
        record.message_id,
        # Escaped, because a model may answer with halves of surrogate pairs, which no message can hold as they are.
        json.dumps(content, separators=(",", ":")),
        {name: value for name, value in trace.items() if name == "traceparent"},
        record.group,
        record.trace_header,
        record.source_arn,
        event_type=event_type,
    )


def dead_letter_entry(record: Record, endpoint_name: str, reason: Reason, detail: str) -> Entry:
    """Return the record's own body, unchanged, with the reason as attributes, and those of the record that fit."""
    attributes = {
        "reason": reason.value,
        "detail": _printable(detail)[:MAX_DETAIL_CHARACTERS] or "-",
        "sourceMessageId": record.message_id,
        "endpoint": endpoint_name,
        "receiveCount": str(record.receive_count),
    }
    attributes |= dict(_kept(record, attributes))
    return Entry(record.message_id, record.body, attributes, record.group, record.trace_header, record.source_arn)


def _kept(record: Record, attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the record's attributes that SQS takes beside these: so a redriven letter is what it was."""
    own = {
        name: value
        for name, value in record.attributes.items()
        if name not in attributes and not name.lower().startswith(_RESERVED)
    }
    if not own:
        return
    left, room = MAX_BYTES - text_bytes(record.body) - attribute_bytes(attributes), MAX_ATTRIBUTES - len(attributes)
    for name in sorted(own, key=lambda name: name not in _READ):
        size = attribute_bytes({name: own[name]})
        if size <= left and room:
            left, room = left - size, room - 1
            yield name, own[name]


def _printable(text: str) -> str:
    """Return the text without what SQS refuses in an attribute."""
    return "".join(c if c.isprintable() else " " for c in text).encode("utf-8", "replace").decode()


def text_bytes(text: str) -> int:
    """Bytes in UTF-8, without encoding what is ASCII."""
    return len(text) if text.isascii() else len(text.encode())


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Bytes of names, types and values, as SQS and SNS count them."""
    return sum(text_bytes(name) + len("String") + text_bytes(value) for name, value in attributes.items())
