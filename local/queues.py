"""The queues of a run: messages are sent to one, and received from the others."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalRunError
from local.messages import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

# SQS: SendMessageBatch takes 10 entries, and 1 MiB in all.
MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576


class WorkQueue:
    """The queue that messages are sent to."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, batch: Sequence[Message]) -> list[tuple[str, Message]]:
        """Send up to ten messages; return them with their ids, in order. Raises LocalRunError if one is refused."""
        entries: Any = [_entry(number, message) for number, message in enumerate(batch)]
        with as_run_error("sending"):
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        if failed := answer.get("Failed"):
            raise LocalRunError(f"the queue refused a message: {failed[0]['Code']}: {failed[0].get('Message', '')}")
        accepted = sorted(answer["Successful"], key=lambda entry: int(entry["Id"]))
        return [(entry["MessageId"], batch[int(entry["Id"])]) for entry in accepted]

    def count(self) -> int:
        """Return how many messages it holds, received or not."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))


class Inbox:
    """A queue that is emptied: each message is handed to `take`, with the moment it came, and deleted."""

    def __init__(self, sqs: "SQSClient", url: str, take: Callable[["MessageTypeDef", float], None]) -> None:
        self._sqs = sqs
        self._url = url
        self._take = take

    def receive(self, *, wait_seconds: int) -> int:
        """Return how many messages were received; wait so long for the first."""
        with as_run_error("receiving"):
            messages = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MAX_ENTRIES,
                WaitTimeSeconds=wait_seconds,
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            at = time.monotonic()
            for message in messages:
                self._take(message, at)
            if messages:
                self._delete(messages)
        return len(messages)

    def drain(self) -> None:
        """Receive what is there already."""
        while self.receive(wait_seconds=0):
            pass

    def close(self) -> None:
        """Leave the queue as it is: it is the stack's."""

    def _delete(self, messages: "Sequence[MessageTypeDef]") -> None:
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield the messages in batches that SQS takes in one call."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        added = len(message.text.encode())
        if len(batch) == MAX_ENTRIES or size + added > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += added
    if batch:
        yield batch


def _entry(number: int, message: Message) -> dict[str, str]:
    entry = {"Id": str(number), "MessageBody": message.text}
    if not message.group:
        return entry
    # The same text twice is two messages here, although the queue may treat equal bodies as duplicates.
    return {**entry, "MessageGroupId": message.group, "MessageDeduplicationId": f"{uuid4()}"}


@contextlib.contextmanager
def as_run_error(action: str) -> Iterator[None]:
    """Raise LocalRunError for an error of AWS's, naming what was done."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LocalRunError(f"{action} failed: {error}") from error
