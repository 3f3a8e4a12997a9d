"""A whole pipeline in one construct: queue, function, endpoint, results, and what binds them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from constructs_lib.composition.operator_rights import OperatedPipeline
from constructs_lib.composition.own_parts import OwnParts
from constructs_lib.core.iam import ServiceRole, Statement, key_statements, object_statement
from constructs_lib.core.naming import DeployTarget
from constructs_lib.endpoint.endpoint import ExistingModelEndpoint, ModelEndpoint
from constructs_lib.function.event_source import QueueEventSource
from constructs_lib.function.function import BatchInferenceFunction
from constructs_lib.function.idempotency import IdempotencyTable
from constructs_lib.function.notification import NotificationFunction, NotificationTopics, grant_put_requests
from constructs_lib.messaging.feed import ResultFeed
from constructs_lib.messaging.queue import MessageQueue, Queue
from constructs_lib.messaging.results import ResultSink
from constructs_lib.monitoring.metrics import WatchedPipeline
from constructs_lib.monitoring.monitoring import PipelineMonitoring
from constructs_lib.settings import EndpointSettings, PipelineSettings
from constructs_lib.settings.handler import HandlerSettings
from constructs_lib.validation.checker import SettingsError, Violation
from constructs_lib.validation.derived import derive
from constructs_lib.validation.environment import handler_settings
from constructs_lib.validation.feeds import kept_violations
from constructs_lib.validation.matching import matching_violations
from constructs_lib.validation.pipeline_checks import check_pipeline
from constructs_lib.validation.warnings import pipeline_warnings

import jsii
from cdktf import Annotations, ITerraformDependable, TerraformOutput, TerraformStack
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from constructs import Construct, IValidation

# Paths of pipelines by output, of each stack, which has one deploy target.
_outputs: "WeakKeyDictionary[DeployTarget, dict[str, str]]" = WeakKeyDictionary()

# By deploy target, which each stack has one of.
_named: "WeakKeyDictionary[DeployTarget, WeakValueDictionary[str, InferencePipeline]]" = WeakKeyDictionary()


@jsii.implements(ITerraformDependable)
class InferencePipeline(Construct):
    """Messages in, results out: one queue, one function, one endpoint, one results queue.

    `settings` of the construct holds the given ones with every derived default filled in.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: PipelineSettings,
        queue: Queue | SqsQueue | None = None,
        dead_letter_queue: SqsQueue | None = None,
        role: ServiceRole | IamRole | None = None,
        endpoint: ModelEndpoint | ExistingModelEndpoint | SagemakerEndpoint | None = None,
        results_queue: Queue | None = None,
    ) -> None:
        """`name` begins the name of every resource, so it must not change later.

        `results_queue` takes the results in the place of one that is created, for instance the `queue` of the next
        pipeline; `settings.results.sink` is `sqs` then.

        `queue`, `role` and `endpoint` are made elsewhere in the stack and are used instead of new ones. A construct of
        this library says how it is set. A resource of the provider does not: `settings` then have an `ExistingQueue` or
        `ExistingEndpoint`, and `dead_letter_queue` is the queue's.

        Raises SettingsError with everything that is out of bounds, across all resources.
        """
        _require_free_id(scope, id_)
        super().__init__(scope, id_)
        self.id, self._name = id_, name
        self._own = OwnParts(queue=queue, dead_letter_queue=dead_letter_queue, role=role, endpoint=endpoint)
        settings = self._own.complete(self, settings)
        # The path is Node's to tell, and costs a call to it: it is asked for only where a violation names it.
        if check_pipeline("", name, settings):
            raise SettingsError(check_pipeline(self.node.path, name, settings))
        self._claim_name(name)
        self.settings = derive(settings)
        self.warnings = list(pipeline_warnings(self.settings, DeployTarget.of(self).region))
        for warning in self.warnings:
            Annotations.of(self).add_warning(str(warning))
        self.queue = self._make_queue(f"{name}-work")
        self.results = self._make_results(f"{name}-results", results_queue)
        self.table = self._make_table(f"{name}-idempotency")
        self._async_capacity = settings.endpoint.async_capacity
        topics = NotificationTopics(self, "notifications", name=name) if self._async_capacity else None
        self.endpoint = self._make_endpoint(name, topics)
        self.function = self._make_function(f"{name}-inference")
        self._grant()
        self.notification_function = self._notify(f"{name}-notify", topics) if topics else None
        self.event_source = self._make_event_source()
        self.monitoring = self._watch(name)
        self._output()

    def feed(self, source: "InferencePipeline", matching: Mapping[str, Any] | None = None) -> None:
        """Have the queue get the results of another pipeline, whose sink is a topic or a bus.

        `matching` is a pattern over the event, by default all results match. Raises SettingsError if the queue exists
        already, if the sink refuses the pattern or no result could fit it, or if results lack what is scored.
        """
        if not isinstance(self.queue, MessageQueue):
            bound, reason = "a queue that is created", "the policy of an existing queue is not changed"
            raise SettingsError([Violation(self.node.path, "queue", "an existing queue", bound, reason)])
        pattern, results, scored = matching or {}, source.results.settings, self.settings.inference
        if [*matching_violations("", "matching", pattern, results), *kept_violations("", self.id, scored, results)]:
            wrong = matching_violations(self.node.path, "matching", pattern, results)
            raise SettingsError([*wrong, *kept_violations(source.node.path, self.id, scored, results)])
        name = f"{self._name}-feed"
        feed = ResultFeed(self, "feed", name=name, source=source.results, queue=self.queue, matching=matching)
        # What is published before anybody is subscribed is lost.
        source.event_source.wait_for(feed.link)

    def _claim_name(self, name: str) -> None:
        """Raises SettingsError if another pipeline of the stack has the name."""
        if (owner := _pipelines_by_name(self).setdefault(name.lower(), self)) is not self:
            bound, reason = f"another name than that of {owner.node.path}", "one account and region; IAM ignores case"
            raise SettingsError([Violation(self.node.path, "name", name, bound, reason)])

    @property
    def dead_letter_queue(self) -> Queue:
        """The queue of records that could not be scored, each with its reason."""
        assert self.queue.dead_letter_queue is not None
        return self.queue.dead_letter_queue

    @property
    def dependencies(self) -> Sequence[ITerraformDependable]:
        """Resources that must exist before messages are sent: the queue's policy, which S3 asks, and the mapping."""
        return [*self.queue.policies, self.event_source.mapping]

    @property
    def fqn(self) -> str:
        """Address of the pipeline's last resource, the event source mapping: what `depends_on=[pipeline]` means."""
        return self.event_source.mapping.fqn

    def grant_operate(self, role: ServiceRole) -> None:
        """Let a role run the operator's desk (`operate`) on this pipeline: status, dead letters, smoke and load.

        Some rights to read are of the whole account, since AWS has none that are narrower.
        """
        operated = OperatedPipeline(
            name=self._name,
            settings=self.settings,
            deploy_target=DeployTarget.of(self),
            work=self.queue,
            dead_letters=self.dead_letter_queue,
            results=self.results.queue,
            function_name=self.function.name,
            endpoint_arn=self.endpoint.arn,
        )
        role.allow(f"operate-{self._name}", *operated.statements())

    def _make_queue(self, name: str) -> Queue:
        own = self._own.make_queue(self, "work", self.settings.queue)
        return own or MessageQueue(self, "work", name=name, settings=self.settings.queue)

    def _make_function(self, name: str) -> BatchInferenceFunction:
        return BatchInferenceFunction(
            self,
            "function",
            name=name,
            settings=self.settings.function,
            handler_settings=self._handler_settings(),
        )

    def _make_event_source(self) -> QueueEventSource:
        notifications = self.notification_function.dependencies if self.notification_function else []
        return QueueEventSource(
            self,
            "event-source",
            queue=self.queue,
            function=self.function,
            settings=self.settings.event_source,
            depends_on=[*self.endpoint.dependencies, *notifications],
        )

    def _make_results(self, name: str, queue: Queue | None) -> ResultSink:
        is_fit = queue is None or queue.settings.fifo is self.queue.settings.fifo
        if queue is not None and not (is_fit and self.settings.results.sink == "sqs"):
            bound = "sqs with results_queue, of the same type, FIFO or standard, as the work queue"
            sink = self.settings.results.sink
            raise SettingsError([Violation(self.node.path, "results.sink", sink, bound, "results are sent there")])
        return ResultSink(
            self,
            "results",
            name=name,
            settings=self.settings.results,
            queue=queue,
            fifo=self.settings.queue.fifo,
            bucket_key_arns=self.settings.bucket_key_arns,
        )

    def _make_table(self, name: str) -> IdempotencyTable | None:
        settings = self.settings.idempotency
        return IdempotencyTable(self, "idempotency", name=name, settings=settings) if settings else None

    def _make_endpoint(self, name: str, topics: NotificationTopics | None) -> ModelEndpoint | ExistingModelEndpoint:
        if own := self._own.make_endpoint(self, self.settings):
            return own
        settings = self.settings.endpoint
        assert isinstance(settings, EndpointSettings)
        return ModelEndpoint(
            self,
            "endpoint",
            name=name,
            settings=settings,
            notifications=topics.arns if topics else None,
            queue_name=self.queue.name,
            reads=self._read_inputs() if topics else (),
            depends_on=topics.dependencies if topics else (),
        )

    def _handler_settings(self) -> HandlerSettings:
        return handler_settings(
            self.settings,
            endpoint_name=self.endpoint.name,
            queue_url=self.queue.url,
            dead_letter_queue_url=self.dead_letter_queue.url,
            result_target=self.results.target,
            table_name=self.table.name if self.table else "",
        )

    def _notify(self, name: str, topics: NotificationTopics) -> NotificationFunction:
        """Create the function that is notified of an asynchronous endpoint's answers."""
        assert self._async_capacity is not None
        function = NotificationFunction(
            self,
            "notify",
            name=name,
            settings=self.settings.function,
            handler_settings=self._handler_settings(),
            topics=topics,
            dead_letters=self.dead_letter_queue,
        )
        function.grant(
            self._async_capacity, self.results, self.dead_letter_queue, bucket_keys=self.settings.bucket_key_arns
        )
        return function

    def _grant(self) -> None:
        role = self.function.role
        self.queue.grant_delay(role)
        inference = self.settings.inference
        named = [inference.inference_component_name] if inference.inference_component_name else []
        self.endpoint.grant_invoke(role, [*named, *inference.more_inference_components])
        if self._async_capacity is not None:
            grant_put_requests(role, self._async_capacity, self.settings.bucket_key_arns)
        self.results.grant_send(role)
        self.dead_letter_queue.grant_send(role)
        if self.table is not None:
            self.table.grant_remember(role)
        if reads := self._read_inputs():
            role.allow("read-inputs", *reads)
        self.function.depend_on_rights()

    def _read_inputs(self) -> Sequence[Statement]:
        """Return the rights to the objects that messages may point to; none without such a place."""
        inference, deploy_target = self.settings.inference, DeployTarget.of(self)
        if inference.input_location is None:
            return []
        locations = dict.fromkeys((inference.input_location, *inference.more_input_locations))
        return [
            *(object_statement(deploy_target, "s3:GetObject", location) for location in locations),
            *key_statements(self.settings.bucket_key_arns, "s3", deploy_target, "Decrypt"),
        ]

    def _watch(self, name: str) -> PipelineMonitoring | None:
        if self.settings.monitoring is None:
            return None
        watched = WatchedPipeline(
            settings=self.settings,
            queue_name=self.queue.name,
            dead_letter_queue_name=self.dead_letter_queue.name,
            function_name=self.function.name,
            endpoint_name=self.endpoint.name,
            notification_function_name=self.notification_function.function.name if self.notification_function else None,
            results_name=self.results.queue.name
            if self.results.queue
            else f"{name}-results.fifo"
            if self.settings.queue.fifo
            else f"{name}-results",
        )
        return PipelineMonitoring(self, "monitoring", name=name, settings=self.settings.monitoring, watched=watched)

    def _output(self) -> None:
        values = {
            "queue_url": self.queue.url,
            "dead_letter_queue_url": self.dead_letter_queue.url,
            **self.results.outputs,
            "function_name": self.function.function.function_name,
            "endpoint_name": self.endpoint.name_output,
            **(self.monitoring.outputs if self.monitoring else {}),
        }
        if self.notification_function is not None:
            values["notification_function_name"] = self.notification_function.function.function.function_name
        names = {name: f"{self.id}_{name}".replace("-", "_") for name in values}
        self._require_outputs(names.values())
        for name, value in values.items():
            output = TerraformOutput(self, name, value=value)
            output.override_logical_id(names[name])
        self._validation = _OutputsStandOnce(self, list(names.values()))
        self.node.add_validation(self._validation)

    def _require_outputs(self, names: Iterable[str]) -> None:
        """Raise SettingsError if another pipeline of the stack has one of the outputs: the later would replace it."""
        owners = _outputs.setdefault(DeployTarget.of(self), {})
        path = self.node.path
        if taken := next((name for name in names if name in owners), None):
            bound, reason = f"another id than that of {owners[taken]}", f"both would have an output {taken}"
            raise SettingsError([Violation(path, "id", self.id, bound, reason)])
        owners.update(dict.fromkeys(names, path))


@jsii.implements(IValidation)
class _OutputsStandOnce:
    """Finds outputs of the user's own stack that a pipeline has too, of which Terraform would see one."""

    def __init__(self, pipeline: InferencePipeline, names: Sequence[str]) -> None:
        self._pipeline, self._names = pipeline, names

    def validate(self) -> list[str]:
        """Return what is wrong once the stack is complete; called when it is synthesized."""
        stack = TerraformStack.of(self._pipeline).node
        taken = [name for name in self._names if isinstance(stack.try_find_child(name), TerraformOutput)]
        return [f"output {name} of the stack is this pipeline's too: give yours another name" for name in taken]


def _require_free_id(scope: Construct, id_: str) -> None:
    """Raises SettingsError if a construct beside it has the id: jsii's own error is a traceback of Node's."""
    if scope.node.try_find_child(id_) is not None:
        path = f"{scope.node.path}/{id_}".lstrip("/")
        raise SettingsError([Violation(path, "id", id_, "another id", "a construct beside it has this one")])


def _pipelines_by_name(pipeline: InferencePipeline) -> "WeakValueDictionary[str, InferencePipeline]":
    """Return the pipelines of the stack by name, in lower case."""
    return _named.setdefault(DeployTarget.of(pipeline), WeakValueDictionary())
