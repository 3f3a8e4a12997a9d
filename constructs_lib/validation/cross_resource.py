"""Violations across resources, once every default is derived.

Time: request -> function timeout -> visibility timeout -> retention. Concurrency: event source -> function. Size:
request -> endpoint. And what was asked for in one place and lacks its counterpart in another.
"""

from collections.abc import Iterator

from constructs_lib.settings import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    EventSourceSettings,
    ExistingEndpoint,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
)
from constructs_lib.settings.base import did_you_mean
from constructs_lib.validation.checker import Violation
from constructs_lib.validation.derived import longest_request_seconds
from constructs_lib.validation.limits import SERVERLESS_PAYLOAD_BYTES
from constructs_lib.validation.references import is_unresolved
from constructs_lib.validation.served_models import codec_relations

SQS_DEFAULT_VISIBILITY_SECONDS = 30
# Lambda: CreateEventSourceMapping BatchSize for FIFO queues
FIFO_BATCH_SIZE = 10


def chain_violations(path: str, settings: PipelineSettings) -> list[Violation]:
    """Return what can't work across resources."""
    violations = (
        *_chain_violations(path, settings),
        *_feature_violations(path, settings),
        *_monitoring_violations(path, settings),
        *_queue_scaling_violations(path, settings),
        *_async_violations(path, settings),
        *_target_violations(path, settings),
        *(Violation(path, one.property, one.value, one.bound, one.reason) for one in codec_relations(settings)),
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
    if settings.endpoint.is_serverless and settings.inference.max_request_bytes > SERVERLESS_PAYLOAD_BYTES:
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
    if (packed := settings.results.max_events_per_message) > 1 and queue.fifo:
        reason = "each message belongs to one message group"
        yield Violation(path, "results.max_events_per_message", packed, "1 with queue.fifo", reason)
    yield from _identity_violations(path, settings)
    if ":" in settings.inference.codec and not function.layers:
        reason = "the handler's zip holds no code but its own"
        yield Violation(path, "function.layers", function.layers, "the layer that inference.codec is in", reason)


def _identity_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what would tell nothing of whose messages they are."""
    results, inference, table = settings.results, settings.inference, settings.idempotency
    if table is not None and table.key == "correlation" and results.correlation is None:
        bound = "message-id, or results.correlation is to be set"
        yield Violation(path, "idempotency.key", table.key, bound, "two bodies alone may be of two senders")
    rows = inference.codec in ("csv", "csv-row") and inference.envelope in ("refuse", "sns", "extended-client", "as-is")
    if not (rows and inference.input_location is None):
        return
    reason = "the messages are rows, and no JSON"
    if (results.correlation or "").startswith("/"):
        bound = f"the name of a message attribute with the codec {inference.codec}"
        yield Violation(path, "results.correlation", results.correlation, bound, reason)
    if results.keep_members:
        bound = f"none with the codec {inference.codec}"
        yield Violation(path, "results.keep_members", results.keep_members, bound, reason)


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
    if settings.queue.fifo:
        reason = "SQS finds noisy groups on standard queues alone"
        for name in ("quiet_groups_age_seconds", "noisy_groups"):
            if (value := getattr(monitoring, name)) is not None:
                yield Violation(path, f"monitoring.{name}", value, "None with queue.fifo", reason)
    quiet = monitoring.quiet_groups_age_seconds
    if quiet is not None and quiet >= retention:
        bound = f"less than queue.message_retention_seconds, {retention} seconds"
        yield Violation(path, "monitoring.quiet_groups_age_seconds", quiet, bound, "no message grows so old")
    longest_ms = 1000 * longest_request_seconds(settings)
    if (monitoring.model_latency_ms or 0) >= longest_ms:
        bound = f"less than what a request may take, {longest_ms} ms"
        yield Violation(path, "monitoring.model_latency_ms", monitoring.model_latency_ms, bound, "nobody waits longer")


def _queue_scaling_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what would never add an instance: messages are gone before they are that old."""
    if isinstance(settings.endpoint, ExistingEndpoint):
        return
    retention = settings.queue.message_retention_seconds
    for variant in settings.endpoint.production_variants:
        scaling = variant.capacity.queue_scaling if isinstance(variant.capacity, InstanceCapacity) else None
        if scaling is not None and (scaling.age_seconds or 0) >= retention:
            bound = f"less than queue.message_retention_seconds, {retention} seconds"
            reason = "no message grows so old"
            place = f"endpoint.{variant.place}.queue_scaling.age_seconds"
            yield Violation(path, place, scaling.age_seconds, bound, reason)


def _async_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what an asynchronous endpoint can't keep to."""
    capacity, inference = settings.endpoint.async_capacity, settings.inference
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
    requests = capacity.request_location
    for name, inputs in _input_locations(inference):
        if inputs.startswith(requests) or requests.startswith(inputs):
            bound = f"apart from endpoint.capacity.request_location, {requests}"
            yield Violation(path, name, inputs, bound, "what lies there is a whole request")


def _input_locations(inference: InferenceSettings) -> Iterator[tuple[str, str]]:
    """Yield each place that messages may point into, after the name of its setting."""
    if inference.input_location is not None:
        yield "inference.input_location", inference.input_location
    for position, location in enumerate(inference.more_input_locations):
        yield f"inference.more_input_locations[{position}]", location


def _target_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield targets that the endpoint which is created does not have."""
    endpoint, inference = settings.endpoint, settings.inference
    if isinstance(endpoint, ExistingEndpoint) or isinstance(endpoint.capacity, AsyncCapacity):
        return  # InvokeEndpointAsync takes no target
    if inference.inference_component_name is not None:
        bound = "None, or endpoint an ExistingEndpoint that has components"
        reason = "each variant that is created has a model of its own"
        yield Violation(path, "inference.inference_component_name", inference.inference_component_name, bound, reason)
    variants = [variant.name for variant in endpoint.production_variants]
    if inference.target_variant is not None and inference.target_variant not in variants:
        bound = f"one of {', '.join(variants)}{did_you_mean(inference.target_variant, variants)}"
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


def binding_violations(
    path: str,
    queue: QueueSettings,
    function: FunctionSettings,
    source: EventSourceSettings,
    *,
    queue_prefix: str = "",
    source_prefix: str = "",
) -> Iterator[Violation]:
    """Yield what Lambda would refuse of a queue, a function and the mapping between them."""
    visibility = queue.visibility_timeout_seconds
    if visibility is None:
        visibility = SQS_DEFAULT_VISIBILITY_SECONDS
    if visibility < function.timeout_seconds:
        bound = f"at least function.timeout_seconds, {function.timeout_seconds} seconds"
        reason = "a message would be delivered again while it is being worked on; Lambda refuses the mapping"
        yield Violation(path, f"{queue_prefix}visibility_timeout_seconds", visibility, bound, reason)
    if queue.fifo and source.batch_size > FIFO_BATCH_SIZE:
        reason = "Lambda: batches of FIFO queues"
        yield Violation(path, f"{source_prefix}batch_size", source.batch_size, f"at most {FIFO_BATCH_SIZE}", reason)
    elif queue.fifo and source.batching_window_seconds:
        window, reason = source.batching_window_seconds, "Lambda: FIFO queues have no batching window"
        yield Violation(path, f"{source_prefix}batching_window_seconds", window, "0", reason)
    elif source.batch_size > 10 and source.batching_window_seconds < 1:
        reason = "Lambda: batches over 10 messages need a batching window"
        yield Violation(path, f"{source_prefix}batching_window_seconds", 0, "at least 1 second", reason)
