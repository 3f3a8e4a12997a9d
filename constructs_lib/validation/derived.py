"""Defaults that are derived along the chains that lead across resources, and the facts that they are derived from.

Time: request -> function timeout -> visibility timeout. Concurrency: what the endpoint takes -> requests in flight ->
invocations.
"""

import math
from dataclasses import replace
from typing import TypeVar

from constructs_lib.settings import (
    AsyncCapacity,
    EndpointSettings,
    ExistingEndpoint,
    ExistingQueue,
    Hardware,
    HuggingFaceModel,
    MonitoringSettings,
    PipelineSettings,
)
from constructs_lib.settings.base import Settings
from constructs_lib.settings.handler import MIB, request_timeout_seconds
from constructs_lib.validation.instances import has_nvme
from constructs_lib.validation.limits import MAX_MAXIMUM_CONCURRENCY, MIN_MAXIMUM_CONCURRENCY

Keyed = TypeVar("Keyed", bound=Settings)

# Two, so that what a record holds up goes on beside it; more than eight would need more than a batch of records.
MIN_DERIVED_REQUESTS, MAX_DERIVED_REQUESTS = 2, 8
# Servers of language models put requests into batches by themselves: many have to be in flight.
MAX_DERIVED_CHATS = 64
MAX_RESPONSE_BYTES, MAX_CHAT_BYTES = 25 * MIB, MIB
# Tasks of text pipelines whose results for a text don't change with the padding behind it. Others do: a decoder goes on
# from the padding, and `feature-extraction` has a row for each token of it (transformers 4.57, pipelines/).
BATCHED_TASKS = (
    *("fill-mask", "ner", "question-answering", "sentiment-analysis", "text-classification", "token-classification"),
    "zero-shot-classification",
)
# Of even texts, batches of so many tokens are as fast as larger ones (docs/benchmarks.md, batched-inside).
PADDED_TOKENS = 4096
ADVISED_VISIBILITY_FACTOR = 6
LATENCY_ALARM_PERCENT = 80


def derive(settings: PipelineSettings) -> PipelineSettings:
    """Return the settings with every derived default filled in.

    customer keys: the pipeline's own one wherever none is set.
    visibility timeout: 6 x function timeout + batching window (Lambda's advice).
    task: that of the endpoint's models, where it is known.
    envelope: as it is for a codec of one's own, which may take it; refused by the others.
    requests in flight in one invocation: as many as a full batch needs, 2 at least and 8 at most; with codec chat 64 at
    most, and no more than the endpoint's capacity leaves to each of the invocations.
    longest answer: 25 MiB, with codec chat 1 MiB.
    batches inside: where AWS's Hugging Face container serves tasks that padding does not change; then a request has
    4,096 padded tokens at most, and but for FIFO queues records of like length share one.
    maximum concurrency: the endpoint's capacity divided by that, within Lambda's 2 to 1,000; none with provisioned
    pollers, and none for asynchronous endpoints, which queue requests themselves.
    alarm on the model's latency: at 80 % of what a request may take.
    """
    settings = with_key(settings)
    source, inference, queue = settings.event_source, settings.inference, settings.queue
    in_flight = inference.requests_in_flight or _requests_in_flight(settings)
    advised = advised_visibility_seconds(settings)
    return replace(
        settings,
        queue=replace(queue, visibility_timeout_seconds=_or(queue.visibility_timeout_seconds, advised)),
        inference=replace(
            inference,
            requests_in_flight=in_flight,
            max_response_bytes=inference.max_response_bytes
            or (MAX_CHAT_BYTES if inference.codec == "chat" else MAX_RESPONSE_BYTES),
            task=inference.task or settings.endpoint.task,
            envelope=inference.envelope or ("as-is" if ":" in inference.codec else "refuse"),
            batch_inside=(inside := _batch_inside(settings)),
            max_padded_tokens=inference.max_padded_tokens or (PADDED_TOKENS if inside else None),
            sort_by_length=(inside and not queue.fifo)
            if inference.sort_by_length is None
            else inference.sort_by_length,
        ),
        event_source=replace(source, maximum_concurrency=_maximum_concurrency(settings, in_flight)),
        monitoring=_monitoring(settings),
    )


def with_key(settings: PipelineSettings) -> PipelineSettings:
    """Return the settings with `kms_key_arn` for everything that is created, or written, and has no key of its own."""
    if (key := settings.kms_key_arn) is None:
        return settings
    queue, source, endpoint = settings.queue, settings.event_source, settings.endpoint
    monitoring, table = settings.monitoring, settings.idempotency
    return replace(
        settings,
        queue=queue if isinstance(queue, ExistingQueue) else _keyed(queue, key, "kms_key_arn"),
        event_source=_keyed(source, key, "filter_key_arn") if source.filters else source,
        function=_keyed(settings.function, key, "log_key_arn", "environment_key_arn"),
        endpoint=endpoint if isinstance(endpoint, ExistingEndpoint) else _endpoint_with_key(endpoint, key),
        results=settings.results
        if settings.results.sink in ("s3", "none")
        else _keyed(settings.results, key, "kms_key_arn"),
        idempotency=table and _keyed(table, key, "kms_key_arn"),
        monitoring=_keyed(monitoring, key, "topic_key_arn") if monitoring and not monitoring.topic_arn else monitoring,
    )


def _endpoint_with_key(endpoint: EndpointSettings, key: str) -> EndpointSettings:
    capacity, capture = endpoint.capacity, endpoint.data_capture
    keyed = replace(
        _keyed(endpoint, key, "log_key_arn"),
        capacity=_keyed(capacity, key, "output_key_arn") if isinstance(capacity, AsyncCapacity) else capacity,
        data_capture=capture and _keyed(capture, key, "kms_key_arn"),
    )
    variants = (*endpoint.production_variants, *endpoint.shadow_variants)
    takes_key = all(
        isinstance(variant.capacity, Hardware) and not has_nvme(variant.capacity.instance_type) for variant in variants
    )
    return _keyed(keyed, key, "volume_key_arn") if takes_key else keyed


def _keyed(settings: Keyed, key: str, *names: str) -> Keyed:
    """Return settings with the key under those names that have none."""
    return replace(settings, **{name: key for name in names if getattr(settings, name) is None})  # type: ignore[type-var]  # each is a dataclass


def records_per_request(settings: PipelineSettings) -> int:
    """Return how many records a request has at most; an asynchronous endpoint gets each by itself."""
    alone = settings.inference.codec in ("single", "chat") or settings.endpoint.async_capacity is not None
    return 1 if alone else settings.inference.max_records_per_request


def _requests_in_flight(settings: PipelineSettings) -> int:
    full_batch = math.ceil(settings.event_source.batch_size / max(1, records_per_request(settings)))
    if settings.inference.codec != "chat" or settings.endpoint.async_capacity is not None:
        return max(MIN_DERIVED_REQUESTS, min(MAX_DERIVED_REQUESTS, full_batch))
    return max(1, min(MAX_DERIVED_CHATS, full_batch, chats_per_invocation(settings)))


def chats_per_invocation(settings: PipelineSettings) -> int:
    """Return how many requests the endpoint takes of each invocation when as few as there can be run at once."""
    invocations = settings.event_source.maximum_concurrency or MIN_MAXIMUM_CONCURRENCY
    return (settings.endpoint.most_requests or 0) // invocations


def _batch_inside(settings: PipelineSettings) -> bool:
    inference, endpoint = settings.inference, settings.endpoint
    if inference.batch_inside is not None:
        return inference.batch_inside
    return (
        inference.codec == "huggingface"
        and records_per_request(settings) > 1
        and isinstance(endpoint, EndpointSettings)
        and all(isinstance(model, HuggingFaceModel) and model.task in BATCHED_TASKS for model in endpoint.models)
    )


def _monitoring(settings: PipelineSettings) -> MonitoringSettings | None:
    if settings.monitoring is None:
        return None
    latency = _or(settings.monitoring.model_latency_ms, 10 * LATENCY_ALARM_PERCENT * longest_request_seconds(settings))
    return replace(settings.monitoring, model_latency_ms=latency)


def longest_request_seconds(settings: PipelineSettings) -> int:
    """Return how long the model may take for one request."""
    if capacity := settings.endpoint.async_capacity:
        return capacity.invocation_timeout_seconds
    return request_timeout_seconds(settings.function.timeout_seconds)


def _maximum_concurrency(settings: PipelineSettings, in_flight: int) -> int | None:
    source, capacity = settings.event_source, settings.endpoint.most_requests
    if source.maximum_concurrency is not None or source.provisioned_pollers is not None or capacity is None:
        return source.maximum_concurrency
    return max(MIN_MAXIMUM_CONCURRENCY, min(MAX_MAXIMUM_CONCURRENCY, capacity // max(1, in_flight)))


def advised_visibility_seconds(settings: PipelineSettings) -> int:
    """Return what Lambda advises for the settings."""
    return ADVISED_VISIBILITY_FACTOR * settings.function.timeout_seconds + settings.event_source.batching_window_seconds


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
