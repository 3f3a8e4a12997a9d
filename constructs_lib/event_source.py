"""Binds queue to function. What must agree between the two, and with the endpoint, is derived and checked here."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from constructs_lib.function import BatchInferenceFunction
from constructs_lib.limits import (
    LAMBDA_PAYLOAD_BYTES,
    MAX_MAXIMUM_CONCURRENCY,
    MAX_RETENTION_SECONDS,
    MIN_MAXIMUM_CONCURRENCY,
    REAL_TIME_PAYLOAD_BYTES,
    SERVERLESS_PAYLOAD_BYTES,
)
from constructs_lib.queue import MessageQueue
from constructs_lib.settings import (
    EventSourceSettings,
    FunctionSettings,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    ServerlessCapacity,
)
from constructs_lib.validation import SettingsError, Violation, is_unresolved, require_valid

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
    LambdaEventSourceMapping,
    LambdaEventSourceMappingScalingConfig,
)
from constructs import Construct

from handler.settings import request_timeout_seconds

# Two, so that what a record holds up goes on beside it; more than eight would need more than a batch of records.
MIN_DERIVED_REQUESTS, MAX_DERIVED_REQUESTS = 2, 8
SQS_DEFAULT_VISIBILITY_SECONDS = 30
ADVISED_VISIBILITY_FACTOR = 6
# Lambda: CreateEventSourceMapping BatchSize for FIFO queues
FIFO_BATCH_SIZE = 10
# Lambda quotas: layers of one function
MAX_LAYERS = 5
# SageMaker: the time that a container has for an answer
CONTAINER_SECONDS = 60


class QueueEventSource(Construct):
    """The event source mapping: batches, partial batch responses, and a bound on concurrency."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        queue: MessageQueue,
        function: BatchInferenceFunction,
        settings: EventSourceSettings = EventSourceSettings(),
        after: Sequence[ITerraformDependable] = (),
    ) -> None:
        """`after` is what must exist before the first message flows, for instance the endpoint.

        Raises SettingsError if settings are out of bounds, or don't fit the queue's and the function's.
        """
        super().__init__(scope, id_)
        require_valid(self, settings)
        if violations := list(_binding_violations("", queue.settings, function.settings, settings)):
            raise SettingsError(replace(v, path=self.node.path) for v in violations)
        queue.grant_consume(function.role)
        self.mapping = LambdaEventSourceMapping(
            self,
            "mapping",
            event_source_arn=queue.queue.arn,
            function_name=function.arn,
            batch_size=settings.batch_size,
            maximum_batching_window_in_seconds=settings.batching_window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=None
            if settings.maximum_concurrency is None
            else LambdaEventSourceMappingScalingConfig(maximum_concurrency=settings.maximum_concurrency),
            # Without the right to read the queue, Lambda keeps retrying the creation for minutes; without the others,
            # or without an endpoint, the first messages would use up their receives.
            depends_on=[*function.role.policies, *after],
        )


def capacity_requests(capacity: ServerlessCapacity | InstanceCapacity) -> int:
    """Return how many requests an endpoint can take at once at its largest."""
    if isinstance(capacity, ServerlessCapacity):
        return capacity.max_concurrency
    return capacity.max_instances * capacity.concurrent_requests_per_instance


def unknown_at_synth(path: str, settings: PipelineSettings) -> list[Violation]:
    """Return what is a Terraform reference although other settings derive from its value."""
    capacity = settings.endpoint.capacity
    values: dict[str, object] = {
        "function.timeout_seconds": settings.function.timeout_seconds,
        "event_source.batch_size": settings.event_source.batch_size,
        "event_source.batching_window_seconds": settings.event_source.batching_window_seconds,
        "inference.max_records_per_request": settings.inference.max_records_per_request,
        "inference.max_concurrency": settings.inference.max_concurrency,
        "queue.max_receive_count": settings.queue.max_receive_count,
        **{f"endpoint.capacity.{f.name}": getattr(capacity, f.name) for f in fields(capacity)},
    }
    bound, reason = "known when synthesizing", "other settings derive from it"
    return [
        Violation(path, name, value, bound, reason, wrong_type=True)
        for name, value in values.items()
        if is_unresolved(value) and not name.endswith("instance_type")
    ]


def derive(settings: PipelineSettings) -> PipelineSettings:
    """Return the settings with every derived default filled in.

    visibility timeout: 6 x function timeout + batching window (Lambda's advice).
    requests in flight in one invocation: as many as a full batch needs, 2 at least and 8 at most.
    maximum concurrency: the endpoint's capacity divided by that, within Lambda's 2 to 1,000.
    """
    source, inference, queue = settings.event_source, settings.inference, settings.queue
    per_request = 1 if inference.codec == "single" else inference.max_records_per_request
    full_batch = math.ceil(source.batch_size / max(1, per_request))
    in_flight = inference.max_concurrency or max(MIN_DERIVED_REQUESTS, min(MAX_DERIVED_REQUESTS, full_batch))
    affordable = capacity_requests(settings.endpoint.capacity) // max(1, in_flight)
    concurrency = max(MIN_MAXIMUM_CONCURRENCY, min(MAX_MAXIMUM_CONCURRENCY, affordable))
    advised = _advised_visibility_seconds(settings)
    return replace(
        settings,
        queue=replace(queue, visibility_timeout_seconds=_or(queue.visibility_timeout_seconds, advised)),
        inference=replace(inference, max_concurrency=in_flight),
        event_source=replace(source, maximum_concurrency=_or(source.maximum_concurrency, concurrency)),
    )


def _binding_violations(
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


def chain_violations(path: str, settings: PipelineSettings) -> list[Violation]:
    """Return what can't work across resources."""
    violations = (*_chain_violations(path, settings), *_feature_violations(path, settings))
    return [violation for violation in violations if not is_unresolved(violation.value)]


def _chain_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    queue, function, source = settings.queue, settings.function, settings.event_source
    concurrency = source.maximum_concurrency
    yield from _binding_violations(path, queue, function, source, queue_prefix="queue.", source_prefix="event_source.")
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
    capacity = settings.endpoint.capacity
    if isinstance(capacity, ServerlessCapacity) and settings.inference.max_request_bytes > SERVERLESS_PAYLOAD_BYTES:
        bound = f"at most {SERVERLESS_PAYLOAD_BYTES} bytes"
        reason = "payload limit of serverless endpoints"
        yield Violation(path, "inference.max_request_bytes", settings.inference.max_request_bytes, bound, reason)
    scaled = isinstance(capacity, InstanceCapacity) and capacity.max_instances != capacity.min_instances
    if isinstance(capacity, InstanceCapacity) and scaled and capacity.instance_type.startswith("ml.t"):
        bound, reason = "another than ml.t*", "Application Auto Scaling does not support burstable instances"
        yield Violation(path, "endpoint.capacity.instance_type", capacity.instance_type, bound, reason)
    if isinstance(capacity, InstanceCapacity) and capacity.max_instances < capacity.min_instances:
        bound = f"at least endpoint.capacity.min_instances, {capacity.min_instances}"
        yield Violation(path, "endpoint.capacity.max_instances", capacity.max_instances, bound, "scaling range")


def _feature_violations(path: str, settings: PipelineSettings) -> Iterator[Violation]:
    """Yield what was asked for in one place and lacks its counterpart in another."""
    queue, function = settings.queue, settings.function
    if queue.high_throughput and not queue.fifo:
        yield Violation(path, "queue.high_throughput", True, "False, or queue.fifo True", "SQS: FIFO queues only")
    if settings.inference.fifo_dead_letters and not queue.fifo:
        reason = "standard queues have no order to break"
        yield Violation(path, "inference.fifo_dead_letters", True, "False, or queue.fifo True", reason)
    if settings.inference.sort_by_length and queue.fifo:
        yield Violation(path, "inference.sort_by_length", True, "False with queue.fifo", "it would break the order")
    if settings.results.sink == "s3" and not settings.results.location:
        yield Violation(path, "results.location", None, "s3://bucket/prefix/", "results.sink is s3")
    if ":" in settings.inference.codec and not function.layers:
        reason = "the handler's zip holds no code but its own"
        yield Violation(path, "function.layers", function.layers, "the layer that inference.codec is in", reason)
    if len(function.layers) > MAX_LAYERS:
        yield Violation(path, "function.layers", function.layers, f"at most {MAX_LAYERS} layers", "Lambda Layers")


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
    if isinstance(settings.endpoint.capacity, ServerlessCapacity) and request_timeout < CONTAINER_SECONDS:
        yield (
            f"function.timeout_seconds is {settings.function.timeout_seconds}: it leaves a request {request_timeout} "
            f"s, a cold serverless container may take {CONTAINER_SECONDS}; 75 or more lets it answer"
        )
    capacity = capacity_requests(settings.endpoint.capacity)
    in_flight = (source.maximum_concurrency or 0) * (inference.max_concurrency or 1)
    if in_flight > capacity:
        yield (
            f"event_source.maximum_concurrency x inference.max_concurrency is {in_flight}: the endpoint takes "
            f"{capacity} requests at its largest and throttles the rest"
        )
    if source.batch_size * queue.max_message_bytes > LAMBDA_PAYLOAD_BYTES:
        yield (
            f"event_source.batch_size x queue.max_message_bytes is {source.batch_size * queue.max_message_bytes} "
            f"bytes: Lambda cuts batches at {LAMBDA_PAYLOAD_BYTES}"
        )
    if inference.max_request_bytes > REAL_TIME_PAYLOAD_BYTES:
        yield (
            f"inference.max_request_bytes is {inference.max_request_bytes}: the InvokeEndpoint API model admits "
            f"{REAL_TIME_PAYLOAD_BYTES}"
        )
    if queue.dead_letter_retention_seconds == queue.message_retention_seconds < MAX_RETENTION_SECONDS:
        yield "queue.dead_letter_retention_seconds equals the queue's own: old messages leave no time to look at them"
    if queue.max_receive_count < 5:
        yield f"queue.max_receive_count is {queue.max_receive_count}: Lambda advises at least 5"


def _advised_visibility_seconds(settings: PipelineSettings) -> int:
    return ADVISED_VISIBILITY_FACTOR * settings.function.timeout_seconds + settings.event_source.batching_window_seconds


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
