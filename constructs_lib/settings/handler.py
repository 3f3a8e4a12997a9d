"""The handler as the library knows it: its settings, bounds, codecs and files, reached through this module alone.

In the repository it is the package `handler` beside `constructs_lib`. In an installation it is inside of that one, as
`constructs_lib._handler`, so that nothing else is installed at top level, and a `handler` of the user's own is no
matter. A process imports it under one of the two names, so each of its classes is there once.
"""

from importlib.util import find_spec
from pathlib import Path

INSTALLED = find_spec("constructs_lib._handler") is not None


def _require_own(beside: Path) -> None:
    """Raise ImportError if `import handler` would find another one than that of the repository."""
    spec = find_spec("handler")
    found = spec.origin if spec else None
    if found is None or not Path(found).samefile(beside / "__init__.py"):
        raise ImportError(
            f"constructs_lib needs its own package handler, {beside}, but `import handler` finds {found or 'none'}: "
            "rename that one, or install the library, which then brings its own (pip install .)"
        )


if INSTALLED:
    from constructs_lib import _handler as handler
    from constructs_lib._handler import codecs, records, settings
else:
    _require_own(Path(__file__).parents[2] / "handler")
    import handler
    from handler import codecs, records, settings

HANDLER_PACKAGE = Path(handler.__file__).parent
"""Folder of what ships in the function's zip."""

BOUNDS = settings.BOUNDS
CODECS = settings.CODECS
KIB = settings.KIB
LOCATION = settings.LOCATION
LOG_LEVELS = settings.LOG_LEVELS
MIB = settings.MIB
OWN_CODEC = settings.OWN_CODEC
PACKED_SINKS = settings.PACKED_SINKS
RESULT_SINKS = settings.RESULT_SINKS
HandlerSettings = settings.HandlerSettings
codec_faults = settings.codec_faults
request_timeout_seconds = settings.request_timeout_seconds

Codec = codecs.Codec
CodecError = codecs.CodecError
Framed = codecs.Framed
Item = codecs.Item
MalformedRecordError = codecs.MalformedRecordError
Payload = codecs.Payload
RecordFailure = codecs.RecordFailure
RequestTooLargeError = codecs.RequestTooLargeError
UnexpectedResponseError = codecs.UnexpectedResponseError
Record = records.Record
Target = records.Target
