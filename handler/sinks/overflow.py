"""Results that are too large for the sink: to S3, with an event that says where."""

from collections.abc import Mapping, Sequence

from ..clients import new_client, split_location
from .calls import call
from .outbox import Entry, NotSentError, Transport


class OverflowTransport:
    """Puts to S3 what goes aside, then lets another transport send."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._client = new_client("s3")
        self.name, self.flush_policy = transport.name, transport.flush_policy
        self.max_entries, self.max_batch_bytes = transport.max_entries, transport.max_batch_bytes
        self.max_entry_bytes = transport.max_entry_bytes
        self.size = transport.size

    def send(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        errors = {entry.message_id: error for entry in entries if (error := self._put_aside(entry))}
        ready = [entry for entry in entries if entry.message_id not in errors]
        return {**errors, **self._transport.send(ready)} if ready else errors

    def _put_aside(self, entry: Entry) -> str | None:
        if entry.aside is None:
            return None
        bucket, key = split_location(entry.aside.location)
        body = entry.aside.text.encode()
        try:
            call(
                entry.aside.location,
                self._client.put_object,
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
            )
        except NotSentError as error:
            return str(error)
        return None
