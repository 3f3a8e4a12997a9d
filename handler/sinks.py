"""Where records leave to: results and dead letters, each acknowledged before its record counts as done."""

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handler.records import Reason, Record
from handler.settings import ConfigurationError

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576
# Attribute values must not be empty, and long details help nobody.
MAX_DETAIL_CHARACTERS = 512
RETRIES = 2
RETRY_DELAY_SECONDS = 0.1
EVENT_TYPE = "sagemaker.inference.result"
_NO_SUCH_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to send; its id is the source message's, so that a second delivery can be told."""

    message_id: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes as SQS counts them: body, and names, types and values of the attributes."""
        attributes = (len(name) + len("String") + len(value.encode()) for name, value in self.attributes.items())
        return len(self.body.encode()) + sum(attributes)


def result_entry(record: Record, endpoint_name: str, result: Any) -> Entry:
    """Return the result as a CloudEvent 1.0 in structured JSON."""
    event = {
        "specversion": "1.0",
        "id": record.message_id,
        "source": record.source_arn,
        "type": EVENT_TYPE,
        "subject": record.message_id,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"endpoint": endpoint_name, "result": result},
    }
    # Escaped, because a model may answer with halves of surrogate pairs, which no message can hold as they are.
    return Entry(record.message_id, json.dumps(event, separators=(",", ":")))


def dead_letter_entry(record: Record, endpoint_name: str, reason: Reason, detail: str) -> Entry:
    """Return the record's own body, unchanged, with the reason as attributes."""
    attributes = {
        "reason": reason.value,
        "detail": _printable(detail)[:MAX_DETAIL_CHARACTERS] or "-",
        "sourceMessageId": record.message_id,
        "endpoint": endpoint_name,
        "receiveCount": str(record.receive_count),
    }
    return Entry(record.message_id, record.body, attributes)


class Outbox:
    """Gathers entries into batches and sends them in the background; `close` tells what was acknowledged."""

    def __init__(self, client: Any, queue_url: str, pool: ThreadPoolExecutor, until: float) -> None:
        """`until` is the moment of the monotonic clock after which nothing is sent, nor an acknowledgement awaited."""
        self._client = client
        self._queue_url = queue_url
        self._pool = pool
        self._until = until
        self._gathered: list[Entry] = []
        self._gathered_bytes = 0
        self._sent: dict[Future[dict[str, str]], list[Entry]] = {}
        self.abandoned = False
        """Whether a call was left behind; its thread is still busy, so make a new pool."""

    def add(self, entry: Entry) -> None:
        """Take an entry of at most MAX_BATCH_BYTES."""
        size = entry.size
        if self._gathered_bytes + size > MAX_BATCH_BYTES:
            self._flush()
        self._gathered.append(entry)
        self._gathered_bytes += size
        if len(self._gathered) == MAX_ENTRIES:
            self._flush()

    def close(self) -> Iterator[tuple[Entry, str | None]]:
        """Send what is left; yield each entry with None once acknowledged, or with the error it failed with.

        Raises ConfigurationError if the queue does not exist or may not be sent to.
        """
        self._flush()
        _, late = wait(self._sent, timeout=max(0.0, self._until - time.monotonic()))
        self.abandoned = bool(late)
        for future, entries in self._sent.items():
            if future in late:
                yield from ((entry, "no acknowledgement in time") for entry in entries)
            else:
                errors = future.result()
                yield from ((entry, errors.get(entry.message_id)) for entry in entries)

    def _flush(self) -> None:
        if self._gathered:
            self._sent[self._pool.submit(self._send, self._gathered)] = self._gathered
            self._gathered, self._gathered_bytes = [], 0

    def _send(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Send one batch, what failed in it again; return the errors of what still failed, by message id."""
        errors = dict.fromkeys((entry.message_id for entry in entries), "no time left to send it")
        for attempt in range(1 + RETRIES):
            pause = random.uniform(0, 2 * RETRY_DELAY_SECONDS * 2 ** (attempt - 1)) if attempt else 0.0
            if time.monotonic() + pause >= self._until:
                break
            time.sleep(pause)
            errors = self._send_once(entries)
            entries = [entry for entry in entries if entry.message_id in errors]
            if not entries:
                break
        return errors

    def _send_once(self, entries: Sequence[Entry]) -> dict[str, str]:
        batch = [_batch_entry(str(number), entry) for number, entry in enumerate(entries)]
        try:
            response = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=batch)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status in (401, 403) or error.response.get("Error", {}).get("Code") in _NO_SUCH_QUEUE:
                raise ConfigurationError(f"{self._queue_url}: {error}") from error
            return {entry.message_id: str(error) for entry in entries}
        except BotoCoreError as error:
            return {entry.message_id: str(error) for entry in entries}
        acknowledged = {answer["Id"] for answer in response.get("Successful", [])}
        reasons = {
            answer["Id"]: f"{answer['Code']}: {answer.get('Message', '')}" for answer in response.get("Failed", [])
        }
        return {
            entry.message_id: reasons.get(str(number), "not acknowledged")
            for number, entry in enumerate(entries)
            if str(number) not in acknowledged
        }


def _batch_entry(id_: str, entry: Entry) -> dict[str, Any]:
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in entry.attributes.items()}
    return {"Id": id_, "MessageBody": entry.body, **({"MessageAttributes": attributes} if attributes else {})}


def _printable(text: str) -> str:
    """Return the text without what SQS refuses in an attribute."""
    return "".join(c if c.isprintable() else " " for c in text).encode("utf-8", "replace").decode()
