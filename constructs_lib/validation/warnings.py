"""Warnings: settings that work but are not advised, across resources."""

from collections.abc import Iterator

from constructs_lib.settings import EventSourceSettings, PipelineSettings
from constructs_lib.settings.handler import MIB, request_timeout_seconds
from constructs_lib.validation.derived import advised_visibility_seconds
from constructs_lib.validation.limits import (
    INVOCATIONS_PER_POLLER,
    LAMBDA_PAYLOAD_BYTES,
    MAX_RETENTION_SECONDS,
    REAL_TIME_PAYLOAD_BYTES,
)
from constructs_lib.validation.relations import DEFAULT_FILTERS

# SageMaker: the time that a container has for an answer
CONTAINER_SECONDS = 60


def chain_warnings(settings: PipelineSettings) -> Iterator[str]:
    """Yield what works but is not advised, across resources."""
    yield from _time_warnings(settings)
    yield from _concurrency_warnings(settings)
    yield from _size_warnings(settings)
    yield from _filter_warnings(settings.event_source)
    if settings.queue.max_receive_count < 5:
        yield f"queue.max_receive_count is {settings.queue.max_receive_count}: Lambda advises at least 5"


def _time_warnings(settings: PipelineSettings) -> Iterator[str]:
    queue, function = settings.queue, settings.function
    advised, visibility = advised_visibility_seconds(settings), queue.visibility_timeout_seconds
    if visibility is not None and visibility < advised:
        yield (
            f"queue.visibility_timeout_seconds is {visibility}: Lambda advises {advised} (6 x function timeout + "
            "batching window), or throttled batches are delivered twice"
        )
    request_timeout = request_timeout_seconds(function.timeout_seconds)
    if settings.endpoint.is_serverless and request_timeout < CONTAINER_SECONDS:
        yield (
            f"function.timeout_seconds is {function.timeout_seconds}: it leaves a request {request_timeout} "
            f"s, a cold serverless container may take {CONTAINER_SECONDS}; 75 or more lets it answer"
        )
    if queue.dead_letter_retention_seconds == queue.message_retention_seconds < MAX_RETENTION_SECONDS:
        yield "queue.dead_letter_retention_seconds equals the queue's own: old messages leave no time to look at them"


def _concurrency_warnings(settings: PipelineSettings) -> Iterator[str]:
    source, capacity = settings.event_source, settings.endpoint.most_requests
    invocations, origin = source.maximum_concurrency or 0, "event_source.maximum_concurrency"
    if source.provisioned_pollers is not None:
        invocations = source.provisioned_pollers.maximum * INVOCATIONS_PER_POLLER
        origin = f"event_source.provisioned_pollers.maximum x {INVOCATIONS_PER_POLLER}"
    in_flight = invocations * (settings.inference.requests_in_flight or 1)
    if capacity is not None and in_flight > capacity:
        yield (
            f"{origin} x inference.requests_in_flight is {in_flight}: the endpoint takes "
            f"{capacity} requests at its largest and throttles the rest"
        )


def _size_warnings(settings: PipelineSettings) -> Iterator[str]:
    queue, source, inference = settings.queue, settings.event_source, settings.inference
    if source.batch_size * queue.max_message_bytes > LAMBDA_PAYLOAD_BYTES:
        yield (
            f"event_source.batch_size x queue.max_message_bytes is {source.batch_size * queue.max_message_bytes} "
            f"bytes: Lambda cuts batches at {LAMBDA_PAYLOAD_BYTES}"
        )
    if inference.max_request_bytes > REAL_TIME_PAYLOAD_BYTES and settings.endpoint.async_capacity is None:
        yield (
            f"inference.max_request_bytes is {inference.max_request_bytes}: the InvokeEndpoint API model admits "
            f"{REAL_TIME_PAYLOAD_BYTES}"
        )
    held = source.batch_size * inference.max_request_bytes
    if inference.input_location is not None and held > settings.function.memory_mib * MIB // 2:
        yield (
            f"event_source.batch_size x inference.max_request_bytes is {held} bytes: the function holds the inputs of "
            f"a batch at once, in function.memory_mib {settings.function.memory_mib}"
        )


def _filter_warnings(source: EventSourceSettings) -> Iterator[str]:
    if source.filters:
        yield "event_source.filters: Lambda deletes the messages that fit none of them from the queue"
    if len(source.filters) > DEFAULT_FILTERS:
        yield (
            f"event_source.filters has {len(source.filters)} patterns: Lambda admits {DEFAULT_FILTERS} before the "
            "account's quota is raised"
        )
