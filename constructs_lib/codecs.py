"""Interface, records and errors for codecs of your own, outside of the function: for mypy and for unit tests.

The function's zip holds the handler alone, under the name `handler`; elsewhere it is inside of this package. A codec
runs in both places, so it imports

    try:
        from constructs_lib.codecs import Framed, Item, MalformedRecordError, Record
    except ImportError:  # in the function
        from handler.codecs import Framed, Item, MalformedRecordError  # type: ignore[import-not-found,no-redef]
        from handler.records import Record  # type: ignore[import-not-found,no-redef]

In each place there is one of the two, so an `Item` is the handler's own `Item` in both.
"""

from constructs_lib.settings.handler import (
    Codec,
    CodecError,
    Framed,
    HandlerSettings,
    Item,
    MalformedRecordError,
    Payload,
    Record,
    RecordFailure,
    RequestTooLargeError,
    Target,
    UnexpectedResponseError,
    codec_for,
)

__all__ = [
    "Codec",
    "CodecError",
    "Framed",
    "HandlerSettings",
    "Item",
    "MalformedRecordError",
    "Payload",
    "Record",
    "RecordFailure",
    "RequestTooLargeError",
    "Target",
    "UnexpectedResponseError",
    "codec_for",
]
