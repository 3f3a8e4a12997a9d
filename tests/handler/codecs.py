"""Codecs by name, and request bodies that they encode."""

from typing import Any

from handler.codecs import codec_for
from handler.records import Record
from handler.settings import HandlerSettings

TENSOR = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2.5]}


def make_codec(name: str) -> Any:
    return codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec=name))


def record_of(body: str) -> Record:
    return Record("m", "r", body, 1, "arn")


def encoded(codec: str, *bodies: str) -> bytes:
    named = make_codec(codec)
    body: bytes = named.encode([named.parse(record_of(text)) for text in bodies])
    return body
