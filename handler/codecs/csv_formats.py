"""Formats whose records are CSV rows."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from ..records import Record
from ..settings import HandlerSettings
from .base import Codec, Framed, Item, MalformedRecordError, Payload, UnexpectedResponseError, to_bytes

# Characters at which some container or other ends a row: those of Python's str.splitlines, and NUL, at which parsers
# in C end a text. In a shared request, such a row would shift the results of the rows behind it.
_LINE_BREAKS = re.compile("[\0\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PLAIN_NUMBER = re.compile(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*")


class CsvCodec(Framed):
    """One CSV row a record; a row each in the response, its plain numbers as numbers."""

    content_type = accept = "text/csv"

    def __init__(self, header: str = "") -> None:
        self._frame = f"{header}\n".encode() if header else b"", b"\n", b""

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return self._frame

    def parse(self, record: Record, payload: Payload) -> Item:
        row = payload.text.strip("\r\n")
        if not row.strip():
            raise MalformedRecordError("the body must be a CSV row, and not empty")
        if found := _LINE_BREAKS.search(row):
            raise MalformedRecordError(f"the body must be one CSV row, without line breaks; it has {found[0]!a}")
        if '"' in row and not _is_closed(row):
            raise MalformedRecordError("the body must be one CSV row; a quoted field has no end")
        return Item(record, (to_bytes(row),))

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        return [_numbers(row) for row in _rows(body)]


class CsvRowCodec(CsvCodec):
    """As `csv`, but the response is one row with a field for each record, as some XGBoost containers answer."""

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        rows = _rows(body)
        if len(rows) != 1:
            raise UnexpectedResponseError(f"the response must be one CSV row, not {len(rows)}")
        return [_numbers([field]) for field in rows[0]]


def make(settings: HandlerSettings) -> Codec:
    """Return the configured one."""
    codec = CsvRowCodec if settings.codec == "csv-row" else CsvCodec
    return codec(settings.csv_header)


def _is_closed(row: str) -> bool:
    """Whether every quoted field has its end, both for parsers that count quotes and for strict ones."""
    try:
        return row.count('"') % 2 == 0 and len(list(csv.reader([row], strict=True))) == 1
    except csv.Error:
        return False


def _rows(body: bytes) -> list[list[str]]:
    """Return the rows that are not empty. Raises UnexpectedResponseError if the response, or a row of it, is JSON.

    A bare number is both JSON and a row; it is taken for a row.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnexpectedResponseError(f"the response is not CSV in UTF-8: {error}") from error
    if kind := _json_kind(text):
        raise UnexpectedResponseError(f"the response must be CSV, and is {kind}")
    for line in text.split("\n"):
        if kind := _json_kind(line):
            raise UnexpectedResponseError(f"a row of the response must be CSV, and is {kind}")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise UnexpectedResponseError(f"the response is not CSV: {error}") from error


def _json_kind(text: str) -> str | None:
    """Return the kind of JSON that a text is, or begins as; None if it is none, or a number."""
    text = text.strip()
    if text.startswith("{"):
        return "a JSON object"
    if text.startswith("["):
        return "a JSON list"
    if text == "null":
        return "JSON null"
    if text.startswith('"'):
        try:
            json.loads(text)
        except ValueError:
            return None
        return "a JSON text"
    return None


def _numbers(row: Sequence[str]) -> Any:
    """Return the fields, plain numbers as numbers (`007` and `nan` are not), a lone field without its list."""
    values = [_number(field) if _PLAIN_NUMBER.fullmatch(field) else field.strip() for field in row]
    return values[0] if len(values) == 1 else values


def _number(field: str) -> int | float | str:
    """Return a whole number as it is, any other as a float, and as text if a float can't hold it."""
    try:
        return int(field)
    except ValueError:
        number = float(field)
        return field.strip() if math.isinf(number) else number
