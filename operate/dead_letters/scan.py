"""A bounded look through a dead-letter queue: each letter is held while it lasts, and given back at its end.

SQS has no way to look at a message without receiving it, so a scan has effects:

* each letter's receive count goes up by one. Where the dead-letter queue has a dead-letter queue itself, that could
  move letters on, so such a queue is refused.
* for as long as the scan lasts, nobody else receives a letter that it holds, another desk's scan included: two
  operators never act on the same letter. A scan that is killed gives its letters back after `HOLD_SECONDS`.
* of a FIFO queue's message group nothing more is received while one of its messages is held, so a scan sees the first
  ten of a group at most (https://repost.aws/knowledge-center/sqs-fifo-messages-not-returned).
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import UsageError
from ..pipelines import QueueFacts
from .letter import DeadLetter

HOLD_SECONDS = 300
"""Seconds for which SQS hides a letter from others once it is received."""
MARGIN_SECONDS = 30
"""Nothing is done any more with a letter that is hidden for less than that."""
WAIT_SECONDS = 1
"""A receive that waits asks all of SQS's servers, where one that does not may miss letters."""
PAGE = 10
"""SQS: most messages of one receive, and entries of one batch."""
DEFAULT_MOST = 10_000


class Scan:
    """Letters of a queue, each once; a context manager that gives back those that were not deleted."""

    def __init__(self, sqs: Any, queue: QueueFacts, most: int = DEFAULT_MOST) -> None:
        """`most` letters are looked at. Raises UsageError if to look at them could move them on."""
        if queue.redrives_to:
            raise UsageError(
                f"{queue.name} has a redrive policy of its own: each look counts as one of {queue.max_receive_count} "
                "receives, after which SQS moves a letter on; take that policy away first"
            )
        self._sqs, self._queue, self._most = sqs, queue, most
        # Receipt handle, and when it ends; no bodies, of which thousands may be of 1 MiB each.
        self._held: dict[str, tuple[str, float]] = {}
        self._seen: set[str] = set()
        self.complete = False
        """Whether it ended since the queue gave no more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.release()
            return
        with contextlib.suppress(BotoCoreError, ClientError):  # they come back by themselves; the first error counts
            self.release()

    @property
    def seen(self) -> int:
        return len(self._seen)

    @property
    def at_bound(self) -> bool:
        return len(self._seen) >= self._most

    def letters(self) -> Iterator[DeadLetter]:
        """Yield each letter once, until the queue gives none, or the bound is reached."""
        stale = 0
        while not self.at_bound and stale * PAGE <= self._most:
            page = self._receive(min(PAGE, self._most - len(self._seen)))
            if not page:
                self.complete = True
                return
            fresh = [letter for letter in page if letter.id not in self._seen]
            self._seen.update(letter.id for letter in fresh)
            yield from fresh
            # Letters come back where the scan lasts longer than they are hidden; they are out of the way again now.
            stale = 0 if fresh else stale + 1

    def is_held(self, letter: DeadLetter) -> bool:
        """Whether nobody else can have received it meanwhile."""
        _, until = self._held.get(letter.id, ("", 0.0))
        return time.monotonic() < until - MARGIN_SECONDS

    def delete(self, letter: DeadLetter) -> None:
        """Delete a letter that is held."""
        handle, _ = self._held[letter.id]
        self._sqs.delete_message(QueueUrl=self._queue.url, ReceiptHandle=handle)
        del self._held[letter.id]

    def release(self) -> None:
        """Give back what is held; one whose time is over is left: by now another desk may hold it."""
        now = time.monotonic()
        handles = [handle for handle, until in self._held.values() if now < until]
        self._held.clear()
        for start in range(0, len(handles), PAGE):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + PAGE])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._queue.url, Entries=entries)

    def _receive(self, most: int) -> list[DeadLetter]:
        until = time.monotonic() + HOLD_SECONDS
        answer = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=HOLD_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        page = [DeadLetter.of(message) for message in answer.get("Messages", [])]
        self._held.update((letter.id, (letter.receipt_handle, until)) for letter in page)
        return page


def effects(scan: Scan, queue: QueueFacts) -> str:
    """Return what the scan did to the letters that it looked at, and what it can't have seen."""
    did = f"Each was received once more and hidden for as long as this took, {HOLD_SECONDS} s at most."
    if queue.fifo:
        did += " Of a message group no more than its first ten can be seen."
    if scan.at_bound:
        did += f" The scan ended at its bound, {scan.seen:,} letters: there may be more (--scan N)."
    if queue.in_flight:
        did += f" Before it, {queue.in_flight:,} were hidden: another desk, or a consumer, had them."
    return did
