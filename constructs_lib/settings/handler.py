"""The handler as the library knows it: its settings, its bounds and its files, reached through this module alone."""

from pathlib import Path

import handler
from handler.settings import (
    BODY_ENCODINGS,
    BOUNDS,
    CODECS,
    ENVELOPES,
    KIB,
    LOCATION,
    LOG_LEVELS,
    MIB,
    OWN_CODEC,
    PACKED_SINKS,
    RESULT_SINKS,
    HandlerSettings,
    codec_faults,
    request_timeout_seconds,
)

__all__ = [
    "BODY_ENCODINGS",
    "BOUNDS",
    "CODECS",
    "ENVELOPES",
    "HANDLER_PACKAGE",
    "KIB",
    "LOCATION",
    "LOG_LEVELS",
    "MIB",
    "OWN_CODEC",
    "PACKED_SINKS",
    "RESULT_SINKS",
    "HandlerSettings",
    "codec_faults",
    "request_timeout_seconds",
]

HANDLER_PACKAGE = Path(handler.__file__).parent
"""Folder of what ships in the function's zip."""
