"""The work queue as a fluid: first come, first served, which a standard queue is on average.

SQS guide: a message is deleted when the retention period is over, counted from its arrival
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html).
"""

from collections import deque


class FluidQueue:
    """Messages that wait, by the second of their arrival."""

    def __init__(self, retention_seconds: int, delay_seconds: int = 0) -> None:
        self._retention = retention_seconds
        self._delay = delay_seconds
        self._waiting: deque[list[float]] = deque()
        self.backlog = 0.0
        self.expired = 0.0

    def add(self, second: int, messages: float) -> None:
        if messages:
            self._waiting.append([float(second + self._delay), messages])
            self.backlog += messages

    def ready(self, second: int) -> float:
        """Return the messages that can be received."""
        if not self._delay:
            return self.backlog
        return sum(messages for at, messages in self._waiting if at <= second)

    def take(self, second: int, messages: float) -> float:
        """Take the oldest; return their mean wait in seconds."""
        left, waited = messages, 0.0
        while left > 1e-9 and self._waiting:
            first = self._waiting[0]
            part = min(left, first[1])
            waited += part * max(0.0, second - first[0])
            first[1] -= part
            left -= part
            if first[1] <= 1e-9:
                self._waiting.popleft()
        taken = messages - max(0.0, left)
        # What is left of rounding must not look like a message: it would wake an endpoint from zero.
        self.backlog = max(0.0, self.backlog - taken) if self._waiting else 0.0
        return waited / taken if taken > 1e-9 else 0.0

    def give_back(self, second: int, messages: float, pause: float) -> None:
        """Take back messages that could not be scored; they wait for their pause."""
        if messages > 1e-9:
            self._waiting.append([second + pause, messages])
            self.backlog += messages

    def expire(self, second: int) -> None:
        """Lose what is older than the retention."""
        while self._waiting and second - self._waiting[0][0] >= self._retention:
            _, messages = self._waiting.popleft()
            self.expired += messages
            self.backlog = max(0.0, self.backlog - messages)

    def age(self, second: int) -> float:
        """Return the oldest message's age in seconds, 0 without any."""
        return max(0.0, second - self._waiting[0][0]) if self._waiting else 0.0
