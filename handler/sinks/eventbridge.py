"""Results to a bus."""

from collections.abc import Sequence
from typing import Any

from handler.clients import new_client
from handler.sinks.calls import NO_WORD, call, refusal
from handler.sinks.events import EVENT_TYPE, text_bytes
from handler.sinks.outbox import Entry, Leaves

# Rules match on it; "aws." is not ours to begin with.
SOURCE = EVENT_TYPE.rpartition(".")[0]


class EventBridgeTransport:
    """Sends to a bus; the event's detail is the whole CloudEvent."""

    name = "an EventBridge event"
    # EventBridge: PutEvents takes 10 entries, and less than 1 MB in all.
    max_entries = 10
    max_batch_bytes = max_entry_bytes = 1_000_000 - 1
    leaves = Leaves.FULL

    def __init__(self, bus: str) -> None:
        self._client = new_client("events")
        self._bus = bus

    def size(self, entry: Entry) -> int:
        """Bytes as EventBridge's user guide counts them: source, detail type, detail and resources."""
        return len(SOURCE) + len(entry.event_type) + text_bytes(entry.body) + text_bytes(entry.source_arn)

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        answer = call(self._bus, self._client.put_events, Entries=[self._as_event(entry) for entry in entries])
        results = [*answer.get("Entries", ()), *[{}] * len(entries)]
        return {
            entry.message_id: refusal(self._bus, result.get("ErrorCode", NO_WORD), result.get("ErrorMessage", ""))
            for entry, result in zip(entries, results, strict=False)
            if not result.get("EventId")
        }

    def _as_event(self, entry: Entry) -> dict[str, Any]:
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": entry.event_type,
            "Detail": entry.body,
            "Resources": [entry.source_arn] if entry.source_arn else [],
            **({"TraceHeader": entry.trace_header} if entry.trace_header else {}),
        }
