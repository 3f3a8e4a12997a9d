"""Metrics of a pipeline, by the names that AWS and the handler give them."""

from collections.abc import Mapping
from dataclasses import dataclass

from constructs_lib.settings import (
    ExistingEndpoint,
    PipelineSettings,
    ServerlessCapacity,
)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One CloudWatch metric and the statistic of it that is looked at."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


@dataclass(frozen=True, kw_only=True)
class Formula:
    """CloudWatch metric math; the expression has the names of its metrics in braces."""

    expression: str
    metrics: Mapping[str, Metric]

    def over(self, prefix: str = "") -> str:
        """Return the expression with ids that begin with the prefix."""
        return self.expression.format(**{name: f"{prefix}{name}" for name in self.metrics})


@dataclass(frozen=True, kw_only=True)
class WatchedPipeline:
    """A pipeline as CloudWatch knows it. Its methods return the metrics of its parts."""

    settings: PipelineSettings
    """With every derived default filled in."""
    queue_name: str
    dead_letter_queue_name: str
    function_name: str
    endpoint_name: str
    results_name: str
    """Name of the queue or topic that results leave to, where one is created for them."""
    notification_function_name: str | None = None
    """Asynchronous endpoints: the function that is notified of answers."""

    def queue(self, name: str, statistic: str) -> Metric:
        return _sqs(self.queue_name, name, statistic)

    def dead_letters(self, name: str, statistic: str) -> Metric:
        return _sqs(self.dead_letter_queue_name, name, statistic)

    def function(self, name: str, statistic: str) -> Metric:
        return _lambda(self.function_name, name, statistic)

    def notification_function(self, name: str, statistic: str) -> Metric | None:
        function = self.notification_function_name
        return None if function is None else _lambda(function, name, statistic)

    def handler(self, name: str, statistic: str = "Sum") -> Metric:
        """Return one of the handler's own metrics: namespace and dimensions are those of its EMF line."""
        dimensions = {"Endpoint": self.endpoint_name, "FunctionName": self.function_name}
        namespace = self.settings.inference.metrics_namespace
        return Metric(namespace=namespace, name=name, dimensions=dimensions, statistic=statistic)

    def endpoint(self, name: str, statistic: str) -> Metric:
        """Return a metric of the endpoint as a whole: those of an asynchronous endpoint's own queue."""
        dimensions = {"EndpointName": self.endpoint_name}
        return Metric(namespace="AWS/SageMaker", name=name, dimensions=dimensions, statistic=statistic)

    def variant(self, variant: str, name: str, statistic: str) -> Metric:
        """Return a metric of the requests to a variant; with an inference component, of those to that."""
        component = self.settings.inference.inference_component_name
        dimensions = {"EndpointName": self.endpoint_name, "VariantName": variant}
        if component is not None:
            dimensions = {"InferenceComponentName": component}
        return Metric(namespace="AWS/SageMaker", name=name, dimensions=dimensions, statistic=statistic)

    def results(self) -> Metric:
        """Return what counts the results that leave: the queue's or topic's own metric, or else the handler's."""
        match self.settings.results.sink:
            case "sqs":
                return _sqs(self.results_name, "NumberOfMessagesSent", "Sum")
            case "sns":
                dimensions = {"TopicName": self.results_name}
                name = "NumberOfMessagesPublished"
                return Metric(namespace="AWS/SNS", name=name, dimensions=dimensions, statistic="Sum")
            case _:
                return self.handler("RecordsSucceeded")

    def instances(self, variant: str) -> Metric:
        """Return how many instances a variant has, over a period of one minute.

        SageMaker publishes no count of instances, but each reports its CPU once a minute: its guide to asynchronous
        endpoints counts the samples. While a deployment runs, both fleets are counted.
        """
        dimensions = {"EndpointName": self.endpoint_name, "VariantName": variant}
        namespace = "/aws/sagemaker/Endpoints"
        return Metric(namespace=namespace, name="CPUUtilization", dimensions=dimensions, statistic="SampleCount")

    @property
    def unscored(self) -> Formula:
        """The percentage of the records received that came back or were dead-lettered."""
        names = {"received": "RecordsReceived", "returned": "RecordsReturned", "dead": "RecordsDeadLettered"}
        return Formula(
            expression="IF({received} > 0, 100 * ({returned} + {dead}) / {received}, 0)",
            metrics={key: self.handler(name) for key, name in names.items()},
        )

    @property
    def drain_seconds(self) -> Formula:
        """Seconds that what is in the queue takes to leave it, at the rate of the period.

        Messages that pause after a failure are hidden, and count. A hundredth of a message is added to those that left:
        where none did, the time is as good as endless, and not a division by zero, which CloudWatch leaves out.
        """
        return Formula(
            expression="({waiting} + {hidden}) * PERIOD({waiting}) / (FILL({left}, 0) + 0.01)",
            metrics={
                "waiting": self.queue("ApproximateNumberOfMessagesVisible", "Average"),
                "hidden": self.queue("ApproximateNumberOfMessagesNotVisible", "Average"),
                "left": self.queue("NumberOfMessagesDeleted", "Sum"),
            },
        )

    def idle(self, variant: str) -> Formula:
        """1 where instances of a variant ran and no request reached them; no data where none ran."""
        metrics = {"running": self.instances(variant), "requests": self.variant(variant, "Invocations", "Sum")}
        return Formula(expression="IF({running} > 0 AND FILL({requests}, 0) == 0, 1, 0)", metrics=metrics)

    @property
    def is_async(self) -> bool:
        return self.settings.endpoint.async_capacity is not None

    @property
    def starts_from_zero(self) -> bool:
        """Whether scaling may take the last instance away."""
        capacity = self.settings.endpoint.async_capacity
        return capacity is not None and capacity.fewest_instances == 0

    @property
    def is_serverless(self) -> bool:
        return self.settings.endpoint.is_serverless

    @property
    def runs_instances(self) -> bool:
        """Whether the endpoint is the pipeline's own, answers at once, and runs on instances that serve it alone."""
        endpoint = self.settings.endpoint
        return not (isinstance(endpoint, ExistingEndpoint) or self.is_async or self.is_serverless)

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of the production variants; nobody waits for what a shadow variant answers."""
        endpoint = self.settings.endpoint
        if isinstance(endpoint, ExistingEndpoint):
            return (endpoint.variant_name,)
        return tuple(variant.name for variant in endpoint.production_variants)

    def most_instances(self, variant: str) -> int | None:
        """Return the most instances that scaling may start; None where nothing scales, or nobody here knows."""
        endpoint = self.settings.endpoint
        if isinstance(endpoint, ExistingEndpoint):
            return None
        (capacity,) = (one.capacity for one in endpoint.production_variants if one.name == variant)
        if isinstance(capacity, ServerlessCapacity):
            return None
        ranges = [(capacity.min_instances, capacity.max_instances)]
        ranges += [(entry.min_instances, entry.max_instances) for entry in capacity.schedule]
        if len({count for bounds in ranges for count in bounds}) == 1:  # always at its maximum, and meant to be
            return None
        return capacity.most_instances


def _sqs(queue_name: str, name: str, statistic: str) -> Metric:
    return Metric(namespace="AWS/SQS", name=name, dimensions={"QueueName": queue_name}, statistic=statistic)


def _lambda(function_name: str, name: str, statistic: str) -> Metric:
    dimensions = {"FunctionName": function_name}
    return Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions, statistic=statistic)
