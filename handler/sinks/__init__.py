"""Where records leave to: results and dead letters, each acknowledged before its record counts as done."""

from typing import Any

from handler.settings import HandlerSettings
from handler.sinks.calls import call
from handler.sinks.events import (
    ResultTooLargeError,
    accepted_event,
    dead_letter_entry,
    event,
    result_entry,
    result_event,
)
from handler.sinks.outbox import HELD, Entry, NotSentError, Outbox, Transport
from handler.sinks.sqs import SqsTransport

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


# Most cold starts need none of what the next two import.
def transport_for(settings: HandlerSettings, sqs: Any) -> Transport:
    """Return the way to the results' sink. Of the clients only those it needs are made: a cold start waits for each."""
    transport = _transport(settings, sqs)
    if settings.max_events_per_message > 1:
        from handler.sinks.packed import PackedTransport  # noqa: PLC0415

        transport = PackedTransport(transport, settings.max_events_per_message)
    if settings.overflow_location and settings.result_sink not in ("s3", "none"):
        from handler.sinks.overflow import OverflowTransport  # noqa: PLC0415

        return OverflowTransport(transport)
    return transport


def _transport(settings: HandlerSettings, sqs: Any) -> Transport:
    target = settings.result_target
    match settings.result_sink:
        case "sns":
            from handler.sinks.sns import SnsTransport  # noqa: PLC0415

            return SnsTransport(target)
        case "eventbridge":
            from handler.sinks.eventbridge import EventBridgeTransport  # noqa: PLC0415

            return EventBridgeTransport(target)
        case "s3":
            from handler.sinks.s3 import S3Transport  # noqa: PLC0415

            return S3Transport(target)
        case "none":
            from handler.sinks.nothing import NoTransport  # noqa: PLC0415

            return NoTransport()
        case _:
            return SqsTransport(sqs, target)
