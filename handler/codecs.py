"""Many payloads to one request body, and one response back to as many results."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from handler.records import Record
from handler.settings import HandlerSettings


class MalformedRecordError(ValueError):
    """The body is not what the codec takes."""


class UnexpectedResponseError(ValueError):
    """The response is not one result per record, so no result can be told to belong to a record."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record ready to be sent."""

    record: Record
    payload: bytes
    share: str = ""
    """Only items with the same value may share a request."""


class Codec(Protocol):
    """A container's request and response format."""

    content_type: str
    accept: str
    max_records: int
    """Most records that one request can hold."""

    def parse(self, record: Record) -> Item:
        """Check a record before the endpoint is called. Raises MalformedRecordError."""

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        """Return what stands before, between and after the payloads of a request."""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        """Return one result per record. Raises UnexpectedResponseError."""


NO_LIMIT = 1_000_000


class HuggingFaceCodec:
    """{"inputs": …} records; {"inputs": [ … ], "parameters": { … }} requests; a list of results.

    A record's own `parameters` win over the configured ones; only equal ones share a request.
    """

    content_type = accept = "application/json"
    max_records = NO_LIMIT

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = dict(parameters)
        self._default_share = _compact(self.parameters) if parameters else ""

    def parse(self, record: Record) -> Item:
        body = _load_record(record.body)
        if not isinstance(body, dict) or "inputs" not in body:
            raise MalformedRecordError('the body must be a JSON object with "inputs"')
        inputs, parameters = body["inputs"], body.get("parameters")
        if not isinstance(inputs, (str, dict)) or not inputs:
            raise MalformedRecordError('"inputs" must be a text or an object, and not empty')
        if parameters is not None and not isinstance(parameters, dict):
            raise MalformedRecordError('"parameters" must be an object')
        share = _compact({**self.parameters, **parameters}) if parameters else self._default_share
        _encode(share)
        return Item(record, _encode(_compact(inputs)), share)

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        return b'{"inputs":[', b",", f'],"parameters":{share}}}'.encode() if share else b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return _checked(_load_response(body), count)


class InstancesCodec:
    """TensorFlow Serving's format: JSON records; {"instances": [ … ]} requests; {"predictions": [ … ]}."""

    content_type = accept = "application/json"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        return Item(record, _encode(_compact(_load_record(record.body))))

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        return b'{"instances":[', b",", b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        response = _load_response(body)
        if not isinstance(response, dict):
            raise UnexpectedResponseError('the response must be an object with "predictions"')
        return _checked(response.get("predictions"), count)


class JsonLinesCodec:
    """JSON records; a line each in the request; a line each in the response."""

    content_type = accept = "application/jsonlines"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        return Item(record, _encode(_compact(_load_record(record.body))))

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b"\n"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return _checked([_load_response(line) for line in body.splitlines() if line.strip()], count)


class CsvCodec:
    """One CSV row a record; a row or, as XGBoost answers, a field each in the response."""

    content_type = accept = "text/csv"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        row = record.body.strip("\r\n")
        if not row.strip():
            raise MalformedRecordError("the body must be a CSV row, and not empty")
        if "\n" in row or "\r" in row:
            raise MalformedRecordError("the body must be one CSV row, without line breaks")
        return Item(record, _encode(row))

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        try:
            rows = [line.split(",") for line in body.decode().splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise UnexpectedResponseError(f"the response is not UTF-8: {error}") from error
        if len(rows) == 1 and count > 1:
            rows = [[field] for field in rows[0]]
        return [_numbers(row) for row in _checked(rows, count)]


class SingleCodec:
    """One record a request, its body as it is; the response as JSON where it is JSON, else as text."""

    content_type = accept = "application/json"
    max_records = 1

    def parse(self, record: Record) -> Item:
        if not record.body.strip():
            raise MalformedRecordError("the body must not be empty")
        return Item(record, _encode(record.body))

    def frame(self, share: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"", b""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        try:
            return [_load_response(body)]
        except UnexpectedResponseError:
            return [body.decode(errors="replace")]


def codec_for(settings: HandlerSettings) -> Codec:
    """Return the configured codec."""
    makers: dict[str, Callable[[], Codec]] = {
        "huggingface": lambda: HuggingFaceCodec(settings.parameters),
        "instances": InstancesCodec,
        "jsonlines": JsonLinesCodec,
        "csv": CsvCodec,
        "single": SingleCodec,
    }
    return makers[settings.codec]()


def encode(codec: Codec, items: Sequence[Item]) -> bytes:
    """Return the request body of one micro-batch."""
    before, between, after = codec.frame(items[0].share)
    return before + between.join([item.payload for item in items]) + after


def _load_record(body: str) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"the body is not JSON: {error}") from error


def _load_response(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponseError(f"the response is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedRecordError(f"the body is not valid Unicode: {error.reason}") from error


def _checked(results: Any, count: int) -> Sequence[Any]:
    if not isinstance(results, list):
        raise UnexpectedResponseError("the response must hold a list of results")
    if len(results) != count:
        raise UnexpectedResponseError(f"{len(results)} results came back for {count} records")
    return results


def _numbers(row: list[str]) -> Any:
    try:
        values: list[Any] = [float(field) for field in row]
    except ValueError:
        values = [field.strip() for field in row]
    return values[0] if len(values) == 1 else values
