"""Results to a bucket."""

import hashlib
from collections.abc import Sequence

from handler.clients import new_client, split_location
from handler.sinks.calls import call
from handler.sinks.events import text_bytes
from handler.sinks.outbox import Entry, Leaves


class S3Transport:
    """Puts one object per batch; its key comes of what is in it, so that a second PUT overwrites the first."""

    name = "an S3 object"
    # Lambda: an SQS event source hands over 10,000 records at most. S3: PutObject takes 5 GiB.
    max_entries = 10_000
    max_batch_bytes = 8 * 1024**2
    max_entry_bytes = 5 * 1024**3
    leaves = Leaves.TOGETHER

    def __init__(self, location: str) -> None:
        self._client = new_client("s3")
        self._location = location
        self._bucket, self._prefix = split_location(location)

    def size(self, entry: Entry) -> int:
        return text_bytes(entry.body) + 1

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        ids = "\n".join(sorted(entry.message_id for entry in entries))
        call(
            self._location,
            self._client.put_object,
            Bucket=self._bucket,
            Key=f"{self._prefix}{hashlib.sha256(ids.encode()).hexdigest()[:32]}.jsonl",
            Body="".join(f"{entry.body}\n" for entry in entries).encode(),
            ContentType="application/x-ndjson",
        )
        return {}
