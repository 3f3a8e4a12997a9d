"""The handler as the library knows it: its settings, bounds, codecs and files, reached through this module alone.

In the repository it is the package `handler` beside `constructs_lib`. In an installation it is inside of that one, as
`constructs_lib._handler`, so that nothing else is installed at top level, and a `handler` of the user's own is no
matter. Nor is it to a clone on the path, or to an editable installation: where `import handler` would find another one,
the one beside is loaded as if it were inside. A process has it under one of the two names, so each class is there once.
"""

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

INSIDE = "constructs_lib._handler"
BESIDE = Path(__file__).parents[2] / "handler" / "__init__.py"


def _is_inside() -> bool:
    """Whether the handler is inside of the package, or was put there. Raises ImportError if there is none."""
    if find_spec(INSIDE) is not None:
        return True
    if not BESIDE.is_file():
        raise ImportError(f"constructs_lib needs its package handler, and {BESIDE.parent} is not there")
    other = find_spec("handler")
    if other is not None and other.origin is not None and BESIDE.samefile(other.origin):
        return False
    spec = spec_from_file_location(INSIDE, BESIDE, submodule_search_locations=[str(BESIDE.parent)])
    assert spec is not None
    assert spec.loader is not None
    sys.modules[INSIDE] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[INSIDE])
    return True


INSTALLED = _is_inside()

if INSTALLED:
    from constructs_lib import _handler as handler
    from constructs_lib._handler import codecs, records, settings
else:
    import handler
    from handler import codecs, records, settings

HANDLER_PACKAGE = Path(handler.__file__).parent
"""Folder of what ships in the function's zip."""

ATTRIBUTE_NAME = settings.ATTRIBUTE_NAME
BODY_ENCODINGS = settings.BODY_ENCODINGS
BOUNDS = settings.BOUNDS
CHAT_STYLES = settings.CHAT_STYLES
CODECS = settings.CODECS
CORRELATION = settings.CORRELATION
ENVELOPES = settings.ENVELOPES
EVENT_MEMBERS = settings.EVENT_MEMBERS
EVENT_SOURCE = settings.EVENT_SOURCE
EVENT_TYPE = settings.EVENT_TYPE
IDEMPOTENCY_KEYS = settings.IDEMPOTENCY_KEYS
KIB = settings.KIB
LOCATION = settings.LOCATION
LOG_LEVELS = settings.LOG_LEVELS
MEMBER_NAME = settings.MEMBER_NAME
MIB = settings.MIB
OWN_CODEC = settings.OWN_CODEC
PACKED_SINKS = settings.PACKED_SINKS
RESULT_SINKS = settings.RESULT_SINKS
HandlerSettings = settings.HandlerSettings
codec_faults = settings.codec_faults
identity_faults = settings.identity_faults
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
codec_for = codecs.codec_for
Reason = records.Reason
Record = records.Record
Target = records.Target
