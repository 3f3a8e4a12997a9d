"""Overflow: results that are too large for the sink are put to S3, and the event has their location."""

from collections.abc import Mapping, Sequence

from ..clients import new_client, split_location
from .calls import call
from .outbox import Entry, NotSentError, Transport


class OverflowTransport:
    """Puts the entries' overflow to S3, and then lets another transport send the entries."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._client = new_client("s3")
        self.name, self.flush_policy = transport.name, transport.flush_policy
        self.max_entries, self.max_batch_bytes = transport.max_entries, transport.max_batch_bytes
        self.max_entry_bytes = transport.max_entry_bytes
        self.size = transport.size

    def send(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        errors = {entry.message_id: error for entry in entries if (error := self._put_overflow(entry))}
        ready = [entry for entry in entries if entry.message_id not in errors]
        return {**errors, **self._transport.send(ready)} if ready else errors

    def _put_overflow(self, entry: Entry) -> str | None:
        if entry.overflow is None:
            return None
        bucket, key = split_location(entry.overflow.location)
        body = entry.overflow.text.encode()
        try:
            call(
                entry.overflow.location,
                self._client.put_object,
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
            )
        except NotSentError as error:
            return str(error)
        return None
