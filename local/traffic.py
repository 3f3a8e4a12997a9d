"""Sends messages, and at the same time receives their outcomes."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from local.aws import Aws
from local.messages import Message
from local.patterns import is_taken
from local.pipeline import DeployedChain, DeployedPipeline
from local.queues import Inbox, WorkQueue, batches
from local.sinks import ResultsInbox, results_inbox
from local.tally import Sent, Tally, read_dead_letter, read_results

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

SENDERS = 2
RESULT_RECEIVERS = 4
# A receiver waits so long for a message, and so takes up to so long to stop.
WAIT_SECONDS = 1
SETTLE_POLL_SECONDS = 0.1


class Traffic:
    """The messages between sending and outcome; a context manager that ends its threads."""

    def __init__(
        self, aws: Aws, chain: DeployedChain, messages: Sequence[Message], max_outstanding: int | None = None
    ) -> None:
        """By default all messages are sent as fast as the queue takes them."""
        self.tally = Tally()
        self._aws = aws
        self._batches = list(batches(messages))
        # With more than one sender, a group's messages would overtake each other.
        self._senders = 1 if chain.first.queue.fifo else SENDERS
        self._work = [WorkQueue(aws.sqs, pipeline.queue.url) for pipeline in chain.pipelines]
        self._results = [
            results_inbox(aws, pipeline.sink, partial(self._take_result, pipeline)) for pipeline in chain.last
        ]
        self._dead_letters = [
            Inbox(aws.sqs, pipeline.dead_letters.url, partial(self._take_dead_letter, pipeline))
            for pipeline in chain.pipelines
        ]
        self._max_outstanding = max_outstanding or len(messages)
        self._outstanding = 0
        self._arrived = 0
        self._changed = threading.Condition()
        """Guards the tally and the two counts."""
        self._stop = threading.Event()
        self._receivers = [
            *self._results * max(1, RESULT_RECEIVERS // max(1, len(self._results))),
            *self._dead_letters,
        ]
        self._pool = ThreadPoolExecutor(SENDERS + len(self._receivers), thread_name_prefix="traffic")
        self._sending: list[Future[None]] = []
        self._receiving: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Start sending and receiving."""
        for inbox in self._receivers:
            self._receiving.append(self._pool.submit(self._receive, inbox))
        for number in range(self._senders):
            self._sending.append(self._pool.submit(self._send, self._batches[number :: self._senders]))
        return self

    def __exit__(self, *_: object) -> None:
        """Let the threads stop; none is waited for, since the emulator may be gone or stuck."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def arrived(self) -> int:
        """Return how many messages have an outcome so far. Raises the error of a sender or receiver that failed."""
        for future in (*self._sending, *self._receiving):
            if future.done():
                future.result()
        with self._changed:
            return self._arrived

    def settle(self, seconds: float) -> int:
        """Wait until the queue is empty, but no longer than `seconds`, and receive what may come twice; return how many
        messages it still holds.

        A function that succeeded has sent its results before its messages are deleted, so nothing comes after that.
        """
        deadline = time.monotonic() + seconds
        while (left := self.messages_in_queue()) and time.monotonic() < deadline:
            time.sleep(SETTLE_POLL_SECONDS)
        self._stop.set()
        for future in self._receiving:
            future.result()
        for inbox in (*self._results, *self._dead_letters):
            inbox.drain()
            inbox.close()
        return left

    def messages_in_queue(self) -> int:
        """Return how many the work queues hold, received or not."""
        return sum(queue.count() for queue in self._work)

    def _send(self, own_batches: Sequence[Sequence[Message]]) -> None:
        for batch in own_batches:
            if not self._wait_for_room(len(batch)):
                return
            at = time.monotonic()
            sent = self._work[0].send(batch)
            with self._changed:
                for id_, message in sent:
                    self.tally.sent[id_] = Sent(at, message)
                    self._arrived += self.tally.came_back(id_)

    def _wait_for_room(self, more: int) -> bool:
        """Wait until so many more may be outstanding, and count them as such; return False if all is to stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stop.is_set() or self._outstanding + more <= max(self._max_outstanding, more)
            )
            self._outstanding += more
            self.tally.most_outstanding = max(self.tally.most_outstanding, self._outstanding)
        return not self._stop.is_set()

    def _receive(self, inbox: ResultsInbox) -> None:
        while not self._stop.is_set():
            inbox.receive(wait_seconds=WAIT_SECONDS)

    def _take_result(self, pipeline: DeployedPipeline, body: str, at: float) -> None:
        goes_on = partial(is_taken, self._aws, pipeline.followers)
        for id_, scored in read_results(body, at, pipeline.place, goes_on):
            with self._changed:
                self.tally.ends[pipeline.name] += 1
                own = replace(scored, pipeline=pipeline.name)
                self._count(id_, is_first=self.tally.add_scored(id_, own))

    def _take_dead_letter(self, pipeline: DeployedPipeline, message: "MessageTypeDef", at: float) -> None:
        id_, dead_letter = read_dead_letter(message, at, pipeline.place)
        with self._changed:
            self._count(id_, is_first=self.tally.add_dead_letter(id_, dead_letter))

    def _count(self, id_: str, *, is_first: bool) -> None:
        if is_first:
            self._outstanding -= 1
            self._arrived += id_ in self.tally.sent
            self._changed.notify_all()
