"""Requests of one invocation: a few at once, until the deadline, with retries and halving."""

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, NamedTuple

from .codecs import RecordFailure, UnexpectedResponseError
from .evidence import unproven
from .faults import TREATMENTS, Fault, blamed_on_record, classify, describe, jittered_seconds
from .metrics import Metrics
from .microbatch import MicroBatch
from .records import Record
from .settings import ConfigurationError, reserve_seconds

if TYPE_CHECKING:
    from .executor import Executor

# To isolate k bad records among n by halving takes about 2k x log2(n) requests. The bound on halvings is half the
# number of records, but at least this; after it, records are returned instead.
MIN_HALVINGS_CAP = 64
# Most requests of an invocation in which none has succeeded: for one micro-batch of 32 records, and for many. Halving
# finds one bad record among 32 with half of the first; a server that fails on everything must not get more.
FRUITLESS_REQUESTS, MAX_FRUITLESS_REQUESTS, RECORDS_PER_FRUITLESS_REQUEST = 24, 60, 13
FAILED_ON_EVERYTHING = "the endpoint failed on every request, so this record was not tried alone"
# Time for the response, measured at a third of a CPU.
RESPONSE_SECONDS, RESPONSE_SECONDS_PER_RECORD = 0.1, 0.000_06
# Requests that were sent together are answered at about the same time. To wait this long for the other answers lets
# their results leave in one batch.
LINGER_SECONDS = 0.005


# Faults by which a model answers to what it can't do.
_OF_MODEL = (Fault.MODEL_REFUSED, Fault.MODEL_FAILED, Fault.UNEXPECTED_RESPONSE)


class Scored(NamedTuple):
    """A request that succeeded: a result for each of its items, in their order."""

    items: MicroBatch
    results: Sequence[Any]
    inference_id: str
    """The request's."""
    places: Sequence[int]
    """The items' places in the request, counted from 0."""


class Failed(NamedTuple):
    """A record without a result. `alone` if its last request held no other record."""

    record: Record
    fault: Fault
    detail: str
    alone: bool


class Deadline(NamedTuple):
    """Moments of the monotonic clock, in seconds: no request starts after `launch`, no answer is waited for after
    `answer`, and no acknowledgement after `deliver`.
    """

    launch: float
    answer: float
    deliver: float

    @classmethod
    def within(cls, seconds: float, records: int) -> "Deadline":
        """Return the deadline of an invocation that has so much time left for so many records.

        Part of the time is reserved for delivery, and the end of that for the response and the log, which take longer
        the more records there are, and longer still with little memory, since Lambda's share of a CPU goes with it.
        """
        reserve = reserve_seconds(seconds)
        end = time.monotonic() + seconds
        response = min(reserve / 2, max(0.1 * reserve, RESPONSE_SECONDS + records * RESPONSE_SECONDS_PER_RECORD))
        return cls(launch=end - 2 * reserve, answer=end - reserve, deliver=end - response)


class Attempt:
    def __init__(
        self,
        items: MicroBatch,
        fault: Fault = Fault.DEADLINE,
        detail: str = "the invocation's time ran out",
    ) -> None:
        self.items = items
        self.groups = _groups(items)
        """Its message groups. Of each group, only one attempt at a time may be in flight or paused."""
        self.tries = 0
        self.inference_id = ""
        """Id of its latest request, which no other one has."""
        self.pair: _Pair | None = None
        """The failed request with two records that this is one half of."""
        self.halvings = 0
        """Number of failed requests that it is a part of."""
        self.has_batch_size = False
        """Whether its last request asked the model to score its items as one batch."""
        self.refused_batch = ""
        """Error of the request with a batch size that this one repeats without."""
        self.started = self.ended = 0.0
        self.fault, self.detail = fault, detail
        """Reason of its last failure, or of the failure of the attempt that was halved into it."""


class _Pair:
    """A failed request with two records, whose halves are sent one by one."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        self.succeeded = 0


class Requests:
    """The requests of one invocation; nothing of it is kept for the next."""

    def __init__(
        self,
        executor: "Executor",
        batches: Iterable[MicroBatch],
        deadline: Deadline,
        metrics: Metrics,
        *,
        is_final: Callable[[Failed], bool],
        records: int,
    ) -> None:
        self._executor = executor
        self._batch_size = executor.batch_size
        self._is_final = is_final
        self._batches = iter(batches)
        self._all_taken = False
        self._ready: deque[Attempt] = deque()
        self._paused: list[tuple[float, int, Attempt]] = []  # a heap, by the end of the pause
        self._running: dict[Future[Sequence[Any]], Attempt] = {}
        self._deadline = deadline
        self._metrics = metrics
        self._order = itertools.count()  # breaks ties in the heap
        self._halvings = 0
        self._max_halvings = max(MIN_HALVINGS_CAP, records // 2)
        self._failed_in_a_row = 0
        """Requests that failed since the last success."""
        self._fruitless_requests = min(
            MAX_FRUITLESS_REQUESTS, FRUITLESS_REQUESTS + max(0, records - 32) // RECORDS_PER_FRUITLESS_REQUEST
        )
        self._requests = 0
        self._succeeded = False
        self._is_turn_of_part = False
        self._last_fault = Fault.DEADLINE

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
            if self._is_fruitless() and not self._running:
                yield from self._give_up()
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
        waiting: list[Attempt] = []
        while self._may_launch():
            attempt = self._next()
            if attempt is None:
                break
            if len(attempt.items) > 1 and self._executor.evidence.takes_one(attempt.items[0].target):
                self._ready.extendleft(reversed(self._parts(attempt, 1)))
                continue
            if busy.isdisjoint(attempt.groups):
                self._requests += 1
                attempt.tries, attempt.started = attempt.tries + 1, time.monotonic()
                self._running[self._executor.submit(attempt)] = attempt
            else:
                waiting.append(attempt)
            busy |= attempt.groups
        self._ready.extendleft(reversed(waiting))

    def _may_launch(self) -> bool:
        has_time = time.monotonic() < self._deadline.launch
        return has_time and len(self._running) < self._executor.limit and not self._is_fruitless()

    def _is_fruitless(self) -> bool:
        """Whether so many requests have failed, and none succeeded, that no more are sent in this invocation."""
        return not self._succeeded and self._requests >= self._fruitless_requests

    def _next(self) -> Attempt | None:
        """Return the next attempt, or None if there is none.

        Until a request succeeds, micro-batches that were not tried yet take turns with the smallest part of those that
        failed: any success shows that the endpoint works, and bad records may come in a row.
        """
        self._is_turn_of_part = not self._is_turn_of_part
        if self._ready and (self._succeeded or self._is_turn_of_part):
            return self._next_ready()
        return self._take() or (self._next_ready() if self._ready else None)

    def _next_ready(self) -> Attempt:
        """Return the first attempt, or, while nothing has succeeded, the one that was halved most often.

        Message groups keep their order.
        """
        if self._succeeded or self._ready[0].groups:
            return self._ready.popleft()
        smallest = max(self._ready, key=lambda attempt: attempt.halvings)
        self._ready.remove(smallest)
        return smallest

    def _take(self) -> Attempt | None:
        """Return the first attempt at the next micro-batch, or None if there is none left."""
        attempts = (Attempt(batch) for batch in self._batches)
        attempt = next(attempts, None)
        if attempt is None:
            self._all_taken = True
        elif attempt.groups:
            self._ready.extend(attempts)  # all, so that records behind a failed one of their group can be held
        return attempt

    def _paused_attempts(self) -> Iterator[Attempt]:
        return (attempt for _, _, attempt in self._paused)

    def _next_event(self) -> float:
        """Return the next moment to act at, if no answer comes before: the end of a pause, or of launching."""
        if self._paused and self._may_launch():
            return min(self._paused[0][0], self._deadline.launch)
        return self._deadline.answer

    def _settle(self, attempt: Attempt, future: "Future[Sequence[Any]]") -> Iterator[Scored | Failed]:
        self._metrics.request(attempt.ended - attempt.started, len(attempt.items))
        error = future.exception()
        evidence = self._executor.evidence
        if error is None and not evidence.proves(attempt.items):
            error = UnexpectedResponseError(unproven(attempt.items, future.result()))
        if error is None:
            self._note_success(attempt)
            yield from _outcomes_of(attempt, future.result())
            return
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, UnexpectedResponseError) and error.results is not None:
            evidence.wrong_count(attempt.items, error.results)
        fault = classify(error)
        if fault is Fault.CONFIGURATION:
            first = attempt.items[0]
            fault = blamed_on_record(error, names_target=first.target.of_record, points_to_request=not first.parts)
        self._metrics.fault(fault)
        if fault is Fault.CONFIGURATION:
            raise ConfigurationError(str(error)) from error
        self._executor.learn(fault, attempt.items)
        if self._goes_without_batch_size(attempt, fault, describe(error)):
            self._ready.appendleft(attempt)
            return
        yield from self._treat(attempt, fault, describe(error))

    def _goes_without_batch_size(self, attempt: Attempt, fault: Fault, detail: str) -> bool:
        """Whether the batch size may be what failed, so that the same items are sent once more without."""
        if self._batch_size is None or fault not in _OF_MODEL:
            return False
        target = attempt.items[0].target
        if attempt.refused_batch:
            self._batch_size.tried(target, succeeded=False, detail=attempt.refused_batch)
            attempt.refused_batch = ""
            return False
        if not attempt.has_batch_size or not self._batch_size.goes_without(target, detail):
            return False
        attempt.tries, attempt.refused_batch = 0, detail
        return True

    def _note_success(self, attempt: Attempt) -> None:
        self._succeeded = True
        if self._batch_size is not None and attempt.refused_batch:
            self._batch_size.tried(attempt.items[0].target, succeeded=True, detail=attempt.refused_batch)
        elif self._batch_size is not None and attempt.has_batch_size:
            self._batch_size.worked(attempt.items[0].target)
        self._executor.learn(None, attempt.items)
        self._executor.evidence.succeeded(attempt.items)
        self._failed_in_a_row = 0
        if attempt.pair is not None:
            attempt.pair.succeeded += 1
            if attempt.pair.succeeded == 2:
                self._executor.evidence.pair_succeeded_apart(attempt.items[0].target, attempt.pair.detail)

    def _treat(self, attempt: Attempt, fault: Fault, detail: str) -> Iterator[Failed]:
        treatment = TREATMENTS[fault]
        attempt.fault, attempt.detail = self._last_fault, _ = fault, detail
        self._failed_in_a_row += 1
        # A part is a retry in itself: its records were sent before.
        retries = 0 if attempt.halvings and treatment.halve else treatment.retries
        if attempt.tries <= retries:
            pause_ends = time.monotonic() + jittered_seconds(2 * treatment.delay_seconds, attempt.tries)
            heapq.heappush(self._paused, (pause_ends, next(self._order), attempt))
            return
        if treatment.halve and len(attempt.items) > 1 and self._worth_halving(fault):
            self._halvings += 1
            self._metrics.bisections += 1
            # The halves go first in the queue. To isolate one bad record before another micro-batch is halved frees the
            # good records around it early, in case the time or the bound on halving runs out.
            self._ready.extendleft(reversed(self._parts(attempt, (len(attempt.items) + 1) // 2)))
        else:
            alone = len(attempt.items) == 1 or treatment.of_each
            failures = [Failed(item.record, fault, detail, alone) for item in attempt.items]
            yield from failures
            yield from self._hold({f.record.group for f in failures if f.record.group and not self._is_final(f)})

    def _parts(self, attempt: Attempt, size: int) -> list[Attempt]:
        """Return attempts at parts of so many items each."""
        pair = _Pair(attempt.detail) if len(attempt.items) == 2 else None
        parts = []
        for start in range(0, len(attempt.items), size):
            items = attempt.items[start : start + size]
            part = Attempt(items, attempt.fault, attempt.detail)
            part.pair, part.halvings = pair, attempt.halvings + (1 if attempt.tries else 0)
            parts.append(part)
        return parts

    def _hold(self, groups: set[str]) -> Iterator[Failed]:
        """Remove the remaining items of these groups, after one of each failed; none is in flight or paused."""
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

    def _worth_halving(self, fault: Fault) -> bool:
        """Decide whether the fault may come from a single record, and not from the endpoint as a whole.

        If, after a success, as many requests fail in a row as are allowed while nothing succeeds, a circuit opens:
        records are returned instead of being sent once more in halves.
        """
        circuit_open = self._succeeded and self._failed_in_a_row >= self._fruitless_requests
        return self._halvings < self._max_halvings and not (TREATMENTS[fault].circuit and circuit_open)

    def _give_up(self) -> Iterator[Failed]:
        """Return what is left after too many requests without a success; none is in flight.

        A record that was not sent alone is to be dead-lettered with a reason on its last receive all the same.
        """
        of_endpoint = TREATMENTS[self._last_fault].dead_letter is not None
        fault = Fault.FAILED_ON_EVERYTHING if of_endpoint else self._last_fault
        for attempt in self._not_running():
            if len(attempt.items) == 1 and attempt.tries:
                yield Failed(attempt.items[0].record, attempt.fault, attempt.detail, alone=True)
                continue
            was_sent = attempt.tries or attempt.halvings
            detail = f"{FAILED_ON_EVERYTHING}: {attempt.detail}" if was_sent else FAILED_ON_EVERYTHING
            yield from (Failed(item.record, fault, detail, alone=True) for item in attempt.items)

    def _not_running(self) -> list[Attempt]:
        """Return every attempt that is in no thread, of micro-batches that were not taken yet too."""
        taken = list(iter(self._take, None))  # first: it may add to those that are ready
        return [*taken, *self._ready, *self._paused_attempts()]

    def _abandon(self) -> Iterator[Failed]:
        for attempt in self._not_running():
            alone = len(attempt.items) == 1 and attempt.tries > 0
            yield from (Failed(item.record, attempt.fault, attempt.detail, alone) for item in attempt.items)
        for attempt in self._running.values():
            # It pauses like a timeout, but it does not prove a fault of the record: the time may have been too short.
            detail = "no answer before the invocation's time ran out"
            self._metrics.fault(Fault.READ_TIMEOUT)
            yield from (Failed(item.record, Fault.READ_TIMEOUT, detail, alone=False) for item in attempt.items)


def _outcomes_of(attempt: Attempt, results: Sequence[Any]) -> Iterator[Scored | Failed]:
    """Yield the results of a request, and the failure of each record that the model refused in its answer."""
    items = attempt.items
    if kept := [place for place, result in enumerate(results) if not isinstance(result, RecordFailure)]:
        scored, of_them = [items[place] for place in kept], [results[place] for place in kept]
        yield Scored(scored, of_them, attempt.inference_id, kept)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, RecordFailure):
            yield Failed(item.record, Fault.MODEL_REFUSED, result.detail, alone=True)


def _groups(items: MicroBatch) -> frozenset[str]:
    return frozenset(item.record.group for item in items if item.record.group)
