"""Sends entries in the background, and tells which of them were acknowledged."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum
from typing import NamedTuple, Protocol

from ..faults import jittered_seconds
from ..records import NOTHING

RETRIES = 2
# Before the first retry; twice that before the second, with full jitter.
RETRY_CEILING_SECONDS = 0.2
HELD = "an earlier one of its message group was not acknowledged"


class Aside(NamedTuple):
    """What is too large for an entry and goes to S3 before it."""

    location: str
    text: str


class Entry(NamedTuple):
    """One message to send; its id is the source message's, so that a second delivery can be told."""

    message_id: str
    body: str
    attributes: Mapping[str, str] = NOTHING
    group: str = ""
    trace_header: str = ""
    """AWS X-Ray's."""
    source_arn: str = ""
    aside: Aside | None = None
    event_type: str = ""
    """The CloudEvent's; dead letters have none."""


class NotSentError(RuntimeError):
    """A call failed as a whole, and may succeed later."""


class FlushPolicy(Enum):
    """When a batch is sent, besides when it is full, and last of all."""

    FULL = "not before"
    TOGETHER = "what was added together makes a batch of its own"
    IDLE = "whenever there is nothing else to do, and no other is on its way"


class Transport(Protocol):
    """Sends one batch of entries to a sink."""

    name: str
    max_entries: int
    max_batch_bytes: int
    max_entry_bytes: int
    flush_policy: FlushPolicy

    def size(self, entry: Entry) -> int:
        """Bytes as the sink counts them."""

    def send(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        """Send once; return the errors of what was not acknowledged, by message id.

        Raises NotSentError if that is everything, ConfigurationError if the target is missing or may not be used.
        """


class Outbox:
    """Gathers entries into batches and sends them in a pool; `close` tells what was acknowledged.

    `ordered` sends the entries of a message group one after the other, from `close` on, and none after one that
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
        """Whether a call was left behind; its thread is still busy, so make a new pool."""

    def add(self, entry: Entry) -> None:
        """Take an entry. If it is over the sink's limit, `close` gives it back with that as its error."""
        if self._ordered and entry.group:
            self._groups.setdefault(entry.group, deque()).append(entry)
        else:
            self._gather(entry)

    def add_all(self, entries: Iterable[Entry]) -> None:
        """Take entries that belong together: one batch of their own where the sink keeps them so."""
        if self._transport.flush_policy is FlushPolicy.TOGETHER:
            self._flush()
        for entry in entries:
            self.add(entry)
        if self._transport.flush_policy is FlushPolicy.TOGETHER:
            self._flush()

    def flush_if_idle(self) -> None:
        """Send what was gathered, where the sink takes batches that are not full, unless another is on its way."""
        if self._transport.flush_policy is FlushPolicy.IDLE and all(call.done() for call in self._sent):
            self._flush()

    def close(self) -> Iterator[tuple[Entry, str | None]]:
        """Send what is left; yield each entry with None once acknowledged, or with the error it failed with.

        Raises ConfigurationError if the sink is missing or may not be used.
        """
        while self._launch():
            for entry, error in self._acknowledgements():
                yield entry, error
                if error is not None:
                    yield from ((later, HELD) for later in self._groups.pop(entry.group, ()))

    def _launch(self) -> bool:
        """Send what was gathered, and the next of each message group; return whether anything is to be told."""
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
        if entry.aside:
            size += len(entry.aside.text)  # most often that means alone: what goes aside does so side by side
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
        """Send one batch, what failed in it again; return the errors of what still failed, by message id."""
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
