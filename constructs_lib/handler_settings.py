"""The handler's environment, from the settings of its pipeline."""

from typing import Any

from constructs_lib.settings import PipelineSettings
from constructs_lib.variants import async_capacity

from handler.settings import HandlerSettings, request_timeout_seconds


def handler_settings(
    settings: PipelineSettings,
    *,
    endpoint_name: str,
    queue_url: str,
    dead_letter_queue_url: str,
    result_target: str,
    table_name: str = "",
) -> HandlerSettings:
    """Return what the handler reads; `settings` have every derived default filled in."""
    inference = settings.inference
    return HandlerSettings(
        endpoint_name=endpoint_name,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        result_sink=settings.results.sink,
        result_target=result_target,
        max_events_per_message=settings.results.max_events_per_message,
        overflow_location=settings.results.overflow_location or "",
        input_location=inference.input_location or "",
        codec=inference.codec,
        parameters=inference.parameters,
        sort_by_length=inference.sort_by_length,
        fifo_dead_letters=inference.fifo_dead_letters,
        target_model=inference.target_model or "",
        inference_component_name=inference.inference_component_name or "",
        target_variant=inference.target_variant or "",
        targets_from_messages=inference.targets_from_messages,
        max_records_per_request=inference.max_records_per_request,
        max_request_bytes=inference.max_request_bytes,
        requests_in_flight=inference.max_concurrency or 1,
        request_timeout_seconds=request_timeout_seconds(settings.function.timeout_seconds),
        max_receive_count=settings.queue.max_receive_count,
        metrics_namespace=inference.metrics_namespace,
        log_level=settings.function.log_level,
        **_asynchronous(settings),
        **_idempotency(settings, table_name),
    )


def _asynchronous(settings: PipelineSettings) -> dict[str, Any]:
    capacity = async_capacity(settings.endpoint)
    if capacity is None:
        return {}
    return {
        "asynchronous": True,
        "request_location": capacity.input_location,
        "async_inline": capacity.inline,
        "async_invocation_seconds": capacity.invocation_timeout_seconds,
    }


def _idempotency(settings: PipelineSettings, table_name: str) -> dict[str, Any]:
    if settings.idempotency is None:
        return {}
    return {"idempotency_table": table_name, "idempotency_seconds": settings.idempotency.retention_seconds}
