"""Invocations as a fluid: how long a batch of each size takes, and which size a rate leads to."""

import math
from bisect import bisect_left

import numpy as np

from capacity.work import Work

# Sizes need not be whole: a mean of 1.7 is batches of one and of two.
MOST_SIZES, SIZES_A_RECORD = 400, 20


class Batches:
    """Seconds of an invocation by its records, worked out once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        full = work.batch_in_time()
        count = min(MOST_SIZES, SIZES_A_RECORD * full) if full > 1 else 1
        self.sizes: list[float] = np.linspace(1, full, count).tolist()
        shapes = [work.invocation(size) for size in self.sizes]
        self._seconds: list[float] = [shape.seconds for shape in shapes]
        self._per_request: list[float] = [shape.records_per_request for shape in shapes]
        self._at_once: list[float] = [shape.at_once for shape in shapes]
        self._request_seconds: list[float] = [shape.request_seconds for shape in shapes]
        cycles = np.array(self._seconds) + work.profile.between
        # Invocations, and pollers that gather or invoke, which one message a second keeps busy: fewer with the batch.
        self._busy: list[float] = np.minimum.accumulate(cycles / self.sizes).tolist()
        gathering = (cycles + work.pipeline.source.window_seconds) / self.sizes
        self._descending: list[float] = (-np.minimum.accumulate(gathering)).tolist()
        per_place = [size / work.model.seconds(size) for size in self._per_request]
        self._per_place: list[float] = np.maximum.accumulate(per_place).tolist()

    def position(self, rate: float, pollers: float, waiting: float, places: float) -> int:
        """Return the place of the smallest batch with which pollers, windows of theirs included, and endpoint keep up.

        `waiting` messages can't be received yet; `places` are those of the whole endpoint, for each share of a variant.
        """
        window = self._work.pipeline.source.window_seconds
        place = bisect_left(self._descending, -pollers / rate) if rate > 0 else 0
        if places:  # where it is full, invocations take longer, and batches grow meanwhile
            place = max(place, bisect_left(self._per_place, rate / places))
        if window:
            gathered = max(1.0, (rate * window + waiting) / pollers)
            place = max(place, bisect_left(self.sizes, gathered))
        return min(place, len(self.sizes) - 1)

    def carried(self, pollers: float) -> float:
        """Return the messages a second of so many pollers with full batches."""
        return pollers / self._busy[-1] if self._busy[-1] else math.inf

    def busy(self, position: int) -> float:
        return self._busy[position]

    def seconds(self, position: int) -> float:
        return self._seconds[position]

    def per_request(self, position: int) -> float:
        return self._per_request[position]

    def at_once(self, position: int) -> float:
        return self._at_once[position]

    def request_seconds(self, position: int) -> float:
        return self._request_seconds[position]
