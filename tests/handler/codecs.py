"""Codecs by name, and request bodies that they encode."""

from typing import Any

from handler.codecs import Item, Payload, codec_for
from handler.records import Record
from handler.settings import HandlerSettings

TENSOR = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2.5]}


def make_codec(name: str) -> Any:
    return codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec=name))


def parse(codec: Any, body: str) -> Any:
    """Return the item of a message with this body."""
    return codec.parse(record_of(body), Payload(body))


def items_of(count: int) -> list[Item]:
    """Return items for an answer to so many records."""
    return [Item(record_of(""), ())] * count


def record_of(body: str) -> Record:
    return Record("m", "r", body, 1, "arn")


def encoded(codec: str, *bodies: str) -> bytes:
    named = make_codec(codec)
    body: bytes = named.encode([parse(named, text) for text in bodies])
    return body
