"""Results to a topic."""

from collections.abc import Sequence
from typing import Any

from handler.clients import new_client
from handler.sinks.calls import call, errors_by_id, fifo_fields, string_attributes
from handler.sinks.events import attribute_bytes, text_bytes
from handler.sinks.outbox import Entry, Leaves


class SnsTransport:
    """Sends to a topic; where its ARN says FIFO, with group and deduplication id."""

    name = "an SNS message"
    # SNS: PublishBatch takes 10 entries, and 256 KiB in all, attributes included.
    max_entries = 10
    max_batch_bytes = max_entry_bytes = 262_144
    leaves = Leaves.FULL

    def __init__(self, topic_arn: str) -> None:
        self._client = new_client("sns")
        self._topic_arn = topic_arn
        self._fifo = topic_arn.endswith(".fifo")

    def size(self, entry: Entry) -> int:
        return text_bytes(entry.body) + attribute_bytes(entry.attributes)

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        batch = [self._as_message(str(number), entry) for number, entry in enumerate(entries)]
        answer = call(
            self._topic_arn, self._client.publish_batch, TopicArn=self._topic_arn, PublishBatchRequestEntries=batch
        )
        return errors_by_id(self._topic_arn, entries, answer)

    def _as_message(self, id_: str, entry: Entry) -> dict[str, Any]:
        fifo = fifo_fields(entry) if self._fifo else {}
        return {"Id": id_, "Message": entry.body, **string_attributes(entry), **fifo}
