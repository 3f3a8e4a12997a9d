"""Transport to an SQS queue, for results and dead letters."""

from collections.abc import Sequence
from typing import Any

from .calls import batch_ids, call, errors_by_id, fair_fields, fifo_fields, message_attributes
from .events import MAX_BYTES, entry_bytes
from .outbox import Entry, FlushPolicy


class SqsTransport:
    """Sends to a queue; if it is a FIFO queue, with message group and deduplication id."""

    name = "an SQS message"
    max_entries = 10
    max_batch_bytes = max_entry_bytes = MAX_BYTES
    flush_policy = FlushPolicy.FULL

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._fifo = queue_url.endswith(".fifo")

    def size(self, entry: Entry) -> int:
        return entry_bytes(entry)

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        ids = batch_ids(entries)
        batch = [self._as_message(id_, entry) for id_, entry in zip(ids, entries, strict=True)]
        answer = call(self._queue_url, self._client.send_message_batch, QueueUrl=self._queue_url, Entries=batch)
        return errors_by_id(self._queue_url, ids, entries, answer)

    def _as_message(self, id_: str, entry: Entry) -> dict[str, Any]:
        message = {"Id": id_, "MessageBody": entry.body, **message_attributes(entry, has_custom_types=True)}
        if entry.trace_header:
            trace = {"DataType": "String", "StringValue": entry.trace_header}
            message["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
        return {**message, **(fifo_fields(entry) if self._fifo else fair_fields(entry))}
