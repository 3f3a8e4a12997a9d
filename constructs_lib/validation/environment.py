"""The handler's environment, from the settings of its pipeline."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from constructs_lib.settings import InferenceSettings, PipelineSettings
from constructs_lib.settings.handler import HandlerSettings, request_timeout_seconds
from constructs_lib.validation.checker import Violation
from constructs_lib.validation.limits import MAX_ENVIRONMENT_BYTES
from constructs_lib.validation.references import is_unresolved


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
    return HandlerSettings(
        endpoint_name=endpoint_name,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        result_sink=settings.results.sink,
        result_target=result_target,
        max_events_per_message=settings.results.max_events_per_message,
        pass_attributes=settings.results.pass_attributes,
        correlation=settings.results.correlation or "",
        keep_members=settings.results.keep_members,
        pass_message_group=settings.results.pass_message_group,
        overflow_location=settings.results.overflow_location or "",
        request_timeout_seconds=request_timeout_seconds(settings.function.timeout_seconds),
        max_receive_count=settings.queue.max_receive_count,
        log_level=settings.function.log_level,
        **_inference(settings.inference),
        **_asynchronous(settings),
        **_idempotency(settings, table_name),
    )


def _inference(settings: InferenceSettings) -> dict[str, Any]:
    """Return the settings that both sides know by the same name; one that is None has the handler's default."""
    names = {f.name for f in fields(settings)} & {f.name for f in fields(HandlerSettings)}
    return {name: value for name in sorted(names) if (value := getattr(settings, name)) is not None}


def _asynchronous(settings: PipelineSettings) -> dict[str, Any]:
    capacity = settings.endpoint.async_capacity
    if capacity is None:
        return {}
    return {
        "asynchronous": True,
        "request_location": capacity.request_location,
        "output_location": capacity.output_location,
        "async_inline": capacity.inline,
        "async_invocation_seconds": capacity.invocation_timeout_seconds,
    }


def _idempotency(settings: PipelineSettings, table_name: str) -> dict[str, Any]:
    if settings.idempotency is None:
        return {}
    table = settings.idempotency
    return {
        "idempotency_table": table_name,
        "idempotency_seconds": table.retention_seconds,
        "idempotency_key": table.key,
        "model_version": table.model_version or "",
    }


def environment_violations(path: str, property_: str, handler_settings: HandlerSettings) -> Iterator[Violation]:
    """Yield that Lambda would refuse the environment; references count nothing."""
    sizes = {
        name: len(name.encode()) + (0 if is_unresolved(value) else len(value.encode()))
        for name, value in handler_settings.to_environment().items()
    }
    if sum(sizes.values()) > MAX_ENVIRONMENT_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        bound = f"at most {MAX_ENVIRONMENT_BYTES} bytes; {largest} alone has {sizes[largest]}"
        yield Violation(path, property_, f"{sum(sizes.values())} bytes", bound, "Lambda quotas")
