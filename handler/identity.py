"""Whose message a record is: what results and dead letters say of it besides the message's id."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .codecs import Item, MalformedRecordError, Payload
from .codecs.base import BYTE_ORDER_MARK, compact, load_record
from .envelopes import Content, Envelope, Pointer
from .records import NOTHING, Attribute, Identity, Record
from .settings import HandlerSettings

MAX_SUBJECT_CHARACTERS = 256
# CloudEvents: no text of an attribute has control characters or halves of surrogate pairs
_UNFIT_FOR_EVENTS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# SQS: SendMessage, MessageBody: what a text may have
_UNFIT_FOR_MESSAGES = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# SQS: MessageAttributes, data types
_TYPE = re.compile(r"(?=.{1,256}$)(String|Number|Binary)(\.[A-Za-z0-9_-]+)*")
# Well within its bounds on numbers. One that it refuses would take the results beside it along, so any other is text.
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
# SQS and SNS: MessageGroupId
_GROUP = re.compile(r"[!-~]{1,128}")
# More than events and contexts put around a member, and than the calls that write them are deeper than the one here.
_LEVELS_TO_SPARE = 100
# SageMaker: InferenceId, of which the handler makes no others than these
_INFERENCE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
# 160 bits of SHA-256: no two records share it by chance, and it fits where SageMaker takes 64 characters.
_KEY_CHARACTERS = 40


class Identities:
    """Reads from messages what the settings name."""

    def __init__(self, settings: HandlerSettings) -> None:
        self._is_pointer = settings.correlation.startswith("/")
        self._correlation = settings.correlation
        self._names = settings.passed_attributes
        self._kept = settings.keep_members
        self._passes_group = settings.pass_message_group
        self._requests = settings.request_location if settings.asynchronous else ""
        self._version = settings.model_version
        self.has_keys = settings.idempotency_key == "correlation"
        """Whether records that mean the same are one, so that `keyed` gives them one id."""

    def of_message(self, record: Record) -> Record:
        """Return the record with what its message says beside the body, which may be malformed.

        Raises MalformedRecordError if it can't be passed on.
        """
        group = record.group or record.fair_group if self._passes_group else ""
        return record._replace(identity=Identity(attributes=self._attributes(record, (), {}), group=group))

    def identify(self, record: Record, trail: Sequence[Envelope], content: Content, body: str | None = None) -> Record:
        """Return the record with its identity; it came in the envelopes of the trail.

        `body` is its body if that was on S3. Raises MalformedRecordError if the correlation, or what is to be passed
        on, can't be that.
        """
        events: list[Mapping[str, Any]] = [envelope.value for envelope in trail if envelope.kind == "cloudevents"]
        event = events[-1] if events else NOTHING
        attributes = self._attributes(record, trail, event)
        sent: Any = None
        if self._is_pointer:
            sent = _load(body) if body is not None else _as_sent(record, trail)
        identity = Identity(
            subject=self._correlated(attributes, sent) or _subject_of(event),
            attributes=attributes,
            members=self._members(record, trail, content, body) if self._kept else NOTHING,
            group=self._group(record, event) if self._passes_group else "",
            trace=NOTHING if "traceparent" in record.attributes else _trace_of(event),
            cause=_text(event.get("id")),
        )
        return record._replace(identity=identity)

    def keyed(self, item: Item, version: str) -> Item:
        """Return the item with the id that everything has which means the same.

        That is its subject together with all that the model gets: two records with one subject never share a result.
        What an asynchronous endpoint was sent before keeps its id. `version` is that of the object that it reads
        itself. A record without a subject has its message's id.
        """
        record = item.record
        if not item.parts and self._requests and item.location.startswith(self._requests):
            event_id = item.location[len(self._requests) :]
            return _with_id(item, event_id) if _INFERENCE_ID.fullmatch(event_id) else item
        if not record.identity.subject:
            return item
        members = json.dumps(dict(record.identity.members), sort_keys=True)
        model, component, variant, _ = item.target
        named = (record.source_arn, self._version, record.identity.subject, model, component, variant)
        asked = (item.group_key, item.content_type, members, "" if item.parts else f"{item.location} {version}")
        texts = (text.encode("utf-8", "surrogatepass") for text in (*named, *asked))
        return _with_id(item, _digest((*texts, *item.parts)))

    def _attributes(
        self, record: Record, trail: Sequence[Envelope], event: Mapping[str, Any]
    ) -> Mapping[str, Attribute]:
        """Return the named attributes: the message's own, then those of an SNS notification, then the event's."""
        if not self._names:
            return NOTHING
        notification = trail[0].value if trail and trail[0].kind == "sns" else {}
        places = (record.attributes_as_sent, _object(notification, "MessageAttributes"), _passed_on(event))
        found = {}
        for name in self._names:
            attribute = next((a for place in places if (a := _attribute(name, place.get(name)))), None)
            if attribute is not None:
                found[name] = attribute
        return found

    def _correlated(self, attributes: Mapping[str, Attribute], sent: Any) -> str:
        """Return the subject that the correlation gives; nothing if it is not there."""
        place = self._correlation
        if not place:
            return ""
        if self._is_pointer:
            value = _pointed(sent, place)
        elif (attribute := attributes.get(place)) is None:
            return ""
        elif attribute.type.startswith("Binary"):
            raise MalformedRecordError(f"the correlation {place} is Binary, and a subject is text")
        else:
            value = attribute.value
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise MalformedRecordError(
                f"the correlation {place} is a {_kind(value)}, and a subject is text or a whole number"
            )
        subject = str(value)
        if not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
            bounds = f"a subject has 1 to {MAX_SUBJECT_CHARACTERS}"
            raise MalformedRecordError(f"the correlation {place} has {len(subject)} characters, and {bounds}")
        if _UNFIT_FOR_EVENTS.search(subject):
            raise MalformedRecordError(f"the correlation {place} has a control character or half of a surrogate pair")
        return subject

    def _members(
        self, record: Record, trail: Sequence[Envelope], content: Content, body: str | None
    ) -> Mapping[str, Any]:
        """Return the kept members that are there; what is no JSON object has none."""
        if isinstance(content, Pointer) and body is None and trail:
            return NOTHING  # S3 made the message
        try:
            if isinstance(content, Payload):
                body = content.text
            value = _load(record.body if body is None else body)
        except MalformedRecordError:  # it is for the codec to refuse it
            return NOTHING
        members = {name: value[name] for name in self._kept if name in value} if isinstance(value, dict) else {}
        _require_shallow(members)
        return members or NOTHING

    def _group(self, record: Record, event: Mapping[str, Any]) -> str:
        group = record.group or record.fair_group or _text(event.get("messagegroupid"))
        if group and not _GROUP.fullmatch(group):
            raise MalformedRecordError("the CloudEvent's messagegroupid is no message group of SQS")
        return group


def _require_shallow(members: Mapping[str, Any]) -> None:
    """Raise MalformedRecordError if members are nested so deeply that what holds them could not be written any more."""
    nested: Any = members
    for _ in range(_LEVELS_TO_SPARE):
        nested = [nested]
    compact(nested)


def _with_id(item: Item, event_id: str) -> Item:
    record = item.record
    return item._replace(record=record._replace(identity=record.identity._replace(event_id=event_id)))


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))  # so that no part runs into the next
        digest.update(part)
    return digest.hexdigest()[:_KEY_CHARACTERS]


def _as_sent(record: Record, trail: Sequence[Envelope]) -> Any:
    """Return the body as its sender sent it, as JSON: SNS's envelope is no part of it."""
    text = record.body
    for envelope in trail:
        if envelope.kind != "sns":
            return envelope.value
        text = envelope.value["Message"]
    return _load(text)


def _load(text: str) -> Any:
    return load_record(text.removeprefix(BYTE_ORDER_MARK))


def _attribute(name: str, sent: Any) -> Attribute | None:
    """Return an attribute as Lambda, SNS or a CloudEvent has it; None if there is none.

    Raises MalformedRecordError if no message can have it.
    """
    if isinstance(sent, str):
        sent = {"Value": sent}
    if not isinstance(sent, Mapping):
        return None
    type_ = _text(sent.get("dataType") or sent.get("Type"))
    type_ = type_ if _TYPE.fullmatch(type_) else "String"
    value = _text(sent.get("binaryValue" if type_.startswith("Binary") else "stringValue") or sent.get("Value"))
    if not value:
        return None
    if type_.startswith("Binary"):
        try:
            base64.b64decode(value, validate=True)
        except ValueError as error:
            raise MalformedRecordError(f"the message attribute {name} is not base64: {error}") from error
    elif _UNFIT_FOR_MESSAGES.search(value):
        raise MalformedRecordError(f"the message attribute {name} has a character that SQS does not take")
    elif type_.startswith("Number") and not _NUMBER.fullmatch(value):
        type_ = "String"
    return Attribute(type_, value)


def _passed_on(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(_object(event, "data"), "attributes")


def _pointed(value: Any, pointer: str) -> Any:
    """Return the value that a JSON Pointer (RFC 6901) leads to; None if there is none."""
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _subject_of(event: Mapping[str, Any]) -> str:
    subject = _text(event.get("subject"))
    is_fit = len(subject) <= MAX_SUBJECT_CHARACTERS and not _UNFIT_FOR_EVENTS.search(subject)
    return subject if is_fit else ""


def _trace_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    if not (traceparent := _text(event.get("traceparent"))) or _UNFIT_FOR_MESSAGES.search(traceparent):
        return NOTHING
    tracestate = _text(event.get("tracestate"))
    return {"traceparent": traceparent, **({"tracestate": tracestate} if tracestate else {})}


def _kind(value: Any) -> str:
    return {bool: "boolean", dict: "JSON object", list: "list"}.get(type(value), "fraction")


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
