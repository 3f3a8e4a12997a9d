"""Envelopes that other services put around a message: known by their form, and opened where a setting says so.

A message may also be a pointer, {"s3": "s3://bucket/key"}, to an object that holds its content.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from .codecs import MalformedRecordError, Payload
from .ignored import IgnoredMembers
from .records import Record
from .settings import HandlerSettings

MAX_DEPTH = 3
"""Most envelopes in each other that `auto` opens."""
MAX_OBJECTS = 100
"""Most objects that one S3 notification may be of."""
# SageMaker: InvokeEndpoint ContentType
MAX_TYPE_CHARACTERS = 1024
_TITLES = {
    "sns": "an SNS notification",
    "s3": "an S3 notification",
    "eventbridge": "an EventBridge event",
    "cloudevents": "a CloudEvent",
    "extended-client": "a pointer of the SQS extended client",
}
_EXTENDED_CLIENTS = (
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
)
# A text that stands in every envelope, not far from its beginning or its end: what it holds is in one piece. To search
# there for it costs much less than to parse each body.
_MARK = re.compile(
    '"(?:TopicArn|aws:s3|s3:TestEvent|detail-type|specversion|' + "|".join(map(re.escape, _EXTENDED_CLIENTS)) + ')"'
)
_MARK_IS_WITHIN = 4096
# Beginnings of the events after which there is no object: in S3's own notifications, and in those by EventBridge.
_OBJECT_IS_GONE = "ObjectRemoved:", "LifecycleExpiration:", "Object Deleted"
_LONE_POINTER = re.compile(r'\s*\{\s*"s3"\s*:\s*"[^"]*"\s*\}\s*')
_BEFORE_CONTENT = " \t\n\r\ufeff"
_SPACE, _COLON = re.compile(r"[ \t\n\r]*"), re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Pointer(NamedTuple):
    """An object on S3 that holds the content of a message."""

    location: str
    is_body: bool = False
    """Whether it holds the message's whole body, as the extended client puts it there."""


class BucketTest(NamedTuple):
    """The message that S3 sends when a bucket's notifications are set up. It has nothing to score."""

    bucket: str


Content = Payload | Pointer | BucketTest


class Envelopes:
    """Opens messages as far as the settings say, and refuses every other envelope that it knows."""

    def __init__(self, settings: HandlerSettings) -> None:
        self._setting = settings.envelope
        self._opens_events = settings.envelope in ("cloudevents", "auto")
        self._is_base64 = settings.body_encoding == "base64"
        self._reads_inputs = bool(settings.input_location)
        self._requests = settings.request_location if settings.asynchronous else ""
        self._opens_objects = self._reads_inputs and settings.envelope in ("s3", "auto")
        self._ignored = IgnoredMembers('"s3"', settings.keep_members)

    def split(self, records: Iterable[Record]) -> list[Record]:
        """Return records that each have one content: of a notification of several objects, a pointer to each; of a
        list of CloudEvents, each event.

        Their ids are the message's, with their number. What can't be opened stays as it is.
        """
        if not (self._opens_objects or self._opens_events):
            return list(records)
        return [part for record in records for part in self._parts(record)]

    def _parts(self, record: Record) -> list[Record]:
        several_objects = self._opens_objects and record.body.count("eventSource") > 1
        if not several_objects and not (self._opens_events and record.body.count("specversion") > 1):
            return [record]
        try:
            contents = self._inside(record.body, [])
        except MalformedRecordError:
            return [record]
        if not isinstance(contents, list):
            return [record]
        bodies = [
            json.dumps({"s3": content.location}, ensure_ascii=False) if isinstance(content, Pointer) else content
            for content in contents
        ]
        return [
            record._replace(message_id=f"{record.message_id}-{number}", body=body, part_of=record.message_id)
            for number, body in enumerate(bodies, 1)
        ]

    def open(self, body: str, trail: "list[Envelope] | None" = None) -> Content:
        """Return the content of a message; add the envelopes that it was in to the trail, the outermost first.

        Raises MalformedRecordError.
        """
        if (self._reads_inputs or self._requests) and '"s3"' in body and (pointer := self._pointer(body)):
            return pointer
        if self._setting == "as-is" or (self._setting == "refuse" and not _is_marked(body)):
            return self._decoded(body)
        content = self._inside(body, [] if trail is None else trail)
        if isinstance(content, list):  # otherwise `split` has made a record of each
            if isinstance(content[0], str):
                raise MalformedRecordError("the message is a list of CloudEvents, and some of it are none")
            raise MalformedRecordError(f"the message points to {len(content)} objects, and there is no input_location")
        return content

    def _inside(self, body: str, trail: "list[Envelope]") -> "Content | list[Pointer] | list[str]":
        text = body
        while found := _recognized(text):
            if found.kind == "s3" and found.value.get("Event") == "s3:TestEvent":
                return BucketTest(str(found.value.get("Bucket", "")))
            self._require_openable(found, [envelope.kind for envelope in trail])
            trail.append(found)
            inside = _OPENERS[found.kind](found)
            if not isinstance(inside, str):
                self._require_inputs(inside)
                return inside
            text = inside
        self._require_expected([envelope.kind for envelope in trail])
        return self._decoded(text)

    def offloaded(self, payload: Payload) -> Payload:
        """Return the content of a body that was on S3. Raises MalformedRecordError."""
        if found := _recognized(payload.text):
            raise MalformedRecordError(f"the body on S3 is {found.title}, and envelopes there are not opened")
        return self._decoded(payload.text)

    def _pointer(self, body: str) -> Pointer | None:
        """Return the pointer that a body is. One without an input location may only lead to a request."""
        try:
            value: Any = json.loads(body.lstrip(_BEFORE_CONTENT))
        except (ValueError, RecursionError) as error:
            if _LONE_POINTER.fullmatch(body):
                raise MalformedRecordError(f"the pointer is not JSON: {error}") from error
            return None
        location = value.get("s3") if isinstance(value, dict) else None
        if not isinstance(location, str) or "inputs" in value:
            return None
        if len(value) > 1 and not location.startswith("s3://"):
            return None
        if not self._reads_inputs and not location.startswith(self._requests):
            return None
        self._ignored.note(value.keys() - {"s3"})
        return Pointer(_printable(location))

    def _require_openable(self, envelope: "Envelope", opened: list[str]) -> None:
        """Raise MalformedRecordError unless the settings open this envelope, in those that are open already."""
        if self._setting == "auto":
            if len(opened) >= MAX_DEPTH:
                raise MalformedRecordError(f"more than {MAX_DEPTH} envelopes are in each other")
            return
        kind, what = envelope.kind, envelope.title
        is_named = kind == self._setting and kind not in opened
        if not is_named and not (kind == "sns" and not opened and self._setting != "refuse"):
            where = f"{_TITLES[opened[-1]]} holds" if opened else "the message is"
            how = f'inference.envelope "{kind}" or "auto" opens it, and it is "{self._setting}"'
            raise MalformedRecordError(f"{where} {what}; {how}")

    def _require_expected(self, opened: list[str]) -> None:
        """Raise MalformedRecordError if the envelope that a setting names was not there.

        The extended client sends small bodies without any.
        """
        named = self._setting
        if named in _TITLES and named not in opened and named != "extended-client":
            how = f'inference.envelope "{named}" expects'
            raise MalformedRecordError(f"the message is not {_TITLES[named]}, as {how}")

    def _require_inputs(self, content: "Content | list[Pointer] | list[str]") -> None:
        """Raise MalformedRecordError for a notification of a request that the handler itself has put."""
        for pointer in content if isinstance(content, list) else [content]:
            if self._requests and isinstance(pointer, Pointer) and pointer.location.startswith(self._requests):
                raise MalformedRecordError(f"{pointer.location} is a request that was put here, and no input")

    def _decoded(self, text: str) -> Payload:
        return Payload(_from_base64(text, "the body")) if self._is_base64 else Payload(text)


class Envelope(NamedTuple):
    """An envelope that a message was in."""

    kind: str
    """One of the names of `ENVELOPES`."""
    text: str
    value: Any
    """The text as JSON."""

    @property
    def title(self) -> str:
        return (
            "a list of CloudEvents"
            if self.kind == "cloudevents" and isinstance(self.value, list)
            else _TITLES[self.kind]
        )


def _recognized(text: str) -> Envelope | None:
    """Return the known envelope that a text is; None if it is none.

    Raises MalformedRecordError for what is one, and never holds one record.
    """
    if not _is_marked(text):
        return None
    try:
        value: Any = json.loads(text.lstrip(_BEFORE_CONTENT))
    except (ValueError, RecursionError):
        return None  # the codec refuses it
    kind = ""
    if isinstance(value, dict):
        kind = _kind_of_object(value)
    elif isinstance(value, list):
        kind = _kind_of_list(value)
    if kind == "cloudevents" and isinstance(value, list) and len(value) == 1:
        (text,), (value,) = _elements(text), value
    return Envelope(kind, text, value) if kind else None


def _is_marked(text: str) -> bool:
    if _MARK.search(text, 0, _MARK_IS_WITHIN):
        return True
    rest = len(text) - _MARK_IS_WITHIN
    return rest > 0 and _MARK.search(text, max(_MARK_IS_WITHIN, rest)) is not None


def _kind_of_object(value: Mapping[str, Any]) -> str:
    if isinstance(value.get("TopicArn"), str) and isinstance(value.get("Message"), str) and "Type" in value:
        if value["Type"] != "Notification":
            raise MalformedRecordError(f"the message is SNS's {value['Type']}, which has no record")
        return "sns"
    records = value.get("Records")
    if isinstance(records, list) and records and all(_is_of_s3(record) for record in records):
        return "s3"
    if value.get("Event") == "s3:TestEvent" and value.get("Service") == "Amazon S3":
        return "s3"
    if "detail-type" in value and isinstance(value.get("source"), str) and isinstance(value.get("detail"), dict):
        return "s3" if value["source"] == "aws.s3" and "object" in value["detail"] else "eventbridge"
    return "cloudevents" if _is_cloud_event(value) else ""


def _kind_of_list(value: list[Any]) -> str:
    if value and isinstance(value[0], dict) and _is_cloud_event(value[0]):
        return "cloudevents"
    return "extended-client" if len(value) == 2 and value[0] in _EXTENDED_CLIENTS else ""


def _is_of_s3(record: Any) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:s3"


def _is_cloud_event(value: Mapping[str, Any]) -> bool:
    return all(isinstance(value.get(name), str) for name in ("specversion", "type", "source"))


def _message_of_sns(envelope: Envelope) -> str:
    message: str = envelope.value["Message"]
    return message


def _objects_of_s3(envelope: Envelope) -> Pointer | list[Pointer]:
    """Return the objects that S3 tells of, as a list if there are several."""
    value = envelope.value
    if "detail" in value:
        return _object_of_s3(value["detail-type"], value["detail"], is_encoded=False)
    if len(value["Records"]) > MAX_OBJECTS:
        raise MalformedRecordError(
            f"the S3 notification is of {len(value['Records'])} objects, {MAX_OBJECTS} are taken"
        )
    pointers = [_object_of_s3(event.get("eventName"), event.get("s3"), is_encoded=True) for event in value["Records"]]
    return pointers if len(pointers) > 1 else pointers[0]


def _object_of_s3(event: Any, place: Any, *, is_encoded: bool) -> Pointer:
    """Return the object of one event. Its key is URL-encoded, unless the event came by EventBridge."""
    if str(event).startswith(_OBJECT_IS_GONE):
        raise MalformedRecordError(f"the S3 notification is of {event}: there is no object to score")
    try:
        bucket, key = place["bucket"]["name"], place["object"]["key"]
        return Pointer(_location(bucket, unquote_plus(key, errors="strict") if is_encoded else key))
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise MalformedRecordError("the S3 notification names no bucket and key") from error


def _detail_of_event(envelope: Envelope) -> str:
    return _member(envelope.text, "detail")


def _data_of_cloud_event(envelope: Envelope) -> str | Payload | list[str]:
    """Return the event's data; of a list, the text of each event."""
    value = envelope.value
    if isinstance(value, list):
        return _elements(envelope.text)
    content_type = usable_type(value.get("datacontenttype"))
    if isinstance(encoded := value.get("data_base64"), str):
        return Payload(_from_base64(encoded, "data_base64"), content_type)
    if "data" not in value:
        raise MalformedRecordError("the CloudEvent has no data")
    if isinstance(value["data"], str) and content_type and "json" not in content_type.lower():
        return Payload(value["data"], content_type)
    return _member(envelope.text, "data")


def _object_of_extended_client(envelope: Envelope) -> Pointer:
    try:
        place = envelope.value[1]
        return Pointer(_location(place["s3BucketName"], place["s3Key"]), is_body=True)
    except (LookupError, TypeError) as error:
        raise MalformedRecordError("the pointer of the SQS extended client names no bucket and key") from error


_OPENERS: Mapping[str, Callable[[Envelope], str | Payload | Pointer | list[Pointer] | list[str]]] = {
    "sns": _message_of_sns,
    "s3": _objects_of_s3,
    "eventbridge": _detail_of_event,
    "cloudevents": _data_of_cloud_event,
    "extended-client": _object_of_extended_client,
}


def usable_type(content_type: Any) -> str:
    """Return a content type that came from elsewhere; nothing if a request can't have it."""
    is_usable = isinstance(content_type, str) and content_type.isascii() and content_type.isprintable()
    return content_type if is_usable and len(content_type) <= MAX_TYPE_CHARACTERS else ""


def _member(text: str, name: str) -> str:
    """Return the text of a member of a JSON object as it is spelled; of several, that of the last one."""
    position, member = text.index("{"), ""
    while text[position] != "}":
        found, position = _DECODER.raw_decode(text, _after(_SPACE, text, position + 1))
        start = _after(_COLON, text, position)
        _, end = _DECODER.raw_decode(text, start)
        position = _after(_SPACE, text, end)
        if found == name:
            member = text[start:end]
    return member


def _elements(text: str) -> list[str]:
    """Return the texts of a JSON list's elements as they are spelled."""
    position, elements = text.index("["), []
    while text[position] != "]":
        start = _after(_SPACE, text, position + 1)
        _, end = _DECODER.raw_decode(text, start)
        elements.append(text[start:end])
        position = _after(_SPACE, text, end)
    return elements


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    assert found is not None  # the text is JSON
    return found.end()


def _location(bucket: Any, key: Any) -> str:
    """Return the location of an object. Raises TypeError if its parts are no texts."""
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise TypeError("a bucket and a key are texts")
    return _printable(f"s3://{bucket}/{key}")


def _printable(location: str) -> str:
    if not location.isprintable():  # for instance half of a surrogate pair, which a request can't contain
        raise MalformedRecordError(f"{location!a} holds what is not printable")
    return location


def _from_base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(text.lstrip(_BEFORE_CONTENT).split()), validate=True)
    except ValueError as error:
        raise MalformedRecordError(f"{name} is not base64: {error}") from error
