"""Formats whose records are CSV rows."""

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Any

from ..records import Record
from ..settings import HandlerSettings
from .base import Codec, Framed, Item, MalformedRecordError, UnexpectedResponseError, to_bytes


class CsvCodec(Framed):
    """One CSV row per record, and one per result; plain numbers in the response become numbers."""

    content_type = accept = "text/csv"

    def parse(self, record: Record) -> Item:
        row = record.body.strip("\r\n")
        if not row.strip():
            raise MalformedRecordError("the body must be a CSV row, and not empty")
        if "\n" in row or "\r" in row:
            raise MalformedRecordError("the body must be one CSV row, without line breaks")
        return Item(record, (to_bytes(row),))

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        return [_numbers(row) for row in _rows(body)]


class CsvRowCodec(CsvCodec):
    """Requests as in `csv`; the response is one row with a field for each record, as from some XGBoost containers."""

    def decode(self, body: bytes, count: int) -> Sequence[Any]:
        rows = _rows(body)
        if len(rows) != 1:
            raise UnexpectedResponseError(f"the response must be one CSV row, not {len(rows)}")
        return [_numbers([field]) for field in rows[0]]


def make(settings: HandlerSettings) -> Codec:
    """Return the configured codec."""
    return CsvRowCodec() if settings.codec == "csv-row" else CsvCodec()


def _rows(body: bytes) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnexpectedResponseError(f"the response is not CSV in UTF-8: {error}") from error


PLAIN_NUMBER = re.compile(r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*")


def _numbers(row: Sequence[str]) -> Any:
    """Return the fields; plain numbers become numbers (`007` and `nan` do not), and a single field needs no list."""
    values = [_number(field) if PLAIN_NUMBER.fullmatch(field) else field.strip() for field in row]
    return values[0] if len(values) == 1 else values


def _number(field: str) -> int | float | str:
    """Return a whole number as an int, any other as a float, and a number that no float can hold as text."""
    try:
        return int(field)
    except ValueError:
        number = float(field)
        return field.strip() if math.isinf(number) else number
