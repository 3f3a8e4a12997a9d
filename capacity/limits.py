"""The most messages a second, by part: asymptotic bounds, each as if all other parts had no limit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from capacity.service_time import counted, shown
from capacity.work import MESSAGES_PER_CALL, Work

# Lambda guide, "Configuring scaling behavior for SQS event source mappings": 1,250 invocations of a mapping without a
# maximum, 5 to begin with, 300 more a minute; a provisioned poller has 10.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
MAPPING_INVOCATIONS = 1250
FIRST_INVOCATIONS = 5
INVOCATIONS_PER_POLLER = 10
# SQS quotas: calls a second of each API on a FIFO queue without high throughput.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
FIFO_CALLS = 300


@dataclass(frozen=True)
class Limit:
    """The most that one part carries."""

    part: str
    per_second: float
    because: str
    raised_by: str
    """The settings that lift it."""


def limits(work: Work) -> list[Limit]:
    """Return the limit of each part, the lowest first: that one sets the capacity, the second comes next."""
    if work.too_slow() or not work.fits_request:
        most = work.pipeline.handler.max_request_bytes
        why = work.too_slow() or f"a record of {work.record_bytes:,} bytes is over max_request_bytes, {most:,}"
        return [Limit("request", 0.0, why, "smaller requests, or a faster model")]
    found = [*_invocation_limits(work), *_endpoint_limits(work), *_queue_limits(work)]
    return sorted(found, key=lambda limit: limit.per_second)


def most_invocations(work: Work) -> tuple[int, str]:
    """Return how many invocations run at once at the most, and what bounds them."""
    source, function, groups = work.pipeline.source, work.pipeline.function, work.circumstances.groups
    bounds = [(work.circumstances.account_concurrency, "the account's concurrency")]
    if source.pollers:
        bounds.append((source.pollers[1] * INVOCATIONS_PER_POLLER, "provisioned pollers"))
    elif source.maximum_concurrency is not None:
        bounds.append((source.maximum_concurrency, "maximum_concurrency"))
    else:
        bounds.append((MAPPING_INVOCATIONS, "what a mapping without maximum_concurrency reaches"))
    if function.reserved_concurrency is not None:
        bounds.append((function.reserved_concurrency, "reserved_concurrency"))
    if work.pipeline.queue.fifo and groups is not None:
        bounds.append((groups, "the message groups that are active at once"))
    return min(bounds)


def _invocation_limits(work: Work) -> Iterator[Limit]:
    invocations, why = most_invocations(work)
    batch = work.batch_in_time()
    one = work.invocation(batch)
    by_batches = _per_second(invocations * batch, one.seconds + work.profile.between)
    yield Limit(
        "event source concurrency",
        by_batches,
        f"{invocations:,} invocations ({why}) of {counted(batch, 'record')}, {shown(one.seconds)} each",
        "event_source.maximum_concurrency or batch_size",
    )
    per_place = one.records_per_request / one.request_seconds if one.request_seconds else math.inf
    yield Limit(
        "requests in flight",
        invocations * work.places * per_place,
        f"{invocations:,} invocations x {work.places} requests of {counted(one.records_per_request, 'record')}, "
        f"{shown(one.request_seconds)} each",
        "inference.requests_in_flight",
    )
    most = _records_within(work)
    yield Limit(
        "function time",
        invocations * most / work.launch_seconds if work.launch_seconds > 0 else 0.0,
        f"{most:,.0f} records before an invocation starts no more requests, at {work.launch_seconds:g} s "
        f"of its {work.pipeline.function.timeout_seconds} s",
        "function.timeout_seconds",
    )
    payload = work.payload_records
    shape = work.invocation(payload)
    yield Limit(
        "payload",
        # a payload that holds more than a batch is no limit, however requests of one more record come out
        max(by_batches, _per_second(invocations * payload, shape.seconds + work.profile.between)),
        f"{payload:,} records of {work.record_bytes:,} bytes in Lambda's 6 MB",
        "smaller records",
    )


def _per_second(messages: float, seconds: float) -> float:
    return messages / seconds if seconds else math.inf


def _records_within(work: Work) -> float:
    """Return the records that an invocation of unlimited size could send before its time for launching ends."""
    size = min(work.full_batch, work.most_per_request)
    shape = work.invocation(size)
    rounds = 1 + math.floor(work.launch_seconds / shape.request_seconds) if shape.request_seconds else math.inf
    places = work.places * size * rounds
    processor = work.launch_seconds / (shape.cpu_seconds / size) if shape.cpu_seconds else math.inf
    return min(places, processor)


def _endpoint_limits(work: Work) -> Iterator[Limit]:
    """Yield the variant that has its share of the requests first."""
    endpoint = work.pipeline.endpoint
    size = work.invocation(work.batch_in_time()).records_per_request
    seconds = work.model.seconds(size)
    candidates = []
    for variant in endpoint.production:
        if share := endpoint.share(variant):
            of = f" of {variant.name}" if len(endpoint.production) > 1 else ""
            kind = (
                f"{counted(variant.most_instances, 'instance')}{of} x {counted(variant.concurrent_requests, 'request')}"
                if variant.instance_type
                else f"{counted(variant.concurrent_requests, 'request')}{of} at once"
            )
            candidates.append(
                Limit(
                    "instances x concurrency" if variant.instance_type else "endpoint concurrency",
                    variant.most_requests * size / seconds / share,
                    f"{kind} of {counted(size, 'record')}, {shown(seconds)} each",
                    "endpoint.capacity",
                )
            )
    yield min(candidates, key=lambda limit: limit.per_second)


def _queue_limits(work: Work) -> Iterator[Limit]:
    queue = work.pipeline.queue
    if queue.fifo and not queue.high_throughput:
        yield Limit(
            "FIFO queue",
            float(FIFO_CALLS * MESSAGES_PER_CALL),
            f"{FIFO_CALLS} calls a second of {MESSAGES_PER_CALL} messages without high throughput",
            "queue.high_throughput",
        )
