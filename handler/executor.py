"""Runs micro-batches against the endpoint: a few at once, within the time left, retried, halved, never lost."""

import heapq
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, Protocol

from .codecs import Item
from .faults import TREATMENTS, Fault, blamed_on_record, classify, jittered_seconds
from .metrics import Metrics
from .microbatch import MicroBatch
from .records import Record
from .settings import ConfigurationError, reserve_seconds

# Halving costs about 2k x log2(n) requests for k bad records in n. Past half as many as there are records, or this
# many where there are few, the rest is returned instead.
MIN_SPLITS_CAP = 64
# So many micro-batches that fail alike with no success between are not each holding a bad record.
CIRCUIT_ORIGINS = 5
# Requests that were sent together are answered together, more or less: what they bring leaves in one batch.
LINGER_SECONDS = 0.005


class Scorer(Protocol):
    """Sends one request."""

    def score(self, items: Sequence[Item]) -> Sequence[Any]: ...


class Scored(NamedTuple):
    """What one request brought: a result for each of its items."""

    items: MicroBatch
    results: Sequence[Any]


class Failed(NamedTuple):
    """A record that got no result, and what stood in its way. `alone` if it was sent by itself."""

    record: Record
    fault: Fault
    detail: str
    alone: bool


class Deadline(NamedTuple):
    """Moments of the monotonic clock: no request starts after `launch`, none is waited for after `answer`,
    and no acknowledgement after `deliver`.
    """

    launch: float
    answer: float
    deliver: float

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """Return the deadline of an invocation with so much time left; what is kept back delivers the results."""
        reserve = reserve_seconds(seconds)
        end = time.monotonic() + seconds
        return cls(launch=end - 2 * reserve, answer=end - reserve, deliver=end - 0.1 * reserve)


class _Attempt:
    def __init__(
        self,
        items: MicroBatch,
        origin: int,
        fault: Fault = Fault.DEADLINE,
        detail: str = "the invocation's time ran out",
    ) -> None:
        self.items = items
        self.origin = origin
        """Number of the micro-batch it was cut as, before any halving."""
        self.groups = _groups(items)
        """Message groups in it: of each, one attempt at a time is in flight or paused."""
        self.tries = 0
        self.started = self.ended = 0.0
        self.fault, self.detail = fault, detail
        """What stood in its way last, or in the way of what it is a half of."""


class Executor:
    """Lives as long as the function's sandbox; `limit` is what it has learned of the endpoint's capacity."""

    def __init__(self, create_endpoint: Callable[[], Scorer], requests_in_flight: int) -> None:
        self._create_endpoint = create_endpoint
        self._endpoint = create_endpoint()
        self._requests_in_flight = requests_in_flight
        self._pool = self._new_pool()
        self.limit = requests_in_flight
        """Requests in flight at once: halved when the endpoint throttles, one more with each success."""
        self.max_request_bytes = sys.maxsize
        """Largest request body worth a try: half of the smallest one that the container found too large."""

    def run(
        self,
        batches: Iterable[MicroBatch],
        deadline: Deadline,
        metrics: Metrics,
        *,
        is_final: Callable[[Failed], bool],
        before_waiting: Callable[[], None],
        records: int,
    ) -> Generator[Scored | Failed, None, None]:
        """Yield what became of every item, as it becomes known; the items of a message group in their order.

        After a failure in a group its later items are not sent, unless `is_final` says that the failed one will not
        come again. Batches are asked for one by one as there is room for them, those with message groups all at once.
        `records` is how many there are in all, for the bound on halving. Raises ConfigurationError if the deployment is
        at fault (no such endpoint, no right to invoke it).
        """
        run = _Run(self, batches, deadline, metrics, is_final=is_final, records=records)
        return run.outcomes(before_waiting)

    def submit(self, attempt: "_Attempt") -> "Future[Sequence[Any]]":
        return self._pool.submit(self._score, attempt)

    def _score(self, attempt: "_Attempt") -> Sequence[Any]:
        try:
            return self._endpoint.score(attempt.items)
        finally:
            attempt.ended = time.monotonic()  # here, since whoever waits may be busy with the intake

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._requests_in_flight, thread_name_prefix="inference")

    def replace_busy_threads(self) -> None:
        """Continue with new threads and connections: those of abandoned requests are still waiting for an answer."""
        self._endpoint, self._pool = self._create_endpoint(), self._new_pool()
        self.limit = max(1, self.limit // 2)  # the endpoint may still be at work on the abandoned requests

    def learn(self, fault: Fault | None, items: MicroBatch) -> None:
        """Remember what a request showed of the endpoint's capacity, for this invocation and later ones."""
        size = sum(item.size for item in items)
        if fault is None:
            self.limit = min(self._requests_in_flight, self.limit + 1)
            self.max_request_bytes = min(sys.maxsize, self.max_request_bytes + size // 8 + 1)
        elif fault is Fault.THROTTLED:
            self.limit = max(1, self.limit // 2)
        elif fault is Fault.TOO_LARGE:
            # Refused by itself, it was that record, and what the halving seemed to show of the container is void.
            self.max_request_bytes = min(self.max_request_bytes, size // 2) if len(items) > 1 else sys.maxsize


class _Run:
    """One invocation's requests; nothing of it outlives the invocation."""

    def __init__(
        self,
        executor: Executor,
        batches: Iterable[MicroBatch],
        deadline: Deadline,
        metrics: Metrics,
        *,
        is_final: Callable[[Failed], bool],
        records: int,
    ) -> None:
        self._executor = executor
        self._is_final = is_final
        self._batches = enumerate(batches)
        self._all_taken = False
        self._ready: deque[_Attempt] = deque()
        self._paused: list[tuple[float, int, _Attempt]] = []  # a heap by the moment a pause ends
        self._running: dict[Future[Sequence[Any]], _Attempt] = {}
        self._deadline = deadline
        self._metrics = metrics
        self._order = itertools.count()  # tells equal moments apart in the heap
        self._splits = 0
        self._max_splits = max(MIN_SPLITS_CAP, records // 2)
        self._failed_origins: dict[Fault, set[int]] = {}

    def outcomes(self, before_waiting: Callable[[], None]) -> Generator[Scored | Failed, None, None]:
        try:
            yield from self._outcomes(before_waiting)
        finally:
            if self._running:
                self._executor.replace_busy_threads()

    def _outcomes(self, before_waiting: Callable[[], None]) -> Iterator[Scored | Failed]:
        while True:
            self._launch()
            if self._all_taken and not (self._ready or self._paused or self._running):
                return
            now = time.monotonic()
            if now >= self._deadline.answer or (now >= self._deadline.launch and not self._running):
                yield from self._abandon()
                return
            pause = min(self._next_event(), self._deadline.answer) - now
            if not self._running:
                before_waiting()
                time.sleep(max(0.0, pause))
                continue
            done = self._done_within(min(pause, LINGER_SECONDS))
            if not done:
                before_waiting()
                done = self._done_within(pause - LINGER_SECONDS)
            for future in done:
                yield from self._settle(self._running.pop(future), future)

    def _done_within(self, seconds: float) -> set["Future[Sequence[Any]]"]:
        return wait(self._running, timeout=max(0.0, seconds), return_when=FIRST_COMPLETED).done

    def _launch(self) -> None:
        while self._paused and self._paused[0][0] <= time.monotonic():
            self._ready.appendleft(heapq.heappop(self._paused)[2])
        busy = {group for attempt in (*self._running.values(), *self._paused_attempts()) for group in attempt.groups}
        waiting: list[_Attempt] = []
        while time.monotonic() < self._deadline.launch and len(self._running) < self._executor.limit:
            attempt = self._ready.popleft() if self._ready else self._take()
            if attempt is None:
                break
            if busy.isdisjoint(attempt.groups):
                attempt.tries, attempt.started = attempt.tries + 1, time.monotonic()
                self._running[self._executor.submit(attempt)] = attempt
            else:
                waiting.append(attempt)
            busy |= attempt.groups
        self._ready.extendleft(reversed(waiting))

    def _take(self) -> _Attempt | None:
        """Return the first attempt at the next batch, if there is one more."""
        attempts = (_Attempt(batch, number) for number, batch in self._batches)
        attempt = next(attempts, None)
        if attempt is None:
            self._all_taken = True
        elif attempt.groups:
            self._ready.extend(attempts)  # all of them, so that what comes after a failure can be held back
        return attempt

    def _paused_attempts(self) -> Iterator[_Attempt]:
        return (attempt for _, _, attempt in self._paused)

    def _next_event(self) -> float:
        """Return when something can change without a request ending: a pause ends, or launching does."""
        may_launch = len(self._running) < self._executor.limit and time.monotonic() < self._deadline.launch
        if self._paused and may_launch:
            return min(self._paused[0][0], self._deadline.launch)
        return self._deadline.answer

    def _settle(self, attempt: _Attempt, future: "Future[Sequence[Any]]") -> Iterator[Scored | Failed]:
        self._metrics.request(attempt.ended - attempt.started, len(attempt.items))
        error = future.exception()
        if error is None:
            self._executor.learn(None, attempt.items)
            self._failed_origins.clear()
            yield Scored(attempt.items, future.result())
            return
        if not isinstance(error, Exception):
            raise error
        fault = classify(error)
        if fault is Fault.CONFIGURATION:
            first = attempt.items[0]
            fault = blamed_on_record(error, names_target=first.target.of_record, points_to_request=not first.parts)
        self._metrics.fault(fault)
        if fault is Fault.CONFIGURATION:
            raise ConfigurationError(str(error)) from error
        self._executor.learn(fault, attempt.items)
        yield from self._treat(attempt, fault, str(error))

    def _treat(self, attempt: _Attempt, fault: Fault, detail: str) -> Iterator[Failed]:
        treatment = TREATMENTS[fault]
        attempt.fault, attempt.detail = fault, detail
        self._failed_origins.setdefault(fault, set()).add(attempt.origin)
        if attempt.tries <= treatment.retries:
            pause_ends = time.monotonic() + jittered_seconds(2 * treatment.delay_seconds, attempt.tries)
            heapq.heappush(self._paused, (pause_ends, next(self._order), attempt))
        elif treatment.split and len(attempt.items) > 1 and self._worth_splitting(fault):
            self._splits += 1
            self._metrics.bisections += 1
            half = len(attempt.items) // 2
            halves = attempt.items[:half], attempt.items[half:]
            # On the left: to isolate one bad record after the other frees more records than halving all alike.
            self._ready.extendleft(_Attempt(part, attempt.origin, fault, detail) for part in reversed(halves))
        else:
            alone = len(attempt.items) == 1 or treatment.of_each
            failures = [Failed(item.record, fault, detail, alone) for item in attempt.items]
            yield from failures
            yield from self._hold({f.record.group for f in failures if f.record.group and not self._is_final(f)})

    def _hold(self, groups: set[str]) -> Iterator[Failed]:
        """Take what comes after a failure in these groups out of the way; none of it is in flight or paused."""
        if not groups:
            return
        for attempt in list(self._ready):
            if attempt.groups.isdisjoint(groups):
                continue
            held = [item for item in attempt.items if item.record.group in groups]
            detail = "an earlier one of its group failed"
            yield from (Failed(item.record, Fault.GROUP_HELD, detail, alone=False) for item in held)
            attempt.items = [item for item in attempt.items if item.record.group not in groups]
            attempt.groups = _groups(attempt.items)
            if not attempt.items:
                self._ready.remove(attempt)

    def _worth_splitting(self, fault: Fault) -> bool:
        """Tell a bad record from a bad endpoint.

        Unrelated micro-batches that fail alike, with no success between, open a circuit: what is left is returned
        instead of being asked for once more in halves.
        """
        circuit_open = len(self._failed_origins[fault]) >= CIRCUIT_ORIGINS
        return self._splits < self._max_splits and not (TREATMENTS[fault].circuit and circuit_open)

    def _abandon(self) -> Iterator[Failed]:
        taken = list(iter(self._take, None))  # first: it may make more of them ready
        for attempt in (*taken, *self._ready, *self._paused_attempts()):
            alone = len(attempt.items) == 1 and attempt.tries > 0
            yield from (Failed(item.record, attempt.fault, attempt.detail, alone) for item in attempt.items)
        for attempt in self._running.values():
            # The pause of a timeout, but no proof against the record: the time may have been short.
            detail = "no answer before the invocation's time ran out"
            self._metrics.fault(Fault.READ_TIMEOUT)
            yield from (Failed(item.record, Fault.READ_TIMEOUT, detail, alone=False) for item in attempt.items)


def _groups(items: MicroBatch) -> frozenset[str]:
    return frozenset(item.record.group for item in items if item.record.group)
