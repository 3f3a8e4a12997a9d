"""The chains that lead across resources: defaults derived along them, and what can't work, or isn't advised.

Time: request -> function timeout -> visibility timeout -> retention. Concurrency: event source x requests in flight ->
what the endpoint takes. Size: message -> batch -> request.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from constructs_lib.event_source import binding_violations
from constructs_lib.limits import (
    LAMBDA_PAYLOAD_BYTES,
    MAX_MAXIMUM_CONCURRENCY,
    MAX_RETENTION_SECONDS,
    MIN_MAXIMUM_CONCURRENCY,
    REAL_TIME_PAYLOAD_BYTES,
    SERVERLESS_PAYLOAD_BYTES,
)
from constructs_lib.relations import DEFAULT_FILTERS
from constructs_lib.settings import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ServerlessCapacity,
)
from constructs_lib.validation import Violation, is_unresolved

from handler.settings import MIB, request_timeout_seconds

# Two, so that what a record holds up goes on beside it; more than eight would need more than a batch of records.
MIN_DERIVED_REQUESTS, MAX_DERIVED_REQUESTS = 2, 8
ADVISED_VISIBILITY_FACTOR = 6
# SageMaker: the time that a container has for an answer
CONTAINER_SECONDS = 60
LATENCY_ALARM_PERCENT = 80
# Lambda: concurrent invocations by one provisioned poller
INVOCATIONS_PER_POLLER = 10


Capacity = ServerlessCapacity | InstanceCapacity | AsyncCapacity


def endpoint_requests(endpoint: EndpointSettings | ExistingEndpoint) -> int | None:
    """Return how many requests an endpoint can take at once at its largest; None where it queues them itself.

    Of several variants, that is until the first of them has its share.
    """
    if isinstance(endpoint, ExistingEndpoint):
        return endpoint.concurrent_requests
    own = capacity_requests(endpoint.capacity)
    _, weight, capacity = first_full(endpoint)
    if own is None or weight == 0:
        return own
    return (capacity_requests(capacity) or 0) * total_weight(endpoint) // weight


def first_full(endpoint: EndpointSettings) -> tuple[str, int, Capacity]:
    """Return name, weight and capacity of the variant that has its share of the requests first."""
    variants: list[tuple[str, int, Capacity]] = [(endpoint.variant_name, endpoint.weight, endpoint.capacity)]
    variants += [(variant.name, variant.weight, variant.capacity) for variant in endpoint.more_variants]
    taking = [variant for variant in variants if variant[1]]
    return min(taking, key=lambda variant: (capacity_requests(variant[2]) or 0) / variant[1], default=variants[0])


def total_weight(endpoint: EndpointSettings) -> int:
    return endpoint.weight + sum(variant.weight for variant in endpoint.more_variants)


def capacity_requests(capacity: Capacity) -> int | None:
    """Return how many requests a variant can take at once at its largest; None where it queues them itself."""
    match capacity:
        case ServerlessCapacity(max_concurrency=requests):
            return requests
        case InstanceCapacity(concurrent_requests_per_instance=requests):
            return most_instances(capacity) * requests
        case AsyncCapacity():
            return None


def most_instances(capacity: InstanceCapacity) -> int:
    """Return how many instances there may be at any time of the schedule."""
    return max(capacity.max_instances, *(entry.max_instances for entry in capacity.schedule), 0)


def is_serverless(endpoint: EndpointSettings | ExistingEndpoint) -> bool:
    """Whether requests have the limits of serverless endpoints."""
    if isinstance(endpoint, ExistingEndpoint):
        return endpoint.serverless
    return isinstance(endpoint.capacity, ServerlessCapacity)


def async_capacity(endpoint: EndpointSettings | ExistingEndpoint) -> AsyncCapacity | None:
    """Return what an asynchronous endpoint runs on; None of any other endpoint."""
    capacity = None if isinstance(endpoint, ExistingEndpoint) else endpoint.capacity
    return capacity if isinstance(capacity, AsyncCapacity) else None


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
    advised = _advised_visibility_seconds(settings)
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
    latency = _or(settings.monitoring.model_latency_ms, 10 * LATENCY_ALARM_PERCENT * _request_seconds(settings))
    return replace(settings.monitoring, model_latency_ms=latency)


def _request_seconds(settings: PipelineSettings) -> int:
    """Return how long the model may take for one request."""
    if capacity := async_capacity(settings.endpoint):
        return capacity.invocation_timeout_seconds
    return request_timeout_seconds(settings.function.timeout_seconds)


def _maximum_concurrency(settings: PipelineSettings, in_flight: int) -> int | None:
    source, capacity = settings.event_source, endpoint_requests(settings.endpoint)
    if source.maximum_concurrency is not None or source.provisioned_pollers is not None or capacity is None:
        return source.maximum_concurrency
    return max(MIN_MAXIMUM_CONCURRENCY, min(MAX_MAXIMUM_CONCURRENCY, capacity // max(1, in_flight)))


def chain_violations(path: str, settings: PipelineSettings) -> list[Violation]:
    """Return what can't work across resources."""
    violations = (
        *_chain_violations(path, settings),
        *_feature_violations(path, settings),
        *_monitoring_violations(path, settings),
        *_queue_scaling_violations(path, settings),
        *_async_violations(path, settings),
        *_target_violations(path, settings),
    )
    return [violation for violation in violations if not is_unresolved(violation.value)]


def _chain_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    queue, function, source = settings.queue, settings.function, settings.event_source
    concurrency = source.maximum_concurrency
    yield from binding_violations(path, queue, function, source, queue_prefix="queue.", source_prefix="event_source.")
    if queue.dead_letter_retention_seconds < queue.message_retention_seconds:
        bound = f"at least queue.message_retention_seconds, {queue.message_retention_seconds} seconds"
        reason = "a dead letter's age counts from its first arrival on the work queue"
        yield Violation(path, "queue.dead_letter_retention_seconds", queue.dead_letter_retention_seconds, bound, reason)
    all_receives = (queue.visibility_timeout_seconds or 0) * queue.max_receive_count
    if queue.message_retention_seconds <= all_receives:
        bound = f"more than visibility timeout x queue.max_receive_count, {all_receives} seconds"
        reason = "a failing message would expire before it is dead-lettered"
        yield Violation(path, "queue.message_retention_seconds", queue.message_retention_seconds, bound, reason)
    reserved = function.reserved_concurrency
    if reserved is not None and concurrency is not None and reserved < concurrency:
        bound = f"at least event_source.maximum_concurrency, {concurrency}"
        reason = "throttled invocations use up a message's receives"
        yield Violation(path, "function.reserved_concurrency", reserved, bound, reason)
    if is_serverless(settings.endpoint) and settings.inference.max_request_bytes > SERVERLESS_PAYLOAD_BYTES:
        bound = f"at most {SERVERLESS_PAYLOAD_BYTES} bytes"
        reason = "payload limit of serverless endpoints"
        yield Violation(path, "inference.max_request_bytes", settings.inference.max_request_bytes, bound, reason)


def _feature_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what was asked for in one place and lacks its counterpart in another."""
    queue, function = settings.queue, settings.function
    if settings.inference.fifo_dead_letters and not queue.fifo:
        reason = "standard queues have no order to break"
        yield Violation(path, "inference.fifo_dead_letters", True, "False, or queue.fifo True", reason)
    if settings.inference.sort_by_length and queue.fifo:
        yield Violation(path, "inference.sort_by_length", True, "False with queue.fifo", "it would break the order")
    if ":" in settings.inference.codec and not function.layers:
        reason = "the handler's zip holds no code but its own"
        yield Violation(path, "function.layers", function.layers, "the layer that inference.codec is in", reason)


def _monitoring_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield alarms that could never ring."""
    monitoring, retention = settings.monitoring, settings.queue.message_retention_seconds
    if monitoring is None:
        return
    if monitoring.queue_age_seconds >= retention:
        bound = f"less than queue.message_retention_seconds, {retention} seconds"
        yield Violation(
            path, "monitoring.queue_age_seconds", monitoring.queue_age_seconds, bound, "no message grows so old"
        )
    longest_ms = 1000 * _request_seconds(settings)
    if (monitoring.model_latency_ms or 0) >= longest_ms:
        bound = f"less than what a request may take, {longest_ms} ms"
        yield Violation(path, "monitoring.model_latency_ms", monitoring.model_latency_ms, bound, "nobody waits longer")


def _queue_scaling_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what would never add an instance: messages are gone before they are that old."""
    if isinstance(settings.endpoint, ExistingEndpoint):
        return
    retention = settings.queue.message_retention_seconds
    places = {"endpoint.capacity": settings.endpoint.capacity}
    for position, variant in enumerate(settings.endpoint.more_variants):
        places[f"endpoint.more_variants[{position}].capacity"] = variant.capacity
    for place, capacity in places.items():
        scaling = capacity.queue_scaling if isinstance(capacity, InstanceCapacity) else None
        if scaling is not None and (scaling.age_seconds or 0) >= retention:
            bound = f"less than queue.message_retention_seconds, {retention} seconds"
            reason = "no message grows so old"
            yield Violation(path, f"{place}.queue_scaling.age_seconds", scaling.age_seconds, bound, reason)


def _async_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what an asynchronous endpoint can't keep to."""
    capacity, inference = async_capacity(settings.endpoint), settings.inference
    if capacity is None:
        return
    if settings.queue.fifo:
        reason = "it answers in any order"
        yield Violation(path, "queue.fifo", True, "False with an asynchronous endpoint", reason)
    targets: dict[str, object] = {
        f"inference.{name}": getattr(inference, name)
        for name in ("target_model", "inference_component_name", "target_variant", "targets_from_messages")
    }
    if isinstance(settings.endpoint, EndpointSettings) and isinstance(settings.endpoint.model, ContainerModel):
        targets["endpoint.model.multi_model"] = settings.endpoint.model.multi_model
    for name, value in targets.items():
        if value:
            bound = f"{False if value is True else None} with an asynchronous endpoint"
            yield Violation(path, name, value, bound, "InvokeEndpointAsync takes no target")
    inputs, requests = inference.input_location or "", capacity.input_location
    if inputs and (inputs.startswith(requests) or requests.startswith(inputs)):
        bound = f"apart from endpoint.capacity.input_location, {requests}"
        yield Violation(path, "inference.input_location", inputs, bound, "what lies there is a whole request")


def _target_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield targets that the endpoint which is made does not have."""
    endpoint, inference = settings.endpoint, settings.inference
    if isinstance(endpoint, ExistingEndpoint) or isinstance(endpoint.capacity, AsyncCapacity):
        return  # InvokeEndpointAsync takes no target
    if inference.inference_component_name is not None:
        bound = "None, or endpoint an ExistingEndpoint that has components"
        reason = "each variant that is made has a model of its own"
        yield Violation(path, "inference.inference_component_name", inference.inference_component_name, bound, reason)
    variants = [endpoint.variant_name, *(variant.name for variant in endpoint.more_variants)]
    if inference.target_variant is not None and inference.target_variant not in variants:
        bound = f"one of {', '.join(variants)}"
        yield Violation(path, "inference.target_variant", inference.target_variant, bound, "the endpoint's variants")
    named = inference.target_model is not None or inference.targets_from_messages
    multi_model = isinstance(endpoint.model, ContainerModel) and endpoint.model.multi_model
    if multi_model and not named:
        reason = "each request to a multi-model endpoint names its model"
        bound = "an archive's name, or targets_from_messages True"
        yield Violation(path, "inference.target_model", None, bound, reason)
    if inference.target_model is not None and not multi_model:
        reason = "the endpoint has one model"
        yield Violation(path, "inference.target_model", inference.target_model, "None without multi_model", reason)


def chain_warnings(settings: PipelineSettings) -> Iterator[str]:
    """Return what works but is not advised, across resources."""
    queue, source, inference = settings.queue, settings.event_source, settings.inference
    advised, visibility = _advised_visibility_seconds(settings), queue.visibility_timeout_seconds
    if visibility is not None and visibility < advised:
        yield (
            f"queue.visibility_timeout_seconds is {visibility}: Lambda advises {advised} (6 x function timeout + "
            "batching window), or throttled batches are delivered twice"
        )
    request_timeout = request_timeout_seconds(settings.function.timeout_seconds)
    if is_serverless(settings.endpoint) and request_timeout < CONTAINER_SECONDS:
        yield (
            f"function.timeout_seconds is {settings.function.timeout_seconds}: it leaves a request {request_timeout} "
            f"s, a cold serverless container may take {CONTAINER_SECONDS}; 75 or more lets it answer"
        )
    capacity = endpoint_requests(settings.endpoint)
    invocations, origin = source.maximum_concurrency or 0, "event_source.maximum_concurrency"
    if source.provisioned_pollers is not None:
        invocations = source.provisioned_pollers.maximum * INVOCATIONS_PER_POLLER
        origin = f"event_source.provisioned_pollers.maximum x {INVOCATIONS_PER_POLLER}"
    in_flight = invocations * (inference.max_concurrency or 1)
    if capacity is not None and in_flight > capacity:
        yield (
            f"{origin} x inference.max_concurrency is {in_flight}: the endpoint takes "
            f"{capacity} requests at its largest and throttles the rest"
        )
    if source.batch_size * queue.max_message_bytes > LAMBDA_PAYLOAD_BYTES:
        yield (
            f"event_source.batch_size x queue.max_message_bytes is {source.batch_size * queue.max_message_bytes} "
            f"bytes: Lambda cuts batches at {LAMBDA_PAYLOAD_BYTES}"
        )
    if inference.max_request_bytes > REAL_TIME_PAYLOAD_BYTES and async_capacity(settings.endpoint) is None:
        yield (
            f"inference.max_request_bytes is {inference.max_request_bytes}: the InvokeEndpoint API model admits "
            f"{REAL_TIME_PAYLOAD_BYTES}"
        )
    if queue.dead_letter_retention_seconds == queue.message_retention_seconds < MAX_RETENTION_SECONDS:
        yield "queue.dead_letter_retention_seconds equals the queue's own: old messages leave no time to look at them"
    yield from _filter_warnings(source)
    held = source.batch_size * inference.max_request_bytes
    if inference.input_location is not None and held > settings.function.memory_mib * MIB // 2:
        yield (
            f"event_source.batch_size x inference.max_request_bytes is {held} bytes: the function holds the inputs of "
            f"a batch at once, in function.memory_mib {settings.function.memory_mib}"
        )
    if queue.max_receive_count < 5:
        yield f"queue.max_receive_count is {queue.max_receive_count}: Lambda advises at least 5"


def _filter_warnings(source: EventSourceSettings) -> Iterator[str]:
    if source.filters:
        yield "event_source.filters: Lambda deletes the messages that fit none of them from the queue"
    if len(source.filters) > DEFAULT_FILTERS:
        yield (
            f"event_source.filters has {len(source.filters)} patterns: Lambda admits {DEFAULT_FILTERS} before the "
            "account's quota is raised"
        )


def _advised_visibility_seconds(settings: PipelineSettings) -> int:
    return ADVISED_VISIBILITY_FACTOR * settings.function.timeout_seconds + settings.event_source.batching_window_seconds


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
