"""The endpoint as a fluid: what its places carry, and what a serverless one throttles.

Requests wait for a place at instances, whose containers queue them. A serverless variant answers 429 beyond its
maximum concurrency (https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-how-it-works.html); the
handler then tries three times more, and returns what is throttled each time (handler.faults.TREATMENTS).
"""

from collections.abc import Sequence

from capacity.simulation.scaling import Fleet
from capacity.work import Work
from handler.faults import TREATMENTS, Fault

TRIES = 1 + TREATMENTS[Fault.THROTTLED].retries
PAUSE_BASE_SECONDS = TREATMENTS[Fault.THROTTLED].backoff_base_seconds


def places_together(work: Work, fleets: Sequence[Fleet]) -> float:
    """Return the places that all variants would have if each had as many for its share as the one with the fewest."""
    endpoint = work.pipeline.endpoint
    shares = [(fleet, endpoint.share(fleet.variant)) for fleet in fleets if not fleet.variant.shadow]
    return min((fleet.places / share for fleet, share in shares if share), default=0.0)


def throttled_share(fleets: Sequence[Fleet], offered: float) -> float:
    """Return the share of the requests that a serverless endpoint refuses, with so many in flight."""
    places = sum(fleet.places for fleet in fleets if fleet.variant.memory_mib)
    return max(0.0, 1 - places / offered) if places and offered > places else 0.0


def pause_seconds(receives: int) -> float:
    """Return the mean pause of a record that was throttled on so many receives."""
    return float(PAUSE_BASE_SECONDS * 2 ** (receives - 1) / 2)
