"""The one formula for pauses between attempts."""

import random

CAP_SECONDS = 900.0
# Of the system: sandboxes restored from one snapshot would share the state of another.
_RANDOM = random.SystemRandom()


def jittered_seconds(base: float, attempt: int) -> float:
    """Return a pause after the given attempt, counted from 1: full jitter over the base, which doubles with each."""
    return _RANDOM.uniform(0, min(CAP_SECONDS, base * 2 ** min(attempt - 1, 20)))
