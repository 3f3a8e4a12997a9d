"""Many payloads to one request body, and one response back to as many results."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from handler.records import Record, Target
from handler.settings import HandlerSettings


class MalformedRecordError(ValueError):
    """The body is not what the codec takes."""


class UnexpectedResponseError(ValueError):
    """The response is not one result per record, so no result can be told to belong to a record."""


class CodecError(RuntimeError):
    """A codec of the user's own failed."""


class RequestTooLargeError(ValueError):
    """The request body came out larger than its parts let expect."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record ready to be sent."""

    record: Record
    parts: tuple[bytes, ...]
    """What it adds to a request body: one piece for most formats, one for each tensor in others."""
    group_key: str = ""
    """Only items with the same value may share a request."""
    target: Target = Target()
    """Which model behind the endpoint; only items with the same may share a request."""

    @property
    def size(self) -> int:
        """Bytes of its parts."""
        return sum(map(len, self.parts))


class Codec(Protocol):
    """A container's request and response format."""

    content_type: str
    accept: str
    max_records: int
    """Most records that one request can hold."""

    def parse(self, record: Record) -> Item:
        """Check a record before the endpoint is called. Raises MalformedRecordError."""

    def overhead(self, group_key: str) -> int:
        """Return the most bytes that a request has besides its items' parts and a separator for each but the first."""

    def encode(self, items: Sequence[Item]) -> bytes:
        """Return the body of a request for one or more items with the same group key."""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        """Return one result per record. Raises UnexpectedResponseError."""


NO_LIMIT = 1_000_000


class _Framed:
    """A format whose requests are: something before, the payloads with something between, something after."""

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b""

    def overhead(self, group_key: str) -> int:
        before, _, after = self.frame(group_key)
        return len(before) + len(after)

    def encode(self, items: Sequence[Item]) -> bytes:
        before, between, after = self.frame(items[0].group_key)
        return before + between.join([item.parts[0] for item in items]) + after


class HuggingFaceCodec(_Framed):
    """{"inputs": …} records; {"inputs": [ … ], "parameters": { … }} requests; a list of results.

    A record's own `parameters` win over the configured ones; only equal ones share a request.
    """

    content_type = accept = "application/json"
    max_records = NO_LIMIT

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = dict(parameters)
        self._default_group = _compact(self.parameters) if parameters else ""

    def parse(self, record: Record) -> Item:
        body = _load_record(record.body)
        if not isinstance(body, dict) or "inputs" not in body:
            raise MalformedRecordError('the body must be a JSON object with "inputs"')
        inputs, parameters = body["inputs"], body.get("parameters")
        if not isinstance(inputs, (str, dict)) or not inputs:
            raise MalformedRecordError('"inputs" must be a text or an object, and not empty')
        if parameters is not None and not isinstance(parameters, dict):
            raise MalformedRecordError('"parameters" must be an object')
        group_key = _compact({**self.parameters, **parameters}) if parameters else self._default_group
        _encode(group_key)
        return Item(record, (_encode(_compact(inputs)),), group_key)

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b'{"inputs":[', b",", f'],"parameters":{group_key}}}'.encode() if group_key else b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        results = _load_response(body)
        if count == 1 and results != [] and not (isinstance(results, list) and len(results) == 1):
            return [results]  # some pipelines (question-answering, fill-mask) take a lone input out of its list
        return _checked(results, count)


class InstancesCodec(_Framed):
    """TensorFlow Serving's format: JSON records; {"instances": [ … ]} requests; {"predictions": [ … ]}."""

    content_type = accept = "application/json"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        return Item(record, (_encode(_compact(_load_record(record.body))),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b'{"instances":[', b",", b"]}"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        response = _load_response(body)
        if not isinstance(response, dict):
            raise UnexpectedResponseError('the response must be an object with "predictions"')
        return _checked(response.get("predictions"), count)


class JsonLinesCodec(_Framed):
    """JSON records; a line each in the request; a line each in the response."""

    content_type = accept = "application/jsonlines"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        return Item(record, (_encode(_compact(_load_record(record.body))),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b"\n"

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return _checked([_load_response(line) for line in body.splitlines() if line.strip()], count)


class CsvCodec(_Framed):
    """One CSV row a record; a row each in the response, its plain numbers as numbers."""

    content_type = accept = "text/csv"
    max_records = NO_LIMIT

    def parse(self, record: Record) -> Item:
        row = record.body.strip("\r\n")
        if not row.strip():
            raise MalformedRecordError("the body must be a CSV row, and not empty")
        if "\n" in row or "\r" in row:
            raise MalformedRecordError("the body must be one CSV row, without line breaks")
        return Item(record, (_encode(row),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return [_numbers(row) for row in _checked(_rows(body), count)]


class CsvRowCodec(CsvCodec):
    """As `csv`, but the response is one row with a field for each record, as some XGBoost containers answer."""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        rows = _rows(body)
        if len(rows) != 1:
            raise UnexpectedResponseError(f"the response must be one CSV row, not {len(rows)}")
        return [_numbers([field]) for field in _checked(rows[0], count)]


class SingleCodec(_Framed):
    """One record a request, its body as it is; the response as JSON where it is JSON, else as text."""

    content_type = accept = "application/json"
    max_records = 1

    def parse(self, record: Record) -> Item:
        if not record.body.strip():
            raise MalformedRecordError("the body must not be empty")
        return Item(record, (_encode(record.body),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
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
        "csv-row": CsvRowCodec,
        "single": SingleCodec,
    }
    return makers[settings.codec]()


def _load_record(body: str) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"the body is not JSON: {error}") from error


def _load_response(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponseError(f"the response is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of a number's range")
    return number


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


def _rows(body: bytes) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnexpectedResponseError(f"the response is not CSV in UTF-8: {error}") from error


PLAIN_NUMBER = re.compile(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*")


def _numbers(row: Sequence[str]) -> Any:
    """Return the fields, plain numbers as numbers (`007` and `nan` are none), a lone field without its list."""
    values = [_number(field) if PLAIN_NUMBER.fullmatch(field) else field.strip() for field in row]
    return values[0] if len(values) == 1 else values


def _number(field: str) -> int | float | str:
    """Return a whole number as it is, any other as a float, and as text what a float can't hold."""
    try:
        return int(field)
    except ValueError:
        number = float(field)
        return field.strip() if math.isinf(number) else number
