"""Sending of entries in the background, with an acknowledgement or an error for each."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum
from typing import NamedTuple, Protocol

from ..faults import jittered_seconds
from ..records import NOTHING, Attribute

RETRIES = 2
# Longest pause before the first retry; twice that before the second, with full jitter.
RETRY_CEILING_SECONDS = 0.2
HELD = "an earlier one of its message group was not acknowledged"


class Overflow(NamedTuple):
    """A result that is too large for an entry, to be put to S3 before the entry is sent."""

    location: str
    text: str


class Entry(NamedTuple):
    """One message to send, with the id of the source message."""

    message_id: str
    body: str
    attributes: Mapping[str, str] = NOTHING
    group: str = ""
    """Message group whose order it keeps."""
    trace_header: str = ""
    """AWS X-Ray's trace header."""
    source_arn: str = ""
    overflow: Overflow | None = None
    event_type: str = ""
    """The CloudEvent's type; empty for dead letters."""
    event_id: str = ""
    """The CloudEvent's id, by which receivers recognize a repeated delivery; empty for dead letters."""
    passed_on: Mapping[str, Attribute] = NOTHING
    """The source message's attributes that it has too, with their types."""
    fair_group: str = ""
    """Message group for fairness on standard queues."""


class NotSentError(RuntimeError):
    """A call failed as a whole, and may succeed later."""


class FlushPolicy(Enum):
    """Moments to send a batch, in addition to when it is full and when the outbox is closed."""

    FULL = "no other moment"
    TOGETHER = "entries that were added together are a batch of their own"
    IDLE = "when there is nothing else to do, and no batch is being sent"


class Transport(Protocol):
    """Sends one batch of entries to a sink."""

    name: str
    max_entries: int
    max_batch_bytes: int
    max_entry_bytes: int
    flush_policy: FlushPolicy

    def size(self, entry: Entry) -> int:
        """Number of bytes, as the sink counts them."""

    def send(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        """Send once; return the errors of the entries that were not acknowledged, by message id.

        Raises NotSentError if none was, ConfigurationError if the target is missing or may not be used.
        """


class Outbox:
    """Collects entries into batches and sends them in a pool; `close` yields an acknowledgement or error for each.

    If `ordered`, the entries of a message group are sent one after the other, in `close`, and none after one that
    failed: to be delivered in order, both must be sent again.
    """

    def __init__(self, transport: Transport, pool: ThreadPoolExecutor, until: float, *, ordered: bool = False) -> None:
        """`until` is the moment of the monotonic clock after which nothing is sent, nor an acknowledgement awaited."""
        self._transport = transport
        self._pool = pool
        self._until = until
        self._ordered = ordered
        self._gathered: list[Entry] = []
        self._gathered_bytes = 0
        self._groups: dict[str, deque[Entry]] = {}
        self._sent: dict[Future[dict[str, str]], list[Entry]] = {}
        self._oversize: list[tuple[Entry, str | None]] = []
        self.abandoned = False
        """Whether a call was not waited for: its thread is still busy, so a new pool is needed."""

    def add(self, entry: Entry) -> None:
        """Add an entry. If it is over the sink's limit, `close` yields it with an error that says so."""
        if self._ordered and entry.group:
            self._groups.setdefault(entry.group, deque()).append(entry)
        else:
            self._gather(entry)

    def add_all(self, entries: Iterable[Entry]) -> None:
        """Add entries that belong together: they are a batch of their own if the sink's flush policy is TOGETHER."""
        if self._transport.flush_policy is FlushPolicy.TOGETHER:
            self._flush()
        for entry in entries:
            self.add(entry)
        if self._transport.flush_policy is FlushPolicy.TOGETHER:
            self._flush()

    def flush_if_idle(self) -> None:
        """Send the collected entries if the sink's flush policy is IDLE, and no batch is being sent."""
        if self._transport.flush_policy is FlushPolicy.IDLE and all(call.done() for call in self._sent):
            self._flush()

    def close(self) -> Iterator[tuple[Entry, str | None]]:
        """Send the remaining entries; yield each entry with None if it was acknowledged, otherwise with its error.

        Raises ConfigurationError if the sink is missing or may not be used.
        """
        while self._launch():
            for entry, error in self._acknowledgements():
                yield entry, error
                if error is not None:
                    yield from ((later, HELD) for later in self._groups.pop(entry.group, ()))

    def _launch(self) -> bool:
        """Send the collected entries, and the next of each message group; return whether any is yet to be yielded."""
        for group, waiting in list(self._groups.items()):
            self._gather(waiting.popleft())
            if not waiting:
                del self._groups[group]
        self._flush()
        return bool(self._sent or self._oversize)

    def _acknowledgements(self) -> Iterator[tuple[Entry, str | None]]:
        sent, self._sent = self._sent, {}
        oversize, self._oversize = self._oversize, []
        yield from oversize
        _, late = wait(sent, timeout=max(0.0, self._until - time.monotonic()))
        self.abandoned = self.abandoned or bool(late)
        for future, entries in sent.items():
            if future in late:
                yield from ((entry, "no acknowledgement in time") for entry in entries)
            else:
                errors = future.result()
                yield from ((entry, errors.get(entry.message_id)) for entry in entries)

    def _gather(self, entry: Entry) -> None:
        size, limit = self._transport.size(entry), self._transport.max_entry_bytes
        if size > limit:
            self._oversize.append((entry, f"it has {size} bytes, {self._transport.name} takes {limit}"))
            return
        if entry.overflow:
            # Most often the entry is then alone in its batch, so that several results are put to S3 at the same time.
            size += len(entry.overflow.text)
        if self._gathered_bytes + size > self._transport.max_batch_bytes:
            self._flush()
        self._gathered.append(entry)
        self._gathered_bytes += size
        if len(self._gathered) == self._transport.max_entries:
            self._flush()

    def _flush(self) -> None:
        if self._gathered:
            self._sent[self._pool.submit(self._send, self._gathered)] = self._gathered
            self._gathered, self._gathered_bytes = [], 0

    def _send(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Send one batch, and its failed entries again; return the errors of those that still failed, by message id."""
        errors = dict.fromkeys((entry.message_id for entry in entries), "no time left to send it")
        for attempt in range(1 + RETRIES):
            pause = jittered_seconds(RETRY_CEILING_SECONDS, attempt) if attempt else 0.0
            if time.monotonic() + pause >= self._until:
                break
            time.sleep(pause)
            try:
                errors = dict(self._transport.send(entries))
            except NotSentError as error:
                errors = {entry.message_id: str(error) for entry in entries}
            entries = [entry for entry in entries if entry.message_id in errors]
            if not entries:
                break
        return errors
