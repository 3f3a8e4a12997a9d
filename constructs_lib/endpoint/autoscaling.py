"""Autoscaling of a variant, by its capacity."""

from typing import Any

from constructs_lib.endpoint.scalable_target import INSTANCES, PROVISIONED_CONCURRENCY, ScalableTarget
from constructs_lib.settings import AsyncCapacity, Capacity, InstanceCapacity, QueueScaling, ServerlessCapacity
from constructs_lib.validation.checker import SettingsError, Violation

from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from constructs import Construct

CONCURRENT_REQUESTS = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
UTILIZATION = "SageMakerVariantProvisionedConcurrencyUtilization"
# About what an instance takes to start, which SageMaker's guide has for scaling from zero.
FROM_ZERO_COOLDOWN_SECONDS = 300


def make_autoscaling(
    scope: Construct,
    id_: str,
    *,
    endpoint: SagemakerEndpoint,
    endpoint_name: str,
    variant_name: str,
    capacity: Capacity,
    queue_name: str | None = None,
) -> None:
    """Create what scales a variant; `queue_name` is the work queue's, for `queue_scaling`."""
    variant: dict[str, Any] = {"endpoint": endpoint, "endpoint_name": endpoint_name, "variant_name": variant_name}
    match capacity:
        case ServerlessCapacity():
            ServerlessAutoscaling(scope, id_, capacity=capacity, **variant)
        case InstanceCapacity():
            InstanceAutoscaling(scope, id_, capacity=capacity, queue_name=queue_name, **variant)
        case AsyncCapacity():
            AsyncAutoscaling(scope, id_, capacity=capacity, **variant)


class InstanceAutoscaling(Construct):
    """Target tracking on requests, instances added while the work queue falls behind, other ranges by the clock.

    Requests are counted as concurrent ones per instance, a metric of 10 seconds' resolution, or, where
    `invocations_per_instance_per_minute` is set, as that. Nothing is created for a fixed number of instances.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: SagemakerEndpoint,
        endpoint_name: str,
        variant_name: str,
        capacity: InstanceCapacity,
        queue_name: str | None = None,
    ) -> None:
        """`queue_name` is the work queue's. Raises SettingsError if `queue_scaling` is set and it is not."""
        super().__init__(scope, id_)
        if capacity.queue_scaling is not None and queue_name is None:
            bound, reason = "None without queue_name", "there is no queue to watch"
            raise SettingsError([Violation(self.node.path, "queue_scaling", capacity.queue_scaling, bound, reason)])
        if not capacity.is_scaled:
            return
        self._target = ScalableTarget(
            self,
            endpoint=endpoint,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            dimension=INSTANCES,
            minimum=capacity.min_instances,
            maximum=capacity.max_instances,
            instance_type=capacity.instance_type,
            schedule=capacity.schedule,
        )
        invocations = capacity.invocations_per_instance_per_minute
        concurrent = capacity.concurrent_requests_per_instance * capacity.target_utilization_percent / 100
        self._target.track(
            "invocations" if invocations else "concurrent-requests",
            target=invocations or concurrent,
            predefined=INVOCATIONS if invocations else CONCURRENT_REQUESTS,
            scale_in_cooldown_seconds=capacity.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds=capacity.scale_out_cooldown_seconds,
        )
        if capacity.queue_scaling is not None and queue_name is not None:
            self._follow_queue(capacity.queue_scaling, queue_name)

    def _follow_queue(self, scaling: QueueScaling, queue_name: str) -> None:
        policy = self._target.add_while(
            "queue-behind", instances=scaling.add_instances, cooldown_seconds=scaling.cooldown_seconds
        )
        thresholds = {
            "scale-on-age": ("ApproximateAgeOfOldestMessage", scaling.age_seconds, "seconds old"),
            "scale-on-backlog": ("ApproximateNumberOfMessagesVisible", scaling.backlog_messages, "messages waiting"),
        }
        for name, (metric, threshold, what) in thresholds.items():
            if threshold is not None:
                self._target.alarm(
                    name,
                    description=f"Adds instances at {threshold} {what} in {queue_name}; ALARM is part of its work",
                    metric=("AWS/SQS", metric),
                    dimensions={"QueueName": queue_name},
                    threshold=threshold,
                    policy=policy,
                )


class ServerlessAutoscaling(Construct):
    """Target tracking of the warm containers by their utilization. Nothing is created where their number is fixed."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: SagemakerEndpoint,
        endpoint_name: str,
        variant_name: str,
        capacity: ServerlessCapacity,
    ) -> None:
        super().__init__(scope, id_)
        minimum, maximum = capacity.provisioned_concurrency, capacity.max_provisioned_concurrency
        if not capacity.is_scaled or minimum is None or maximum is None:
            return
        target = ScalableTarget(
            self,
            endpoint=endpoint,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            dimension=PROVISIONED_CONCURRENCY,
            minimum=minimum,
            maximum=maximum,
        )
        # The metric is a ratio of 0 to 1, unlike its name's sisters of other services.
        target.track(
            "provisioned-concurrency", target=capacity.target_utilization_percent / 100, predefined=UTILIZATION
        )


class AsyncAutoscaling(Construct):
    """Target tracking on the endpoint's own backlog, and, where the range begins at zero, the way up from there.

    At zero instances the backlog per instance says nothing of one request that waits, so an alarm adds the first
    instance. Nothing is created for a fixed number of instances.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: SagemakerEndpoint,
        endpoint_name: str,
        variant_name: str,
        capacity: AsyncCapacity,
    ) -> None:
        super().__init__(scope, id_)
        if not capacity.is_scaled:
            return
        target = ScalableTarget(
            self,
            endpoint=endpoint,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            dimension=INSTANCES,
            minimum=capacity.min_instances,
            maximum=capacity.max_instances,
            instance_type=capacity.instance_type,
            schedule=capacity.schedule,
        )
        # Asynchronous endpoints report no invocations; these metrics are the endpoint's, not a variant's.
        dimensions = {"EndpointName": endpoint_name}
        target.track(
            "backlog",
            target=capacity.backlog_per_instance,
            metric=("ApproximateBacklogSizePerInstance", dimensions),
            scale_in_cooldown_seconds=capacity.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds=capacity.scale_out_cooldown_seconds,
        )
        if capacity.fewest_instances == 0:
            target.alarm(
                "scale-from-zero",
                description=f"Adds the first instance of {endpoint_name} when requests wait; ALARM is part of its work",
                metric=("AWS/SageMaker", "HasBacklogWithoutCapacity"),
                dimensions=dimensions,
                threshold=1,
                policy=target.add_while("from-zero", instances=1, cooldown_seconds=FROM_ZERO_COOLDOWN_SECONDS),
            )
