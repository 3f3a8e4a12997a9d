"""Contents of messages: CloudEvents with results, and dead letters with reasons."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ..records import Reason, Record
from ..settings import HandlerSettings
from .outbox import Entry, Overflow, Transport

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_BYTES = 1_048_576
EVENT_TYPE = "sagemaker.inference.result"
ACCEPTED_TYPE = "sagemaker.inference.accepted"
# SQS: most attributes of one message, and prefixes that their names must not have.
MAX_ATTRIBUTES = 10
_RESERVED = ("aws.", "amazon.")
# A longer detail would not help anyone who reads it.
MAX_DETAIL_CHARACTERS = 512
# Attributes that the handler itself needs if the dead letter is redriven.
_READ = ("TargetModel", "InferenceComponentName", "TargetVariant", "traceparent", "tracestate")

# ASCII with escapes: a model may answer with half of a surrogate pair, which no message can contain unescaped.
to_json = json.JSONEncoder(separators=(",", ":")).encode


class ResultTooLargeError(ValueError):
    """The result is over the sink's limit, and there is no overflow location for it."""


def result_event(record: Record, endpoint_name: str, result: Any, input_location: str = "") -> Entry:
    """Return the result as a CloudEvent 1.0, which names the object that the record was read from, if there is one."""
    return event(record, {**result_head(endpoint_name, input_location), "result": result})


def result_head(endpoint_name: str, input_location: str) -> dict[str, str]:
    """Return the data that a result's event has beside the result."""
    return {"endpoint": endpoint_name, **({"inputLocation": input_location} if input_location else {})}


def result_entry(
    record: Record, result: Any, settings: HandlerSettings, transport: Transport, *, input_location: str = ""
) -> Entry:
    """Return an event with the result. If it is over the sink's limit, return one with its overflow location.

    Raises ResultTooLargeError if there is no such location, or if the result is nested too deeply.
    """
    try:
        entry = result_event(record, settings.endpoint_name, result, input_location)
        size, limit = transport.size(entry), transport.max_entry_bytes
        if size <= limit:
            return entry
        if not settings.overflow_location:
            raise ResultTooLargeError(f"the result has {size} bytes, {transport.name} takes {limit}")
        location = f"{settings.overflow_location}{record.message_id}.json"
        overflow = Overflow(location, to_json(result))
    except RecursionError as error:
        raise ResultTooLargeError("the result is nested too deeply") from error
    head = result_head(settings.endpoint_name, input_location)
    return event(record, {**head, "resultLocation": location})._replace(overflow=overflow)


def accepted_event(record: Record, endpoint_name: str, locations: Mapping[str, str]) -> Entry:
    """Return a CloudEvent with the location of an asynchronous endpoint's future result; its id is not the result's."""
    return event(record, {"endpoint": endpoint_name, **locations}, ACCEPTED_TYPE, "/accepted")


def event(record: Record, data: Mapping[str, Any], event_type: str = EVENT_TYPE, id_suffix: str = "") -> Entry:
    """Return a CloudEvent 1.0 in structured JSON, with the record's trace (CloudEvents distributed tracing)."""
    attributes, trace = record.attributes, {}
    if "traceparent" in attributes:
        trace = {name: attributes[name] for name in ("traceparent", "tracestate") if name in attributes}
    content = {
        "specversion": "1.0",
        "id": record.message_id + id_suffix,
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
        to_json(content),
        {name: value for name, value in trace.items() if name == "traceparent"},
        record.group,
        record.trace_header,
        record.source_arn,
        event_type=event_type,
    )


def dead_letter_entry(record: Record, endpoint_name: str, reason: Reason, detail: str) -> Entry:
    """Return the record's own body, unchanged; the reason and, as far as there is room, other facts are attributes.

    If the body leaves no room for the reason, the entry is over the limit and is never sent: SQS itself moves the
    message to the dead-letter queue after its last receive.
    """
    attributes = {
        "reason": reason.value,
        "sourceMessageId": record.message_id,
        "endpoint": endpoint_name,
        "receiveCount": str(record.receive_count),
        "detail": _printable(detail)[:MAX_DETAIL_CHARACTERS] or "-",
    }
    for name in sorted(record.attributes, key=lambda name: name not in _READ):
        if not name.lower().startswith(_RESERVED):
            attributes.setdefault(name, record.attributes[name])
    fitting = dict(_fitting(attributes, MAX_BYTES - text_bytes(record.body)))
    return Entry(record.message_id, record.body, fitting, record.group, record.trace_header, record.source_arn)


def _fitting(attributes: Mapping[str, str], left: int) -> Iterator[tuple[str, str]]:
    """Yield the reason, and then the other attributes that fit: ten in all; the detail may be shortened."""
    room = MAX_ATTRIBUTES
    for name, whole in attributes.items():
        space = max(0, left - attribute_bytes({name: ""}))
        value = whole.encode(errors="surrogatepass")[:space].decode(errors="ignore") if name == "detail" else whole
        size = attribute_bytes({name: value})
        if name == "reason" or (value and room and size <= left):
            left, room = left - size, room - 1
            yield name, value


def _printable(text: str) -> str:
    """Return the text with a replacement for each character that SQS refuses in an attribute."""
    return "".join(c if c.isprintable() else " " for c in text).encode("utf-8", "replace").decode()


def text_bytes(text: str) -> int:
    """Number of bytes in UTF-8; ASCII text is not encoded to find out."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Number of bytes of names, types and values, as SQS and SNS count them."""
    return sum(text_bytes(name) + len("String") + text_bytes(value) for name, value in attributes.items())
