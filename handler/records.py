"""SQS records in, exactly one end for each of them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict


class BatchItemFailure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda's poller reads: the records named here come again, every other one is deleted."""

    batchItemFailures: list[BatchItemFailure]


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the queue."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    source_arn: str


class Reason(StrEnum):
    """Why a record is dead-lettered; the dead letter's `reason` attribute."""

    MALFORMED = "malformed"
    """The body is not what the codec takes; the endpoint was not called."""
    TOO_LARGE = "too-large"
    """The record alone makes a request over the size limit."""
    MODEL_ERROR = "model-error"
    """The model refused the record."""
    UNPROCESSABLE = "unprocessable"
    """The model kept failing on the record until its last receive."""
    RESULT_TOO_LARGE = "result-too-large"
    """The result does not fit into a message."""


def read_records(event: Mapping[str, Any]) -> list[Record]:
    """Return the event's records; of a message that was delivered twice in one batch, the first."""
    records = {
        record["messageId"]: Record(
            message_id=record["messageId"],
            receipt_handle=record.get("receiptHandle", ""),
            body=record["body"],
            receive_count=int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
            source_arn=record.get("eventSourceARN", ""),
        )
        for record in reversed(event["Records"])
    }
    return list(reversed(records.values()))


class Ledger:
    """Which end each record reached. A record without one when the invocation is over is returned to the queue."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._open = {record.message_id: record for record in records}
        self.succeeded: list[str] = []
        self.dead_lettered: dict[str, list[str]] = {}
        self.returned: dict[str, list[str]] = {}

    def succeed(self, message_id: str) -> None:
        self._close(message_id)
        self.succeeded.append(message_id)

    def dead_letter(self, message_id: str, reason: str) -> None:
        self._close(message_id)
        self.dead_lettered.setdefault(reason, []).append(message_id)

    def give_back(self, message_id: str, why: str) -> None:
        self._close(message_id)
        self.returned.setdefault(why, []).append(message_id)

    def response(self) -> BatchResponse:
        returned = [message_id for ids in self.returned.values() for message_id in ids]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in (*returned, *self._open)]}

    def _close(self, message_id: str) -> None:
        if self._open.pop(message_id, None) is None:
            raise RuntimeError(f"record {message_id} reached two ends")
