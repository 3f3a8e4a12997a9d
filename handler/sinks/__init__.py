"""Where records leave to: results and dead letters, each acknowledged before its record counts as done."""

from typing import Any

from handler.settings import HandlerSettings
from handler.sinks.calls import call
from handler.sinks.events import accepted_event, dead_letter_entry, event, result_event
from handler.sinks.outbox import HELD, Entry, NotSentError, Outbox, Transport
from handler.sinks.overflow import OverflowTransport, ResultTooLargeError, result_entry
from handler.sinks.transports import (
    EventBridgeTransport,
    NoTransport,
    S3Transport,
    SnsTransport,
    SqsTransport,
)

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
    "event",
    "result_entry",
    "result_event",
    "transport_for",
]


def transport_for(settings: HandlerSettings, sqs: Any) -> Transport:
    """Return the way to the results' sink. Of the clients only those it needs are made: a cold start waits for each."""
    transport = _transport(settings, sqs)
    overflows = settings.overflow_location and settings.result_sink not in ("s3", "none")
    return OverflowTransport(transport) if overflows else transport


def _transport(settings: HandlerSettings, sqs: Any) -> Transport:
    target = settings.result_target
    match settings.result_sink:
        case "sns":
            return SnsTransport(target)
        case "eventbridge":
            return EventBridgeTransport(target)
        case "s3":
            return S3Transport(target)
        case "none":
            return NoTransport()
        case _:
            return SqsTransport(sqs, target)
