"""What is done to a run on purpose, chosen by a seed: faults of the endpoint, and functions killed at work."""

import random
import threading
from collections import Counter, deque
from collections.abc import Iterator
from enum import StrEnum


class InjectedFault(StrEnum):
    """What a request meets instead of the model."""

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


# Of a hundred faults. An answer that never comes costs the function its request timeout, so it is rare.
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
    """May be shared by threads. The n-th request meets the same fate with the same seed."""

    def __init__(self, share: float = 0.0, seed: int = 0) -> None:
        """`share` of the requests meet a fault, 0 to 1; by default none does."""
        self.requests = 0
        self.injected: Counter[InjectedFault] = Counter()
        self._share = share
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self) -> InjectedFault | None:
        """Return the fault that the next request meets, if it is to meet one."""
        with self._lock:
            self.requests += 1
            if self._chance.random() >= self._share:
                return None
            fault = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.injected[fault] += 1
            return fault


class KillSchedule:
    """When in the run a function's process is killed."""

    def __init__(self, kills: int, *, requests: int, seed: int) -> None:
        """`kills` moments in a run of about so many requests to the endpoint; none among the last tenth."""
        self._chance = random.Random(seed)
        self._moments = deque(sorted(self._chance.randrange(1, max(2, requests * 9 // 10)) for _ in range(kills)))

    def due(self, requests: int) -> Iterator[int]:
        """Yield a number for each kill that is due after so many requests, to pick a process by."""
        while self._moments and self._moments[0] <= requests:
            self._moments.popleft()
            yield self._chance.randrange(2**31)
