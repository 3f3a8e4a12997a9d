"""One dead letter: why it is there, and the message that a redrive makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from constructs_lib.settings.handler import Reason

MOVED_BY_SQS = "none"
"""Stands for the reason of a letter that has none: SQS itself moved it when its receives were used up."""
REASONS = (*(reason.value for reason in Reason), MOVED_BY_SQS)
# What the handler writes onto a dead letter (`handler.sinks.events.dead_letter_entry`). All else is the message's own.
# `sourceMessageId` stays on what is redriven: without it nobody could tell which message it once was.
WRITTEN_BY_HANDLER = ("reason", "detail", "endpoint", "receiveCount")
SOURCE_ID = "sourceMessageId"
TRACE_HEADER = "AWSTraceHeader"


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message of the dead-letter queue, as it was received."""

    id: str
    """SQS's message id; it stays the same with each receive."""
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    """Message attributes, as SQS gives them: `DataType`, and `StringValue` or `BinaryValue`."""
    system: Mapping[str, str]
    """System attributes: when it was sent, how often received, its message group."""
    receipt_handle: str

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        return cls(
            id=message["MessageId"],
            body=message["Body"],
            attributes=message.get("MessageAttributes", {}),
            system=message.get("Attributes", {}),
            receipt_handle=message["ReceiptHandle"],
        )

    @property
    def written_by_handler(self) -> bool:
        """Whether `reason` is the handler's word; of a letter that SQS moved it would be the sender's own attribute.

        Beside the body of a message near 1 MiB there may be room for the reason alone.
        """
        is_reason = self.text("reason") in REASONS and self.text("reason") != MOVED_BY_SQS
        return is_reason and (SOURCE_ID in self.attributes or len(self.attributes) == 1)

    @property
    def reason(self) -> str:
        """One of `REASONS`."""
        return self.text("reason") if self.written_by_handler else MOVED_BY_SQS

    @property
    def detail(self) -> str:
        """Words of the handler, or of the model's container; never printed as they are."""
        return self.text("detail") if self.written_by_handler else ""

    @property
    def source_id(self) -> str:
        """Id of the message that was sent; SQS leaves a letter that it moves its id."""
        return self.text(SOURCE_ID) if self.written_by_handler and SOURCE_ID in self.attributes else self.id

    @property
    def group(self) -> str:
        """The message group: of a FIFO queue, or of a fair one."""
        return self.system.get("MessageGroupId", "")

    @property
    def sent_at(self) -> float:
        """Seconds since the epoch when SQS took it; a standard queue keeps the time of the message that it moved."""
        return int(self.system.get("SentTimestamp", 0)) / 1000

    @property
    def receives(self) -> int:
        return int(self.system.get("ApproximateReceiveCount", 0))

    def text(self, name: str) -> str:
        """Return a text attribute; empty without one."""
        return str(self.attributes.get(name, {}).get("StringValue", ""))

    def own_attributes(self) -> dict[str, dict[str, Any]]:
        """Return the attributes that a redriven message has: the original's, and which message it once was."""
        written = WRITTEN_BY_HANDLER if self.written_by_handler else ()
        kept = ("DataType", "StringValue", "BinaryValue")
        return {
            name: {part: value[part] for part in kept if part in value}
            for name, value in self.attributes.items()
            if name not in written
        }

    def as_message(self, body: str, *, fifo: bool) -> dict[str, Any]:
        """Return the arguments of SendMessage that send it again with this body.

        To a FIFO queue it goes under a deduplication id of its own: for five minutes SQS drops a second one
        (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
        """
        arguments: dict[str, Any] = {"MessageBody": body}
        if attributes := self.own_attributes():
            arguments["MessageAttributes"] = attributes
        if trace := self.system.get(TRACE_HEADER):
            arguments["MessageSystemAttributes"] = {TRACE_HEADER: {"DataType": "String", "StringValue": trace}}
        if fifo:
            arguments["MessageGroupId"] = self.group or self.id
            arguments["MessageDeduplicationId"] = f"redrive-{self.id}"
        elif self.group:
            arguments["MessageGroupId"] = self.group
        return arguments
