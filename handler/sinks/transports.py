"""Transports to the other sinks: SNS, EventBridge, S3, and none."""

import hashlib
import sys
from collections.abc import Sequence
from typing import Any

from ..clients import new_client, split_location
from ..settings import EVENT_SOURCE
from .calls import (
    NO_WORD,
    batch_ids,
    call,
    errors_by_id,
    fair_fields,
    fifo_fields,
    members,
    message_attributes,
    refusal,
)
from .events import entry_bytes, text_bytes
from .outbox import Entry, FlushPolicy, NotSentError


class SnsTransport:
    """Sends to a topic; if it is a FIFO topic, with message group and deduplication id."""

    name = "an SNS message"
    # SNS: PublishBatch takes 10 entries, and 256 KiB in all, attributes included.
    max_entries = 10
    max_batch_bytes = max_entry_bytes = 262_144
    flush_policy = FlushPolicy.FULL

    def __init__(self, topic_arn: str) -> None:
        self._client = new_client("sns")
        self._topic_arn = topic_arn
        self._fifo = topic_arn.endswith(".fifo")

    def size(self, entry: Entry) -> int:
        return entry_bytes(entry)

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        ids = batch_ids(entries)
        batch = [self._as_message(id_, entry) for id_, entry in zip(ids, entries, strict=True)]
        answer = call(
            self._topic_arn, self._client.publish_batch, TopicArn=self._topic_arn, PublishBatchRequestEntries=batch
        )
        return errors_by_id(self._topic_arn, ids, entries, answer)

    def _as_message(self, id_: str, entry: Entry) -> dict[str, Any]:
        group = fifo_fields(entry) if self._fifo else fair_fields(entry)
        return {"Id": id_, "Message": entry.body, **message_attributes(entry, has_custom_types=False), **group}


class EventBridgeTransport:
    """Sends to a bus; the event's detail is the whole CloudEvent."""

    name = "an EventBridge event"
    # EventBridge: PutEvents takes 10 entries, and less than 1 MB in all.
    max_entries = 10
    max_batch_bytes = max_entry_bytes = 1_000_000 - 1
    flush_policy = FlushPolicy.FULL

    def __init__(self, bus: str) -> None:
        self._client = new_client("events")
        self._bus = bus

    def size(self, entry: Entry) -> int:
        """Number of bytes as EventBridge's user guide counts them: source, detail type, detail and resources."""
        return len(EVENT_SOURCE) + len(entry.event_type) + text_bytes(entry.body) + text_bytes(entry.source_arn)

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        answer = call(self._bus, self._client.put_events, Entries=[self._as_event(entry) for entry in entries])
        results = members(answer, "Entries")
        if len(results) != len(entries):  # they have no ids, so that only their number shows whose answer it is
            raise NotSentError(f"{self._bus}: {NO_WORD}")
        return {
            entry.message_id: refusal(self._bus, result, "ErrorCode", "ErrorMessage")
            for entry, result in zip(entries, results, strict=True)
            if not result.get("EventId")
        }

    def _as_event(self, entry: Entry) -> dict[str, Any]:
        return {
            "EventBusName": self._bus,
            "Source": EVENT_SOURCE,
            "DetailType": entry.event_type,
            "Detail": entry.body,
            "Resources": [entry.source_arn] if entry.source_arn else [],
            **({"TraceHeader": entry.trace_header} if entry.trace_header else {}),
        }


class S3Transport:
    """Puts one object per batch. Its key is a hash of the events' ids, so that a repeated PUT overwrites the first."""

    name = "an S3 object"
    # Lambda: at most 10,000 records in an SQS event. S3: at most 5 GiB in a PutObject.
    max_entries = 10_000
    max_batch_bytes = 8 * 1024**2
    max_entry_bytes = 5 * 1024**3
    flush_policy = FlushPolicy.TOGETHER

    def __init__(self, location: str) -> None:
        self._client = new_client("s3")
        self._location = location
        self._bucket, self._prefix = split_location(location)

    def size(self, entry: Entry) -> int:
        return text_bytes(entry.body) + 1

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        ids = "\n".join(sorted(entry.event_id for entry in entries))
        call(
            self._location,
            self._client.put_object,
            Bucket=self._bucket,
            Key=f"{self._prefix}{hashlib.sha256(ids.encode()).hexdigest()[:32]}.jsonl",
            Body="".join(f"{entry.body}\n" for entry in entries).encode(),
            ContentType="application/x-ndjson",
        )
        return {}


class NoTransport:
    """Acknowledges everything."""

    name = "nothing"
    max_entries = max_batch_bytes = max_entry_bytes = sys.maxsize
    flush_policy = FlushPolicy.FULL

    def size(self, entry: Entry) -> int:
        return 0

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        return {}
