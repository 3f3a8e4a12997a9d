"""Codecs: each encodes many records as one request body, and decodes one response into as many results."""

from importlib import import_module

from ..settings import HandlerSettings
from .base import (
    Codec,
    CodecError,
    Framed,
    Item,
    MalformedRecordError,
    Payload,
    RecordFailure,
    RequestTooLargeError,
    UnexpectedResponseError,
    read_results,
)

__all__ = [
    "Codec",
    "CodecError",
    "Framed",
    "Item",
    "MalformedRecordError",
    "Payload",
    "RecordFailure",
    "RequestTooLargeError",
    "UnexpectedResponseError",
    "codec_for",
    "read_results",
]

_HOMES = {
    "huggingface": "json_formats",
    "instances": "json_formats",
    "jsonlines": "json_formats",
    "single": "json_formats",
    "csv": "csv_formats",
    "csv-row": "csv_formats",
    "kserve": "kserve",
    "chat": "chat",
}


def codec_for(settings: HandlerSettings) -> Codec:
    """Return the configured codec. Only its own module is imported. Raises ConfigurationError if it is not usable."""
    home = _HOMES.get(settings.codec, "own")
    codec: Codec = import_module(f"{__name__}.{home}").make(settings)
    codec.content_type = settings.content_type or codec.content_type
    codec.accept = settings.accept or codec.accept
    if settings.send_lone_record_twice:
        from .doubled import Doubled  # noqa: PLC0415

        return Doubled(codec)
    return codec
