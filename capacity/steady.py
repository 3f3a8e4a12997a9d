"""The pipeline at a steady rate: batches, utilization, instances, and latency by formulas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from capacity.deployed import Variant
from capacity.limits import FIRST_INVOCATIONS, INVOCATIONS_PER_POLLER, Limit, limits, most_invocations
from capacity.queueing import mean_wait, wait_quantile
from capacity.work import Invocation, Work


@dataclass(frozen=True)
class Load:
    """A variant at the rate."""

    variant: Variant
    requests_per_second: float
    busy: float
    """Requests in service, on average."""
    instances: int
    """Instances that scaling settles at; 1 for serverless."""

    @property
    def places(self) -> int:
        return self.instances * self.variant.concurrent_requests

    @property
    def utilization(self) -> float:
        return self.busy / self.places if self.places else math.inf


@dataclass(frozen=True)
class Latency:
    """A message's time, part by part (seconds, means), and the 95th percentile of the whole."""

    gathering: float
    """Until its batch is complete: half of that time on average, all of it for a message that comes alone."""
    waiting: float
    """For an invocation: Allen and Cunneen's M/D/c, batches as customers, invocations as servers."""
    function: float
    """The invocation, waits for a place at the endpoint included."""
    at_endpoint: float
    """Of it, each request's wait for a place: M/D/c, requests as customers, places as servers."""
    later: float
    """After the function: an asynchronous endpoint's queue and work."""
    p95: float

    @property
    def mean(self) -> float:
        return self.gathering + self.waiting + self.function + self.later


@dataclass(frozen=True)
class Steady:
    """Everything that is known of a pipeline at one rate."""

    rate: float
    limits: Sequence[Limit]
    invocation: Invocation
    invocations_per_second: float
    concurrency: float
    """Invocations at once, on average."""
    most_invocations: int
    loads: Sequence[Load]
    latency: Latency | None
    """None where the rate is not carried: the backlog grows, and every wait with it."""

    @property
    def capacity(self) -> float:
        return self.limits[0].per_second

    @property
    def stable(self) -> bool:
        return self.rate < self.capacity


def steady(work: Work, rate: float) -> Steady:
    """Return the pipeline at so many messages a second (more than 0)."""
    found = limits(work)
    most, _ = most_invocations(work)
    carried = min(rate, found[0].per_second) if found[0].per_second else rate
    batch = batch_size(work, carried)
    loads = _loads(work, carried, batch)
    running = most if batch >= work.full_batch - 1e-6 else first_invocations(work)
    waiting = _endpoint_wait(work, loads, work.invocation(batch), running)
    one = work.invocation(batch, 0.0 if math.isinf(waiting) else waiting)
    per_second = carried / batch
    stable = rate < found[0].per_second
    return Steady(
        rate=rate,
        limits=found,
        invocation=one,
        invocations_per_second=per_second,
        concurrency=min(float(most), per_second * (one.seconds + work.profile.between)),
        most_invocations=most,
        loads=loads,
        latency=_latency(work, rate, one, waiting, loads) if stable and not math.isinf(waiting) else None,
    )


def first_invocations(work: Work) -> int:
    """Return the invocations that run side by side before Lambda adds any."""
    pollers, most = work.pipeline.source.pollers, most_invocations(work)[0]
    return max(1, min(most, pollers[0] * INVOCATIONS_PER_POLLER if pollers else FIRST_INVOCATIONS))


def batch_size(work: Work, rate: float) -> float:
    """Return the mean records of a batch.

    A batch holds what came while its poller was busy, and then within the batching window: as few as the first pollers
    need to keep up (a bulk service queue's balance), and full batches before pollers are added.
    """
    full, pollers = float(work.full_batch), first_invocations(work)
    gathered = rate * work.pipeline.source.window_seconds / pollers
    low, high = max(1.0, min(full, gathered)), full
    if _busy(work, rate, low) <= pollers:
        return low
    if _busy(work, rate, high) > pollers:
        return full
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _busy(work, rate, middle) > pollers else (low, middle)
    return high


def _busy(work: Work, rate: float, batch: float) -> float:
    """Return the pollers at work, with their invocations' waits for places at the endpoint, or gathering a batch."""
    plain = work.invocation(batch)
    waiting = _endpoint_wait(work, _loads(work, rate, batch), plain, first_invocations(work))
    cycle = work.invocation(batch, waiting).seconds + work.profile.between
    return rate / batch * (cycle + work.pipeline.source.window_seconds)


def _loads(work: Work, rate: float, batch: float) -> list[Load]:
    size = work.invocation(batch).records_per_request
    return [_load(work, variant, rate / size, size) for variant in work.pipeline.endpoint.variants]


def _load(work: Work, variant: Variant, requests: float, size: float) -> Load:
    own = requests * work.pipeline.endpoint.share(variant)
    busy = own * work.model.seconds(size)
    return Load(variant, own, busy, instances_at(variant, own, busy))


def instances_at(variant: Variant, requests_per_second: float, busy: float) -> int:
    """Return the instances that target tracking settles at."""
    scaling = variant.scaling
    if variant.instance_type is None or scaling is None:
        return variant.instances
    if scaling.metric == "invocations":
        needed = 60 * requests_per_second / scaling.target
    elif scaling.metric == "backlog":  # those waiting or in work; at least what the work itself needs
        needed = max(busy / variant.concurrent_requests, busy / scaling.target)
    else:
        needed = busy / scaling.target
    return max(scaling.minimum, min(scaling.maximum, math.ceil(needed - 1e-9)))


def _endpoint_wait(work: Work, loads: Sequence[Load], shape: Invocation, invocations: int) -> float:
    """Return the mean wait for a place with so many invocations, of the variant where it is longest.

    M/D/c, but no more than a closed network allows: requests in flight beyond the places wait for one to come free.
    """
    if work.pipeline.endpoint.queues_requests:
        return 0.0
    waits = [0.0]
    for load in loads:
        if load.variant.shadow or not load.requests_per_second:
            continue
        wait = _wait(load, shape.request_seconds, None)
        if not load.variant.random_routing and load.places:
            beyond = max(0.0, invocations * shape.at_once * work.pipeline.endpoint.share(load.variant) - load.places)
            wait = min(wait, beyond / load.places * shape.request_seconds)
        waits.append(wait)
    return max(waits)


def _wait(load: Load, service: float, share: float | None) -> float:
    """Return the mean wait of requests at a variant, or the wait that this share stays below."""
    servers, rate = load.places, load.requests_per_second
    if load.variant.random_routing:  # each instance is a queue of its own
        servers, rate = load.variant.concurrent_requests, load.requests_per_second / max(1, load.instances)
    if not servers:
        return math.inf
    return mean_wait(servers, rate, service) if share is None else wait_quantile(share, servers, rate, service)


def _latency(work: Work, rate: float, one: Invocation, at_endpoint: float, loads: Sequence[Load]) -> Latency:
    pollers, most = first_invocations(work), most_invocations(work)[0]
    window = work.pipeline.source.window_seconds
    span, gathering = gathering_seconds(window, one.records, rate / pollers)
    cycle = one.seconds + work.profile.between
    batches = rate / one.records
    running = max(pollers, min(most, math.ceil(batches * cycle)))
    if window and one.records < work.full_batch - 0.01:
        waiting, tail = _wait_for_a_window(window, cycle, pollers)
    elif 1.01 < one.records < work.full_batch - 0.01:
        waiting, tail = _bulk_wait(cycle, running, one.records / work.full_batch)
    else:
        servers = most if one.records > 1.01 else running
        waiting, tail = mean_wait(servers, batches, cycle), wait_quantile(0.95, servers, batches, cycle)
    later = later_tail = 0.0
    if work.pipeline.endpoint.queues_requests:
        service = work.model.seconds(1)
        loads = [load for load in loads if not load.variant.shadow]
        wait = max((_wait(load, service, None) for load in loads), default=0.0)
        later = wait + service + 3 * work.profile.round_trip  # notification, its function, its result
        later_tail = max((_wait(load, service, 0.95) for load in loads), default=0.0) + service
    p95 = (span if one.records < 2 else 0.95 * span) + tail + one.seconds + later_tail
    return Latency(gathering, waiting, one.seconds, at_endpoint, later, p95)


def gathering_seconds(window: float, records: float, rate: float) -> tuple[float, float]:
    """Return how long a poller to which so many messages come a second gathers a batch, and a message's mean wait.

    The first message waits for all of it.
    """
    span = min(window, records / rate) if window else 0.0
    return span, span * (records + 1) / (2 * records)


def _wait_for_a_window(window: float, cycle: float, pollers: int) -> tuple[float, float]:
    """Return the mean and the longest wait until a poller gathers a batch again, where all come back evenly spread."""
    period = (window + cycle) / pollers
    gap = max(0.0, period - window)
    return gap**2 / 2 / period, gap


def _bulk_wait(cycle: float, pollers: int, fill: float) -> tuple[float, float]:
    """Return mean and 95th percentile of the wait for a poller where all are busy and batches are not full.

    Pollers that come back one after the other leave 1 / pollers of a cycle between two; when batches are nearly full
    they come back together, and messages wait half a cycle. Between the two it is taken to be in proportion: the
    discrete engine shows it, there is no formula with a name.
    """
    share = 1 / pollers + max(0.0, 0.5 - 1 / pollers) * fill
    return cycle * share, cycle * min(1.0, 2 * share)
