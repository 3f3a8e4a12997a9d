"""Sinks for results and dead letters: a record is done only when its sink has acknowledged it."""

from typing import Any

from ..settings import HandlerSettings
from .calls import call, read
from .events import (
    ResultTooLargeError,
    accepted_event,
    dead_letter_entry,
    pointer_entry,
    result_entry,
    result_event,
    result_head,
)
from .outbox import HELD, Entry, NotSentError, Outbox, Transport
from .sqs import SqsTransport

__all__ = [
    "HELD",
    "Entry",
    "NotSentError",
    "Outbox",
    "ResultTooLargeError",
    "SqsTransport",
    "Transport",
    "accepted_event",
    "call",
    "dead_letter_entry",
    "pointer_entry",
    "read",
    "result_entry",
    "result_event",
    "result_head",
    "transport_for",
]


def transport_for(settings: HandlerSettings, sqs: Any) -> Transport:
    """Return the transport to the results' sink. Only the modules and clients it needs are loaded."""
    transport = _transport(settings, sqs)
    if settings.max_events_per_message > 1:
        from .packed import PackedTransport  # noqa: PLC0415

        transport = PackedTransport(transport, settings.max_events_per_message)
    if settings.overflow_location and settings.result_sink not in ("s3", "none"):
        from .overflow import OverflowTransport  # noqa: PLC0415

        return OverflowTransport(transport)
    return transport


def _transport(settings: HandlerSettings, sqs: Any) -> Transport:
    target = settings.result_target
    if settings.result_sink == "sqs":
        return SqsTransport(sqs, target)
    from . import transports  # noqa: PLC0415

    match settings.result_sink:
        case "sns":
            return transports.SnsTransport(target)
        case "eventbridge":
            return transports.EventBridgeTransport(target)
        case "s3":
            return transports.S3Transport(target)
        case _:
            return transports.NoTransport()
