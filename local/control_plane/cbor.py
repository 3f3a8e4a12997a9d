"""CBOR (RFC 8949), as far as the protocol Smithy RPC v2 needs it."""

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html: a timestamp is epoch seconds with this tag.
EPOCH_SECONDS = 1
UNSIGNED, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, OTHER = range(8)
FALSE, TRUE, NULL, UNDEFINED = 20, 21, 22, 23
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
INDEFINITE = 31
BREAK = 0xFF


def encode(value: Any) -> bytes:
    """Return the value of mappings, lists, texts, bytes, numbers, booleans, moments and None as CBOR."""
    match value:
        case None | bool():
            encoded = bytes([OTHER << 5 | {None: NULL, True: TRUE, False: FALSE}[value]])
        case int():
            encoded = _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
        case float():
            encoded = bytes([OTHER << 5 | 27]) + struct.pack(">d", value)
        case str():
            encoded = _head(TEXT, len(value.encode())) + value.encode()
        case bytes():
            encoded = _head(BYTES, len(value)) + value
        case datetime():
            encoded = _head(TAG, EPOCH_SECONDS) + encode(value.timestamp())
        case Mapping():
            encoded = _head(MAP, len(value)) + b"".join(encode(part) for item in value.items() for part in item)
        case _:
            encoded = _head(LIST, len(value)) + b"".join(map(encode, value))
    return encoded


def decode(content: bytes) -> Any:
    """Return the value that the CBOR says. Raises ValueError if it is cut off or not CBOR."""
    try:
        return _Reader(content).value()
    except (LookupError, RecursionError, struct.error, TypeError) as error:
        raise ValueError(f"not CBOR: {error}") from error


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = next(size for size in range(4) if number < 1 << 8 * 2**size)
    return bytes([kind << 5 | 24 + size]) + number.to_bytes(2**size)


class _Reader:
    """Reads one value after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self) -> Any:
        kind, more = divmod(self._take(1)[0], 32)
        if kind == OTHER:
            return self._other(more)
        number = self._number(more, kind)
        if kind in (UNSIGNED, NEGATIVE):
            return number if kind == UNSIGNED else -1 - (number or 0)
        if kind in (BYTES, TEXT):
            content = b"".join(self._chunks()) if number is None else self._take(number)
            return content.decode() if kind == TEXT else content
        if kind == LIST:
            return list(self._items(number))
        if kind == MAP:
            return {key: self.value() for key in self._items(number)}
        return self._tagged(number)

    def _number(self, more: int, kind: int) -> int | None:
        """Return the number in a head, None for a length that only the end will tell."""
        if more < 24:
            return more
        if more < 28:
            return int.from_bytes(self._take(2 ** (more - 24)))
        if more != INDEFINITE or kind not in (BYTES, TEXT, LIST, MAP):
            raise ValueError(f"not CBOR: the head {kind << 5 | more:#x}")
        return None

    def _other(self, more: int) -> Any:
        if more in FLOATS:
            return struct.unpack(FLOATS[more], self._take(struct.calcsize(FLOATS[more])))[0]
        return {FALSE: False, TRUE: True, NULL: None, UNDEFINED: None}[more]

    def _tagged(self, tag: int | None) -> Any:
        value = self.value()
        return datetime.fromtimestamp(value, UTC) if tag == EPOCH_SECONDS else value

    def _items(self, number: int | None) -> Iterator[Any]:
        if number is not None:
            for _ in range(number):
                yield self.value()
            return
        while self._content[self._at] != BREAK:
            yield self.value()
        self._at += 1

    def _chunks(self) -> Iterator[bytes]:
        for chunk in self._items(None):
            yield chunk.encode() if isinstance(chunk, str) else chunk

    def _take(self, number: int) -> bytes:
        if self._at + number > len(self._content):
            raise IndexError("it is cut off")
        self._at += number
        return self._content[self._at - number : self._at]
