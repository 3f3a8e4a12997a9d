"""A codec of the user's own, named as `module:function`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from json import dumps
from typing import Any

from ..records import Record
from ..settings import ConfigurationError, HandlerSettings
from .base import Codec, CodecError, Item, MalformedRecordError, Payload, UnexpectedResponseError

_METHODS = {
    "parse": ("record", "payload"),
    "overhead": ("group_key",),
    "encode": ("items",),
    "decode": ("body", "content_type", "items"),
}


class OwnCodec:
    """Turns any exception of the user's codec into an error that concerns only the records at hand."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.content_type = codec.content_type
        self.accept = codec.accept
        self.max_records = codec.max_records

    def parse(self, record: Record, payload: Payload) -> Item:
        with _failing_as(CodecError, passing=(CodecError, MalformedRecordError)):
            item: Any = self._codec.parse(record, payload)
            if not _is_item_of(record, item):
                raise TypeError("parse must return an Item of its record, with bytes as parts and a text as group_key")
            self.overhead(item.group_key)  # here, so that its failure concerns only this record
        checked: Item = item
        return checked

    def overhead(self, group_key: str) -> int:
        with _failing_as(CodecError, passing=(CodecError,)):
            overhead: Any = self._codec.overhead(group_key)
            if not isinstance(overhead, int):
                raise TypeError("overhead must return a whole number")
        return int(overhead)

    def encode(self, items: Sequence[Item]) -> bytes:
        with _failing_as(CodecError, passing=(CodecError,)):
            body: Any = self._codec.encode(items)
            if not isinstance(body, bytes):
                raise TypeError("encode must return bytes")
        return bytes(body)

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        with _failing_as(UnexpectedResponseError, passing=(UnexpectedResponseError,)):
            results = self._codec.decode(body, content_type, items)
            if isinstance(results, (list, tuple)):
                dumps(results, allow_nan=False)  # otherwise it would fail in the sink, together with other results
        return results


def make(settings: HandlerSettings) -> Codec:
    """Call the user's function. Raises ConfigurationError if it does not return a codec."""
    name = settings.codec
    function = _function(name)
    try:
        codec = function(settings)
    except Exception as error:
        raise ConfigurationError(f"codec {name}: the function failed: {_said(error)}") from error
    faults = list(_faults(codec))
    if faults:
        raise ConfigurationError(f"codec {name}: what the function returned has no usable {', '.join(faults)}")
    return OwnCodec(codec)


def _function(name: str) -> Callable[[HandlerSettings], Any]:
    module_name, _, function_name = name.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:
        raise ConfigurationError(f"codec {name}: can't import {module_name}: {_said(error)}") from error
    function = getattr(module, function_name, None)
    if function is None:
        raise ConfigurationError(f"codec {name}: {module_name} has no {function_name}")
    if not callable(function):
        raise ConfigurationError(f"codec {name}: {function_name} can't be called")
    called: Callable[[HandlerSettings], Any] = function
    return called


def _faults(codec: object) -> Iterator[str]:
    for name in ("content_type", "accept"):
        if not isinstance(getattr(codec, name, None), str):
            yield f"{name} (a text)"
    max_records = getattr(codec, "max_records", None)
    if not isinstance(max_records, int) or max_records < 1:
        yield "max_records (1 or more)"
    for name, arguments in _METHODS.items():
        if not _takes(getattr(codec, name, None), len(arguments)):
            yield f"{name}({', '.join(arguments)})"


def _takes(method: Any, arguments: int) -> bool:
    """Whether a method can be called with so many arguments; those of an earlier interface can't."""
    if not callable(method):
        return False
    try:
        signature(method).bind(*[None] * arguments)
    except TypeError:
        return False
    except ValueError:  # a built-in function that shows no signature
        return True
    return True


def _is_item_of(record: Record, item: object) -> bool:
    return (
        isinstance(item, Item)
        and item.record is record
        and isinstance(item.group_key, str)
        and isinstance(item.content_type, str)
        and isinstance(item.parts, tuple)
        and bool(item.parts)
        and all(isinstance(part, bytes) for part in item.parts)
    )


@contextmanager
def _failing_as(error_type: type[Exception], passing: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except passing:
        raise
    except Exception as error:
        raise error_type(f"the codec failed: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
