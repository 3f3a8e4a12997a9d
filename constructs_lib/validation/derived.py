"""Defaults that are derived along the chains that lead across resources, and the facts that they are derived from.

Time: request -> function timeout -> visibility timeout. Concurrency: what the endpoint takes -> requests in flight ->
invocations.
"""

import math
from dataclasses import replace

from constructs_lib.settings import (
    AsyncCapacity,
    EndpointSettings,
    ExistingEndpoint,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ServerlessCapacity,
)
from constructs_lib.settings.handler import request_timeout_seconds
from constructs_lib.settings.variants import (
    Capacity,
    ServingVariant,
    async_capacity,
    most_instances,
    production_variants,
)
from constructs_lib.validation.limits import MAX_MAXIMUM_CONCURRENCY, MIN_MAXIMUM_CONCURRENCY

# Two, so that what a record holds up goes on beside it; more than eight would need more than a batch of records.
MIN_DERIVED_REQUESTS, MAX_DERIVED_REQUESTS = 2, 8
ADVISED_VISIBILITY_FACTOR = 6
LATENCY_ALARM_PERCENT = 80


def endpoint_requests(endpoint: EndpointSettings | ExistingEndpoint) -> int | None:
    """Return how many requests an endpoint can take at once at its largest; None where it queues them itself.

    Of several variants, that is until the first of them has its share.
    """
    if isinstance(endpoint, ExistingEndpoint):
        return endpoint.concurrent_requests
    own, first = capacity_requests(endpoint.capacity), first_full(endpoint)
    if own is None or first.weight == 0:
        return own
    return (capacity_requests(first.capacity) or 0) * total_weight(endpoint) // first.weight


def first_full(endpoint: EndpointSettings) -> ServingVariant:
    """Return the variant that has its share of the requests first."""
    variants = production_variants(endpoint)
    taking = [variant for variant in variants if variant.weight]
    return min(taking, key=lambda one: (capacity_requests(one.capacity) or 0) / one.weight, default=variants[0])


def total_weight(endpoint: EndpointSettings) -> int:
    return sum(variant.weight for variant in production_variants(endpoint))


def capacity_requests(capacity: Capacity) -> int | None:
    """Return how many requests a variant can take at once at its largest; None where it queues them itself."""
    match capacity:
        case ServerlessCapacity(max_concurrency=requests):
            return requests
        case InstanceCapacity(concurrent_requests_per_instance=requests):
            return most_instances(capacity) * requests
        case AsyncCapacity():
            return None


def derive(settings: PipelineSettings) -> PipelineSettings:
    """Return the settings with every derived default filled in.

    visibility timeout: 6 x function timeout + batching window (Lambda's advice).
    requests in flight in one invocation: as many as a full batch needs, 2 at least and 8 at most.
    maximum concurrency: the endpoint's capacity divided by that, within Lambda's 2 to 1,000; none with provisioned
    pollers, and none for asynchronous endpoints, which queue requests themselves.
    alarm on the model's latency: at 80 % of what a request may take.
    """
    source, inference, queue = settings.event_source, settings.inference, settings.queue
    full_batch = math.ceil(source.batch_size / max(1, records_per_request(settings)))
    in_flight = inference.max_concurrency or max(MIN_DERIVED_REQUESTS, min(MAX_DERIVED_REQUESTS, full_batch))
    advised = advised_visibility_seconds(settings)
    return replace(
        settings,
        queue=replace(queue, visibility_timeout_seconds=_or(queue.visibility_timeout_seconds, advised)),
        inference=replace(inference, max_concurrency=in_flight),
        event_source=replace(source, maximum_concurrency=_maximum_concurrency(settings, in_flight)),
        monitoring=_monitoring(settings),
    )


def records_per_request(settings: PipelineSettings) -> int:
    """Return how many records a request has at most; an asynchronous endpoint gets each by itself."""
    alone = settings.inference.codec == "single" or async_capacity(settings.endpoint) is not None
    return 1 if alone else settings.inference.max_records_per_request


def _monitoring(settings: PipelineSettings) -> MonitoringSettings | None:
    if settings.monitoring is None:
        return None
    latency = _or(settings.monitoring.model_latency_ms, 10 * LATENCY_ALARM_PERCENT * longest_request_seconds(settings))
    return replace(settings.monitoring, model_latency_ms=latency)


def longest_request_seconds(settings: PipelineSettings) -> int:
    """Return how long the model may take for one request."""
    if capacity := async_capacity(settings.endpoint):
        return capacity.invocation_timeout_seconds
    return request_timeout_seconds(settings.function.timeout_seconds)


def _maximum_concurrency(settings: PipelineSettings, in_flight: int) -> int | None:
    source, capacity = settings.event_source, endpoint_requests(settings.endpoint)
    if source.maximum_concurrency is not None or source.provisioned_pollers is not None or capacity is None:
        return source.maximum_concurrency
    return max(MIN_MAXIMUM_CONCURRENCY, min(MAX_MAXIMUM_CONCURRENCY, capacity // max(1, in_flight)))


def advised_visibility_seconds(settings: PipelineSettings) -> int:
    """Return what Lambda advises for the settings."""
    return ADVISED_VISIBILITY_FACTOR * settings.function.timeout_seconds + settings.event_source.batching_window_seconds


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
