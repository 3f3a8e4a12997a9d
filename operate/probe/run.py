"""A probe under way: messages are sent at a rate, and each one's outcome is noted as it comes."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..clients import Clients
from ..dead_letters.letter import DeadLetter
from ..dead_letters.scan import Scan
from ..display import Display
from ..errors import DeskError
from ..interrupt import Interrupt
from ..pipelines import QueueFacts
from .mark import ATTRIBUTE, Mark
from .watchers import Watcher

BATCH = 10
SENDERS, RECEIVERS = 8, 4
TICK_SECONDS = 0.1
GROUPS = 10
"""Message groups of a probe on a FIFO queue."""


@dataclass(frozen=True)
class Died:
    """A message of the probe that became a dead letter."""

    at: float
    letter: DeadLetter


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds for which outcomes are waited for, from when all messages are on their way."""

    quiet_seconds: float
    """At most without a further one."""
    whole_seconds: float = float("inf")
    """At most in all."""

    def is_over(self, started: float, quiet_since: float) -> bool:
        now = time.monotonic()
        return now - quiet_since > self.quiet_seconds or now - started > self.whole_seconds


@dataclass(kw_only=True)
class Run:
    """Messages by number; moments are of the monotonic clock."""

    clients: Clients
    work: QueueFacts
    dead: QueueFacts
    mark: Mark
    watcher: Watcher
    sent: dict[int, tuple[float, str]] = field(default_factory=dict)
    """Moment before the call that sent it, and its body."""
    results: dict[int, tuple[float, Any]] = field(default_factory=dict)
    dead_letters: dict[int, Died] = field(default_factory=dict)
    repeated: int = 0
    """Results that came again."""
    interrupted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def go(
        self,
        bodies: Iterator[str],
        count: int,
        rate: float,
        *,
        patience: Patience,
        display: Display,
        interrupt: Interrupt,
    ) -> None:
        """Send so many messages at the rate, and wait for their outcomes.

        Raises DeskError if a message is refused, or nothing can be received.
        """
        with ThreadPoolExecutor(SENDERS + RECEIVERS) as pool, display.progress("results", count) as bar:
            receiving = [pool.submit(self._receive) for _ in range(RECEIVERS)]
            try:
                sending = self._send_all(pool, bodies, count, rate, interrupt)
                started = quiet_since = time.monotonic()
                known = 0
                while (missing := len(self.sent) - len(self.results)) or not all(one.done() for one in sending):
                    _raise_errors([*sending, *receiving])
                    if (done := len(self.results)) > known:
                        bar.advance(done - known)
                        quiet_since, known = time.monotonic(), done
                    if missing and patience.is_over(started, quiet_since):
                        break
                    time.sleep(TICK_SECONDS)
                _raise_errors(sending)
            finally:
                self._stop.set()
        self._take_dead_letters()

    @property
    def missing(self) -> set[int]:
        """Numbers of the messages without an outcome."""
        return self.sent.keys() - self.results.keys() - self.dead_letters.keys()

    def _send_all(
        self, pool: ThreadPoolExecutor, bodies: Iterator[str], count: int, rate: float, interrupt: Interrupt
    ) -> "list[Future[None]]":
        started, submitted = time.monotonic(), 0
        sending: list[Future[None]] = []
        while submitted < count:
            due = min(count, int((time.monotonic() - started) * rate) + 1)
            while submitted < due:
                numbers = range(submitted, min(due, submitted + BATCH))
                sending.append(pool.submit(self._send, {number: next(bodies) for number in numbers}))
                submitted = numbers.stop
            _raise_errors(sending)
            if interrupt.wait(TICK_SECONDS):
                self.interrupted = True
                break
        return sending

    def _send(self, batch: dict[int, str]) -> None:
        entries = [self._entry(number, body) for number, body in batch.items()]
        at = time.monotonic()
        answer = self.clients.sqs_once.send_message_batch(QueueUrl=self.work.url, Entries=entries)
        with self._lock:
            self.sent.update({int(taken["Id"]): (at, batch[int(taken["Id"])]) for taken in answer["Successful"]})
        if refused := answer.get("Failed"):
            raise DeskError(f"the work queue refused a message: {refused[0]['Code']}: {refused[0].get('Message', '')}")

    def _entry(self, number: int, body: str) -> dict[str, Any]:
        value = self.mark.of_message(number)
        attributes = {ATTRIBUTE: {"DataType": "String", "StringValue": value}}
        entry = {"Id": str(number), "MessageBody": body, "MessageAttributes": attributes}
        if not self.work.fifo:
            return entry
        group = f"probe-{self.mark.trace_id}-{number % GROUPS}"
        return {**entry, "MessageGroupId": group, "MessageDeduplicationId": value}

    def _receive(self) -> None:
        while not self._stop.is_set():
            found = self.watcher.poll()
            at = time.monotonic()
            with self._lock:
                for number, data in found:
                    self.repeated += number in self.results
                    self.results.setdefault(number, (at, data))

    def _take_dead_letters(self) -> None:
        """Note and delete the probe's own dead letters; others are looked at, and given back."""
        if not self.missing:
            return
        with Scan(self.clients.sqs, self.dead) as scan:
            for letter in scan.letters():
                number = self.mark.number(letter.text(ATTRIBUTE))
                if number is not None:
                    self.dead_letters[number] = Died(time.monotonic(), letter)
                    scan.delete(letter)


def _raise_errors(futures: "list[Future[None]]") -> None:
    for future in futures:
        if future.done():
            future.result()
