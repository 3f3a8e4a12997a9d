"""The whole road in one construct: queue, function, endpoint, results, and what binds them."""

import json
from collections.abc import Iterator
from typing import Any

from constructs_lib.async_inference import NotificationFunction, NotificationTopics, grant_put_requests
from constructs_lib.chains import async_capacity, chain_violations, chain_warnings, derive, unknown_at_synth
from constructs_lib.endpoint import ExistingModelEndpoint, ModelEndpoint
from constructs_lib.endpoint_relations import endpoint_models
from constructs_lib.event_source import QueueEventSource
from constructs_lib.function import BatchInferenceFunction
from constructs_lib.iam import key_statement, object_statement
from constructs_lib.idempotency import IdempotencyTable
from constructs_lib.limits import NAME_DESCRIPTION, NAME_PATTERN, ROLE_NAME_CHARACTERS, Pattern
from constructs_lib.naming import Environment
from constructs_lib.queue import ExistingMessageQueue, MessageQueue, Queue
from constructs_lib.results import ResultSink
from constructs_lib.settings import EndpointSettings, ExistingEndpoint, ExistingQueue, PipelineSettings
from constructs_lib.validation import SettingsError, Violation, check, holds, is_unresolved

from cdktf import Annotations, TerraformOutput
from constructs import Construct

from handler.settings import HandlerSettings, request_timeout_seconds

# The longest name made from the prefix: a role's, with the longest region name.
MAX_PREFIX_CHARACTERS = ROLE_NAME_CHARACTERS - len("-inference-ap-southeast-4")


class InferencePipeline(Construct):
    """Messages in, results out: one queue, one function, one endpoint, one results queue.

    `settings` of the construct holds the given ones with every derived default filled in.
    """

    def __init__(self, scope: Construct, id_: str, *, name: str, settings: PipelineSettings) -> None:
        """`name` begins the name of every resource, so it must not change later.

        Raises SettingsError with everything that is out of bounds, across all resources.
        """
        super().__init__(scope, id_)
        self.id = id_
        if check_pipeline("", name, settings):
            raise SettingsError(check_pipeline(self.node.path, name, settings))
        self.settings = derive(settings)
        for warning in chain_warnings(self.settings):
            Annotations.of(self).add_warning(warning)
        self.queue = self._make_queue(f"{name}-work")
        self.results = ResultSink(
            self,
            "results",
            name=f"{name}-results",
            settings=settings.results,
            fifo=settings.queue.fifo,
            bucket_key_arns=settings.bucket_key_arns,
        )
        self.table = (
            IdempotencyTable(self, "idempotency", name=f"{name}-idempotency", settings=settings.idempotency)
            if settings.idempotency
            else None
        )
        self._async_capacity = async_capacity(settings.endpoint)
        topics = NotificationTopics(self, "notifications", name=name) if self._async_capacity else None
        self.endpoint = self._make_endpoint(name, topics)
        self.function = BatchInferenceFunction(
            self,
            "function",
            name=f"{name}-inference",
            settings=settings.function,
            handler_settings=self._handler_settings(),
        )
        self._grant()
        self.notification_function = self._notify(f"{name}-notify", topics) if topics else None
        heard = self.notification_function.ready if self.notification_function else []
        self.event_source = QueueEventSource(
            self,
            "event-source",
            queue=self.queue,
            function=self.function,
            settings=self.settings.event_source,
            after=[*self.endpoint.before_requests, *heard],
        )
        self._output()

    @property
    def dead_letter_queue(self) -> Queue:
        """What could not be scored, each with its reason."""
        assert self.queue.dead_letter_queue is not None
        return self.queue.dead_letter_queue

    def _make_queue(self, name: str) -> Queue:
        settings = self.settings.queue
        if isinstance(settings, ExistingQueue):
            return ExistingMessageQueue(self, "work", settings=settings)
        return MessageQueue(self, "work", name=name, settings=settings)

    def _make_endpoint(self, name: str, topics: NotificationTopics | None) -> ModelEndpoint | ExistingModelEndpoint:
        settings = self.settings.endpoint
        if isinstance(settings, ExistingEndpoint):
            return ExistingModelEndpoint(self, settings)
        return ModelEndpoint(
            self,
            "endpoint",
            name=name,
            settings=settings,
            notifications=topics.arns if topics else None,
            queue_name=self.queue.name,
            after=topics.topics if topics else (),
        )

    def _handler_settings(self) -> HandlerSettings:
        inference = self.settings.inference
        return HandlerSettings(
            endpoint_name=self.endpoint.name,
            result_sink=self.settings.results.sink,
            result_target=self.results.target,
            overflow_location=self.settings.results.overflow_location or "",
            input_location=inference.input_location or "",
            **self._asynchronous(),
            **self._idempotency(),
            dead_letter_queue_url=self.dead_letter_queue.url,
            queue_url=self.queue.url,
            codec=inference.codec,
            parameters=inference.parameters,
            sort_by_length=inference.sort_by_length,
            fifo_dead_letters=inference.fifo_dead_letters,
            target_model=inference.target_model or "",
            inference_component_name=inference.inference_component_name or "",
            target_variant=inference.target_variant or "",
            targets_from_messages=inference.targets_from_messages,
            max_records=inference.max_records_per_request,
            max_bytes=inference.max_request_bytes,
            max_concurrency=inference.max_concurrency or 1,
            request_timeout_seconds=request_timeout_seconds(self.settings.function.timeout_seconds),
            max_receives=self.settings.queue.max_receive_count,
            metrics_namespace=inference.metrics_namespace,
            log_level=self.settings.function.log_level,
        )

    def _asynchronous(self) -> dict[str, Any]:
        capacity = self._async_capacity
        if capacity is None:
            return {}
        return {
            "asynchronous": True,
            "async_input_location": capacity.input_location,
            "async_inline": capacity.inline,
            "async_invocation_seconds": capacity.invocation_timeout_seconds,
        }

    def _notify(self, name: str, topics: NotificationTopics) -> NotificationFunction:
        """Make what hears of an asynchronous endpoint's answers."""
        assert self._async_capacity is not None
        function = NotificationFunction(
            self,
            "notify",
            name=name,
            settings=self.settings.function,
            handler_settings=self._handler_settings(),
            topics=topics,
        )
        function.grant(
            self._async_capacity, self.results, self.dead_letter_queue, bucket_keys=self.settings.bucket_key_arns
        )
        return function

    def _idempotency(self) -> dict[str, Any]:
        settings = self.settings.idempotency
        if self.table is None or settings is None:
            return {}
        return {"idempotency_table": self.table.name, "idempotency_seconds": settings.retention_seconds}

    def _grant(self) -> None:
        role = self.function.role
        self.queue.grant_delay(role)
        self.endpoint.grant_invoke(role, self.settings.inference.inference_component_name)
        if self._async_capacity is not None:
            grant_put_requests(role, self._async_capacity, self.settings.bucket_key_arns)
        self.results.grant_send(role)
        self.dead_letter_queue.grant_send(role)
        if self.table is not None:
            self.table.grant_remember(role)
        if location := self.settings.inference.input_location:
            environment, keys = Environment.of(self), self.settings.bucket_key_arns
            read = object_statement(environment, "s3:GetObject", location)
            role.allow(
                "read-inputs", read, *([key_statement(keys, "s3", environment.region, "Decrypt")] if keys else [])
            )

    def _output(self) -> None:
        values = {
            "queue_url": self.queue.url,
            "dead_letter_queue_url": self.dead_letter_queue.url,
            **self.results.outputs,
            "function_name": self.function.function.function_name,
            "endpoint_name": self.endpoint.name_output,
        }
        if self.notification_function is not None:
            values["notification_function_name"] = self.notification_function.function.function.function_name
        for name, value in values.items():
            output = TerraformOutput(self, name, value=value)
            output.override_logical_id(f"{self.id}_{name}".replace("-", "_"))


def check_pipeline(path: str, name: str, settings: PipelineSettings) -> list[Violation]:
    """Return everything that is out of bounds, without building anything."""
    violations = check(path, settings)
    prefix = Pattern(
        "name",
        f"(?=.{{1,{MAX_PREFIX_CHARACTERS}}}$){NAME_PATTERN}",
        f"1 to {MAX_PREFIX_CHARACTERS} {NAME_DESCRIPTION}",
        f"SageMaker EndpointName, and IAM role names of {ROLE_NAME_CHARACTERS} with suffix and region",
    )
    if not holds(prefix, name):
        violations.append(Violation(path, "name", name, prefix.description, prefix.reason))
    if any(violation.wrong_type for violation in violations):
        return violations
    violations += [
        Violation(path, f"endpoint.{place}", url, "s3:// and what follows", "the role's rights are made from it")
        for place, url in _endpoint_urls(settings.endpoint)
        if is_unresolved(url) and not url.startswith("s3://")  # no pattern was put to a reference
    ]
    try:
        json.dumps(settings.inference.parameters, allow_nan=False)
    except (TypeError, ValueError) as error:
        parameters = settings.inference.parameters
        violations.append(Violation(path, "inference.parameters", parameters, "a JSON object", str(error)))
    violations += unknown_at_synth(path, settings)
    if any(violation.wrong_type for violation in violations):
        return violations
    return violations + chain_violations(path, derive(settings))


def _endpoint_urls(settings: EndpointSettings | ExistingEndpoint) -> Iterator[tuple[str, str]]:
    """Yield the S3 URLs of an endpoint's settings, and where they are set."""
    if isinstance(settings, ExistingEndpoint):
        return
    holders = {**dict(endpoint_models(settings)), "capacity": settings.capacity, "data_capture": settings.data_capture}
    names = ("model_data_url", "model_data_prefix", "bundle_location", "location")
    for place, holder in holders.items():
        for name in (*names, "input_location", "output_location", "failure_location"):
            if url := getattr(holder, name, None):
                yield f"{place}.{name}", url
