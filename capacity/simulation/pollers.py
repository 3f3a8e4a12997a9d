"""Lambda's pollers: how many invocations run side by side.

Lambda guide, "Configuring scaling behavior for SQS event source mappings": five to begin with; while messages are
available, up to 300 more a minute, to 1,250 or the maximum; fewer again when traffic is low. Provisioned pollers: up
to 1,000 more invocations a minute (announcement of provisioned mode for SQS, November 2025).
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
How fast Lambda takes pollers away is not said: here as fast as it adds them.
"""

from capacity.limits import most_invocations
from capacity.steady import first_invocations
from capacity.work import Work

ADDED_PER_SECOND = 300 / 60
PROVISIONED_ADDED_PER_SECOND = 1000 / 60


class Pollers:
    """The number of invocations that may run at once."""

    def __init__(self, work: Work) -> None:
        self._first = float(first_invocations(work))
        self.most = float(most_invocations(work)[0])
        self._step = PROVISIONED_ADDED_PER_SECOND if work.pipeline.source.pollers else ADDED_PER_SECOND
        self.now = self._first

    def follow(self, *, messages_wait: bool, needed: float) -> None:
        """Add while messages wait that full batches did not take; else take away down to what these need."""
        if messages_wait:
            self.now = min(self.most, self.now + self._step)
        else:
            self.now = max(self._first, needed, self.now - self._step)
            self.now = min(self.most, self.now)
