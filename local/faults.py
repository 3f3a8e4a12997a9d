"""Faults injected into a run, chosen by a seed: wrong answers of the endpoint, and functions killed at work."""

import random
import threading
from collections import Counter, deque
from collections.abc import Iterator
from enum import StrEnum


class InjectedFault(StrEnum):
    """An answer that a request gets instead of the model's."""

    RATE_EXCEEDED = "ThrottlingException 429"
    THROTTLED = "ThrottlingException 400"
    INTERNAL_FAILURE = "InternalFailure 500"
    UNAVAILABLE = "ServiceUnavailable 503"
    MODEL_FAILED = "ModelError 424, original status 500"
    DROPPED = "connection dropped"
    CUT_OFF = "answer cut off"
    NOT_JSON = "answer not JSON"
    WRONG_COUNT = "wrong number of results"
    NO_ANSWER = "no answer in time"


# Number of each in a hundred faults. An answer that never comes costs the function its request timeout, so it is rare.
WEIGHTS = {
    InjectedFault.RATE_EXCEEDED: 20,
    InjectedFault.THROTTLED: 10,
    InjectedFault.INTERNAL_FAILURE: 15,
    InjectedFault.UNAVAILABLE: 15,
    InjectedFault.MODEL_FAILED: 15,
    InjectedFault.DROPPED: 9,
    InjectedFault.CUT_OFF: 5,
    InjectedFault.NOT_JSON: 5,
    InjectedFault.WRONG_COUNT: 5,
    InjectedFault.NO_ANSWER: 1,
}


class FaultInjector:
    """Decides which requests get a fault: the same ones with the same seed. Threads may share it."""

    def __init__(self, share: float = 0.0, seed: int = 0) -> None:
        """`share` is the part of the requests that get a fault, 0 to 1; by default none does."""
        self.requests = 0
        self.injected: Counter[InjectedFault] = Counter()
        self._share = share
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self) -> InjectedFault | None:
        """Return the fault that the next request gets, or None."""
        with self._lock:
            self.requests += 1
            if self._chance.random() >= self._share:
                return None
            fault = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.injected[fault] += 1
            return fault


class KillSchedule:
    """The moments of a run at which a function's process is killed."""

    def __init__(self, kills: int, *, requests: int, seed: int) -> None:
        """Choose `kills` moments in a run of about so many requests to the endpoint; none in the last tenth."""
        self._chance = random.Random(seed)
        self._moments = deque(sorted(self._chance.randrange(1, max(2, requests * 9 // 10)) for _ in range(kills)))

    def due(self, requests: int) -> Iterator[int]:
        """Yield a number for each kill that is due after so many requests; it picks the process."""
        while self._moments and self._moments[0] <= requests:
            self._moments.popleft()
            yield self._chance.randrange(2**31)
