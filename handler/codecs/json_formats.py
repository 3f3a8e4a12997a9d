"""Formats whose records are JSON."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..records import Record
from ..settings import HandlerSettings
from .base import (
    JSON_WHITESPACE,
    Codec,
    Framed,
    Item,
    MalformedRecordError,
    UnexpectedResponseError,
    compact,
    listed,
    load_record,
    load_response,
    spliceable,
    to_bytes,
)

_INPUTS_FIRST = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"inputs"[ \t\n\r]*:[ \t\n\r]*')
_NOTHING_ELSE = re.compile(r"[ \t\n\r]*\}[ \t\n\r]*")


class HuggingFaceCodec(Framed):
    """{"inputs": …} records; {"inputs": [ … ], "parameters": { … }} requests; a list of results.

    A record's own `parameters` win over the configured ones; only equal ones share a request.
    """

    content_type = accept = "application/json"

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = dict(parameters)
        self._default_group = compact(self.parameters) if parameters else ""

    def parse(self, record: Record) -> Item:
        piece = _lone_inputs(record.body)
        if piece is not None:
            return Item(record, (piece,), self._default_group)
        body = load_record(record.body)
        if not isinstance(body, dict) or "inputs" not in body:
            raise MalformedRecordError('the body must be a JSON object with "inputs"')
        inputs, parameters = body["inputs"], body.get("parameters")
        if not isinstance(inputs, (str, dict)) or not inputs:
            raise MalformedRecordError('"inputs" must be a text or an object, and not empty')
        if parameters is not None and not isinstance(parameters, dict):
            raise MalformedRecordError('"parameters" must be an object')
        group_key = compact({**self.parameters, **parameters}) if parameters else self._default_group
        to_bytes(group_key)
        return Item(record, (to_bytes(compact(inputs)),), group_key)

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b'{"inputs":[', b",", f'],"parameters":{group_key}}}'.encode() if group_key else b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        results = load_response(body)
        if count == 1 and results != [] and not (isinstance(results, list) and len(results) == 1):
            return [results]  # some pipelines (question-answering, fill-mask) answer a single input without a list
        return listed(results)


def _lone_inputs(body: str) -> bytes | None:
    """Return the text of the value if the body is {"inputs": value} and nothing else, as most bodies are."""
    head = _INPUTS_FIRST.match(body)
    found = head and spliceable(body, head.end())
    if not head or not found:
        return None
    value, end = found
    if not isinstance(value, (str, dict)) or not value or not _NOTHING_ELSE.fullmatch(body, end):
        return None
    return to_bytes(body[head.end() : end])


class _AnyJson(Framed):
    """A format that accepts any JSON. Where it is safe, text is sent unchanged, so that numbers keep their spelling."""

    one_line = False
    """Whether a line break would end the payload."""

    def parse(self, record: Record) -> Item:
        text = record.body.strip(JSON_WHITESPACE)
        found = spliceable(text, 0)
        as_it_is = found and found[1] == len(text) and not (self.one_line and ("\n" in text or "\r" in text))
        return Item(record, (to_bytes(text if as_it_is else compact(load_record(record.body))),))


class InstancesCodec(_AnyJson):
    """TensorFlow Serving's format: JSON records; {"instances": [ … ]} requests; {"predictions": [ … ]}."""

    content_type = accept = "application/json"

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b'{"instances":[', b",", b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        response = load_response(body)
        if not isinstance(response, dict):
            raise UnexpectedResponseError('the response must be an object with "predictions"')
        return listed(response.get("predictions"))


class JsonLinesCodec(_AnyJson):
    """JSON records; one line per record in the request, one line per result in the response."""

    content_type = accept = "application/jsonlines"
    one_line = True

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b"\n"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return [load_response(line) for line in body.splitlines() if line.strip()]


class SingleCodec(Framed):
    """One record per request, its body unchanged; the response as JSON if it is JSON, otherwise as text."""

    content_type = accept = "application/json"
    max_records = 1

    def parse(self, record: Record) -> Item:
        if not record.body.strip():
            raise MalformedRecordError("the body must not be empty")
        return Item(record, (to_bytes(record.body),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"", b""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        try:
            return [load_response(body)]
        except UnexpectedResponseError:
            return [body.decode(errors="replace")]


def make(settings: HandlerSettings) -> Codec:
    """Return the configured codec."""
    makers: dict[str, Callable[[], Codec]] = {
        "huggingface": lambda: HuggingFaceCodec(settings.parameters),
        "instances": InstancesCodec,
        "jsonlines": JsonLinesCodec,
        "single": SingleCodec,
    }
    return makers[settings.codec]()
