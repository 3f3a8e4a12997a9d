"""Requests for containers that can't take one record: a lone one is sent twice."""

from collections.abc import Sequence
from typing import Any

from ..records import Record
from .base import Codec, Item, Payload, read_results


class Doubled:
    """Another codec, whose requests with one item have that item twice; the first of both results counts."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.content_type, self.accept, self.max_records = codec.content_type, codec.accept, codec.max_records
        self.batch_size = getattr(codec, "batch_size", None)

    def parse(self, record: Record, payload: Payload) -> Item:
        return self._codec.parse(record, payload)

    def overhead(self, group_key: str) -> int:
        return self._codec.overhead(group_key)

    def encode(self, items: Sequence[Item]) -> bytes:
        return self._codec.encode(_sent(items))

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        results = read_results(self._codec, body, content_type, _sent(items))
        return results[: len(items)]


def _sent(items: Sequence[Item]) -> Sequence[Item]:
    """Return the items of a request; one that must be alone (a chat) is not doubled."""
    return [items[0], items[0]] if len(items) == 1 and not items[0].alone else items
