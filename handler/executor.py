"""Threads and connections to the endpoint, and its capacity as it was learned."""

import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from .attempts import Attempt, Deadline, Failed, Requests, Scored
from .codecs import Item
from .codecs.batch_size import BatchSize
from .evidence import Evidence
from .faults import Fault
from .metrics import Metrics
from .microbatch import MicroBatch


class Scorer(Protocol):
    """Sends one request."""

    def score(self, items: Sequence[Item], inference_id: str) -> Sequence[Any]: ...

    def close(self) -> None: ...


class Executor:
    """Sends requests in threads. It lives as long as the sandbox, and remembers the endpoint's capacity."""

    def __init__(
        self, create_endpoint: Callable[[], Scorer], requests_in_flight: int, batch_size: BatchSize | None = None
    ) -> None:
        """`batch_size` is what the codec gives the model; None if it gives none."""
        self._create_endpoint = create_endpoint
        self._endpoint = create_endpoint()
        self._requests_in_flight = requests_in_flight
        self._pool = self._new_pool()
        self.limit = requests_in_flight
        """Most requests in flight now: halved when the endpoint throttles, raised by one with each success."""
        self.evidence = Evidence()
        self.batch_size = batch_size
        self.max_request_bytes = sys.maxsize
        """Most bytes of a request body: half of the smallest body that the container found too large."""

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
        """Yield each result and failure as it becomes known; those of a message group in their order.

        After a failure in a group its later items are not sent, unless `is_final` says that the failed one will not
        come again. Batches are taken from the iterable one at a time, when a request may start; all at once if they
        have message groups. `before_waiting` is called before each wait. `records` is the number of records in all
        batches, for the bound on halving. Raises ConfigurationError if the deployment is at fault (no such endpoint, no
        right to invoke it).
        """
        run = Requests(self, batches, deadline, metrics, is_final=is_final, records=records)
        return run.outcomes(before_waiting)

    def submit(self, attempt: Attempt) -> "Future[Sequence[Any]]":
        # From the operating system, so that sandboxes restored from one snapshot don't have the same ids.
        attempt.inference_id = os.urandom(16).hex()
        return self._pool.submit(self._score, attempt)

    def _score(self, attempt: Attempt) -> Sequence[Any]:
        try:
            return self._endpoint.score(attempt.items, attempt.inference_id)
        finally:
            # Measured here: the thread that waits for the answer may be busy admitting records.
            attempt.ended = time.monotonic()
            if self.batch_size is not None:
                attempt.has_batch_size = self.batch_size.used()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._requests_in_flight, thread_name_prefix="inference")

    def replace_busy_threads(self) -> None:
        """Create new threads and connections: those of abandoned requests are still waiting for an answer."""
        self._endpoint.close()
        self._endpoint, self._pool = self._create_endpoint(), self._new_pool()
        self.limit = max(1, self.limit // 2)  # the endpoint may still be at work on the abandoned requests

    def learn(self, fault: Fault | None, items: MicroBatch) -> None:
        """Adjust both limits to the outcome of a request, for this invocation and later ones."""
        size = sum(item.size for item in items)
        if fault is None:
            self.limit = min(self._requests_in_flight, self.limit + 1)
            self.max_request_bytes = min(sys.maxsize, self.max_request_bytes + size // 8 + 1)
        elif fault is Fault.THROTTLED:
            self.limit = max(1, self.limit // 2)
        elif fault is Fault.TOO_LARGE:
            # If a single record is refused, that record was the cause: forget the limit that halving seemed to show.
            self.max_request_bytes = min(self.max_request_bytes, size // 2) if len(items) > 1 else sys.maxsize
