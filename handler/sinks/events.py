"""Contents of messages: CloudEvents with results, and dead letters with reasons."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ..records import NOTHING, PLAIN, Attribute, Identity, Reason, Record
from ..settings import EVENT_TYPE, HandlerSettings
from .outbox import Entry, Overflow, Transport

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_BYTES = 1_048_576
ACCEPTED_TYPE = "sagemaker.inference.accepted"
# SQS: most attributes of one message, and prefixes that their names must not have.
MAX_ATTRIBUTES = 10
_RESERVED = ("aws.", "amazon.")
# A longer detail would not help anyone who reads it.
MAX_DETAIL_CHARACTERS = 512
# Attributes that the handler itself needs if the dead letter is redriven, some before those that are passed on.
_READ, _READ_TOO = ("TargetModel", "InferenceComponentName", "TargetVariant", "traceparent"), ("tracestate",)
# Facts that a dead letter can do without, if there is no room for them beside what it must have.
_LEAST_NEEDED = ("receiveCount", "endpoint", "detail")

# ASCII with escapes: a model may answer with half of a surrogate pair, which no message can contain unescaped.
to_json = json.JSONEncoder(separators=(",", ":")).encode


class ResultTooLargeError(ValueError):
    """The result is over the sink's limit, and there is no overflow location for it."""


def result_head(input_location: str = "", inference_id: str = "", record_index: int = 0) -> dict[str, Any]:
    """Return what a result's data says of how it came about: the object that the record was read from, and the
    request to the endpoint and the record's place in it, counted from 0.
    """
    head: dict[str, Any] = {"inputLocation": input_location} if input_location else {}
    if inference_id:
        head["inferenceId"], head["recordIndex"] = inference_id, record_index
    return head


def result_event(record: Record, endpoint_name: str, result: Any, head: Mapping[str, Any] = NOTHING) -> Entry:
    """Return the result as a CloudEvent 1.0; `head` is what its data has besides the endpoint and the result."""
    return event(record, {"endpoint": endpoint_name, **head, "result": result})


def result_entry(
    record: Record, result: Any, settings: HandlerSettings, transport: Transport, *, head: Mapping[str, Any] = NOTHING
) -> Entry:
    """Return an event with the result. If it is over the sink's limit, return one with its overflow location.

    Raises ResultTooLargeError if there is no such location, or if the result is nested too deeply.
    """
    try:
        entry = result_event(record, settings.endpoint_name, result, head)
        size, limit = transport.size(entry), transport.max_entry_bytes
        if size <= limit:
            return entry
        if not settings.overflow_location:
            raise ResultTooLargeError(f"the result has {size} bytes, {transport.name} takes {limit}")
        location = f"{settings.overflow_location}{record.event_id}.json"
        overflow = Overflow(location, to_json(result))
    except RecursionError as error:
        raise ResultTooLargeError("the result is nested too deeply") from error
    return pointer_entry(record, location, settings, transport, head=head)._replace(overflow=overflow)


def pointer_entry(
    record: Record, location: str, settings: HandlerSettings, transport: Transport, *, head: Mapping[str, Any] = NOTHING
) -> Entry:
    """Return an event with the location of a result on S3.

    Raises ResultTooLargeError if even that is over the sink's limit, because of what is kept of the message.
    """
    entry = event(record, {"endpoint": settings.endpoint_name, **head, "resultLocation": location})
    size, limit = transport.size(entry), transport.max_entry_bytes
    if size > limit:
        what = "without the result, which is on S3, the event has"
        raise ResultTooLargeError(f"{what} {size} bytes of what is passed on, {transport.name} takes {limit}")
    return entry


def accepted_event(record: Record, endpoint_name: str, locations: Mapping[str, str]) -> Entry:
    """Return a CloudEvent with the location of an asynchronous endpoint's future result; its id is not the result's."""
    return event(record, {"endpoint": endpoint_name, **locations}, ACCEPTED_TYPE, "/accepted")


def event(record: Record, data: Mapping[str, Any], event_type: str = EVENT_TYPE, id_suffix: str = "") -> Entry:
    """Return a CloudEvent 1.0 in structured JSON, with the record's identity and trace.

    Its extensions are those of CloudEvents' distributed tracing, and `messagegroupid` and `causationid`.
    """
    identity, attributes, trace = record.identity, record.attributes, record.identity.trace
    if "traceparent" in attributes:
        trace = {name: attributes[name] for name in ("traceparent", "tracestate") if name in attributes}
    event_id = (identity.event_id or record.message_id) + id_suffix
    content: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": record.source_arn,
        "type": event_type,
        "subject": identity.subject or record.message_id,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **trace,
    }
    if identity is PLAIN:  # as most are
        content["data"] = data
    else:
        content |= _extensions(identity)
        content["data"] = {**_kept(identity), **data}
    return Entry(
        record.message_id,
        to_json(content),
        {name: value for name, value in trace.items() if name == "traceparent"},
        record.group,
        record.trace_header,
        record.source_arn,
        event_type=event_type,
        event_id=event_id,
        passed_on=identity.attributes,
        fair_group=identity.group,
    )


def _extensions(identity: Identity) -> dict[str, str]:
    named = {"messagegroupid": identity.group, "causationid": identity.cause}
    return {name: value for name, value in named.items() if value}


def _kept(identity: Identity) -> dict[str, Any]:
    """Return the members of the event's data that came with the message."""
    values = {name: attribute.value for name, attribute in identity.attributes.items()}
    return {**identity.members, **({"attributes": values} if values else {})}


def dead_letter_entry(record: Record, settings: HandlerSettings, reason: Reason, detail: str) -> Entry:
    """Return the record's own body, unchanged; the reason and, as far as there is room, other facts are attributes.

    If the body leaves no room for the reason, the entry is over the limit and is never sent: SQS itself moves the
    message to the dead-letter queue after its last receive.
    """
    wanted = _letter_attributes(record, settings, reason, detail)
    fitting = dict(_fitting(wanted, MAX_BYTES - text_bytes(record.body)))
    return Entry(
        record.message_id,
        record.body,
        {name: attribute.value for name, attribute in fitting.items() if attribute.type == "String"},
        record.group,
        record.trace_header,
        record.source_arn,
        passed_on={name: attribute for name, attribute in fitting.items() if attribute.type != "String"},
        fair_group=record.identity.group,
    )


def _letter_attributes(record: Record, settings: HandlerSettings, reason: Reason, detail: str) -> dict[str, Attribute]:
    """Return what a dead letter should have, the most important first.

    Attributes that a redriven message needs, and those that are passed on, take the place of facts that only inform.
    """
    facts = {
        "reason": reason.value,
        "sourceMessageId": record.message_id,
        "endpoint": settings.endpoint_name,
        "receiveCount": str(record.receive_count),
        "detail": _printable(detail)[:MAX_DETAIL_CHARACTERS] or "-",
    }
    sent = {name: Attribute("String", text) for name, text in record.attributes.items()} | {
        **record.identity.attributes
    }
    needed = [name for name in (*_READ, *settings.passed_attributes, *_READ_TOO) if name in sent]
    left_out = _LEAST_NEEDED[: max(0, len(needed) - (MAX_ATTRIBUTES - len(facts)))]
    attributes = {name: Attribute("String", text) for name, text in facts.items() if name not in left_out}
    for name in (*needed, *sent):
        if not name.lower().startswith(_RESERVED):
            attributes.setdefault(name, sent[name])
    return attributes


def _fitting(attributes: Mapping[str, Attribute], left: int) -> Iterator[tuple[str, Attribute]]:
    """Yield the reason, and then the other attributes that fit: ten in all; the detail may be shortened."""
    room = MAX_ATTRIBUTES
    for name, attribute in attributes.items():
        if name == "detail":
            space = max(0, left - attribute_bytes({name: ""}))
            whole = attribute.value.encode(errors="surrogatepass")
            attribute = Attribute("String", whole[:space].decode(errors="ignore"))  # noqa: PLW2901 - shortened
        size = typed_bytes({name: attribute})
        if name == "reason" or (attribute.value and room and size <= left):
            left, room = left - size, room - 1
            yield name, attribute


def _printable(text: str) -> str:
    """Return the text with a replacement for each character that SQS refuses in an attribute."""
    return "".join(c if c.isprintable() else " " for c in text).encode("utf-8", "replace").decode()


def text_bytes(text: str) -> int:
    """Number of bytes in UTF-8; ASCII text is not encoded to find out."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Number of bytes of names, types and values, as SQS and SNS count them."""
    return sum(text_bytes(name) + len("String") + text_bytes(value) for name, value in attributes.items())


def typed_bytes(attributes: Mapping[str, Attribute]) -> int:
    """Number of bytes of attributes that have types of their own."""
    return sum(
        text_bytes(name)
        + len(type_)
        + (len(value) // 4 * 3 - value[-2:].count("=") if type_.startswith("Binary") else text_bytes(value))
        for name, (type_, value) in attributes.items()
    )


def entry_bytes(entry: Entry) -> int:
    """Number of bytes of a message with its attributes."""
    size = text_bytes(entry.body) + attribute_bytes(entry.attributes)
    return size + typed_bytes(entry.passed_on) if entry.passed_on else size
