"""Redrive: dead letters are sent to the work queue again, each sent first and deleted then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from ..errors import DeskError
from ..pipelines import QueueFacts
from ..text import printable
from .edit import EditFailedError, edited
from .journal import Journal, Mark, Step
from .letter import DeadLetter
from .scan import Scan

# SQS's words for what is wrong with one message; with any other answer the next letter would fare no better.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html#API_SendMessage_Errors
OF_THE_MESSAGE = ("InvalidMessageContents", "InvalidParameterValue", "MissingParameter")
NEVER_ARRIVED = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)


class Outcome(StrEnum):
    """The end of a letter."""

    REDRIVEN = "redriven"
    FINISHED = "sent by an earlier redrive that was cut off, and deleted now"
    IN_DOUBT = "in doubt: an earlier redrive was cut off while it was sent"
    EDIT_FAILED = "left alone: the edit failed"
    REFUSED = "left alone: the work queue refused it"
    BEHIND = "left alone: behind one of its message group that was left alone"
    TOO_LATE = "left alone: it was held for too long"
    FAILED_AGAIN = "left alone: this redrive sent it, and it failed again"

    @property
    def is_done(self) -> bool:
        return self in (Outcome.REDRIVEN, Outcome.FINISHED)


@dataclass(kw_only=True)
class Redrive:
    """Takes letters of a scan, one after the other: a group's keep their order."""

    scan: Scan
    sqs: Any
    """A client that sends once: a second attempt of its own would be a second message."""
    work: QueueFacts
    journal: Journal
    edit: Sequence[str] = ()
    again: bool = False
    """Whether to send also what is in doubt."""
    explain: Callable[[str], None] = print
    """Takes a line about a letter that is left alone."""
    _stopped_groups: set[str] = field(default_factory=set)
    _sent: set[str] = field(default_factory=set)
    """Ids of the messages that it sent: one that fails at once comes back while the scan lasts, and would go round."""

    def take(self, letter: DeadLetter) -> Outcome:
        """Redrive one letter. Raises DeskError if SQS can't be reached, or refuses more than this message."""
        if letter.source_id in self._sent:
            return Outcome.FAILED_AGAIN
        if self.work.fifo and letter.group in self._stopped_groups:
            return Outcome.BEHIND
        outcome = self._take(letter)
        if not outcome.is_done:
            self._stopped_groups.add(letter.group)
        return outcome

    def would(self, letter: DeadLetter) -> Outcome:
        """Return what would become of it, without sending or deleting; the edit is tried."""
        mark = self.journal.mark_of(letter.id)
        if mark and mark.step is Step.SENT:
            return Outcome.FINISHED
        if mark and self._is_in_doubt(mark):
            return Outcome.IN_DOUBT
        return Outcome.REDRIVEN if self._edited(letter) is not None else Outcome.EDIT_FAILED

    def _take(self, letter: DeadLetter) -> Outcome:
        mark = self.journal.mark_of(letter.id)
        if mark and mark.step is Step.SENT:
            self.scan.delete(letter)
            return Outcome.FINISHED
        if mark and self._is_in_doubt(mark):
            self.explain(f"{letter.id}: whether it was sent is not known; --again sends it, purge --id deletes it")
            return Outcome.IN_DOUBT
        body = self._edited(letter)
        if body is None:
            return Outcome.EDIT_FAILED
        if not self.scan.is_held(letter):
            return Outcome.TOO_LATE
        if not self._send(letter, body):
            return Outcome.REFUSED
        self.scan.delete(letter)
        return Outcome.REDRIVEN

    def _is_in_doubt(self, mark: Mark) -> bool:
        return mark.in_doubt(fifo=self.work.fifo) and not self.again

    def _edited(self, letter: DeadLetter) -> str | None:
        """Return the body to send; None if the edit failed."""
        try:
            return edited(self.edit, letter.body) if self.edit else letter.body
        except EditFailedError as error:
            self.explain(f"{letter.id}: {error}")
            return None

    def _send(self, letter: DeadLetter, body: str) -> bool:
        """Return whether SQS took it; the journal knows before and after."""
        self.journal.write(letter.id, Step.SENDING)
        try:
            sent = self.sqs.send_message(QueueUrl=self.work.url, **letter.as_message(body, fifo=self.work.fifo))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise _unknown(letter, error) from error
            self.journal.write(letter.id, Step.NOT_SENT)
            if not any(code in error.response["Error"]["Code"] for code in OF_THE_MESSAGE):
                raise
            self.explain(f"{letter.id}: {printable(str(error.response['Error'].get('Message', '')), 300)}")
            return False
        except NEVER_ARRIVED:
            self.journal.write(letter.id, Step.NOT_SENT)
            raise
        except BotoCoreError as error:
            raise _unknown(letter, error) from error
        self._sent.add(sent["MessageId"])
        self.journal.write(letter.id, Step.SENT)
        return True


def _unknown(letter: DeadLetter, error: Exception) -> DeskError:
    said = printable(str(error), 300)
    return DeskError(f"stopped: whether {letter.id} was sent is not known, so it is left alone, in doubt: {said}")
