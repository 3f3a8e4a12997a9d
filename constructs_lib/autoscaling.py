"""How instances of an endpoint scale."""

from constructs_lib.settings import AsyncCapacity, InstanceCapacity, ServerlessCapacity

from cdktf_cdktf_provider_aws.appautoscaling_policy import (
    AppautoscalingPolicy,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification,
)
from cdktf_cdktf_provider_aws.appautoscaling_target import AppautoscalingTarget
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from constructs import Construct

CONCURRENT_REQUESTS = "SageMakerVariantConcurrentRequestsPerModelHighResolution"


def owns_count(capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity) -> bool:
    """Whether scaling moves the count of instances, or of warm containers, so that no apply may set it."""
    if isinstance(capacity, ServerlessCapacity):
        return capacity.max_provisioned_concurrency not in (None, capacity.provisioned_concurrency)
    return capacity.min_instances != capacity.max_instances or bool(capacity.schedule)


def make_autoscaling(
    scope: Construct,
    id_: str,
    *,
    endpoint: SagemakerEndpoint,
    endpoint_name: str,
    variant_name: str,
    capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity,
    queue_name: str | None = None,
) -> None:
    """Make what scales a variant; `queue_name` is the work queue's, for `queue_scaling`."""
    del queue_name
    if isinstance(capacity, InstanceCapacity):
        InstanceAutoscaling(
            scope, id_, endpoint=endpoint, endpoint_name=endpoint_name, variant_name=variant_name, capacity=capacity
        )


class InstanceAutoscaling(Construct):
    """Target tracking on concurrent requests per instance, a metric of 10 seconds' resolution.

    Nothing is made where `min_instances` equals `max_instances`.
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
    ) -> None:
        super().__init__(scope, id_)
        if capacity.managed_scaling or capacity.min_instances == capacity.max_instances:
            return
        target = AppautoscalingTarget(
            self,
            "target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
            min_capacity=capacity.min_instances,
            max_capacity=capacity.max_instances,
            # The resource id is plain text; the variant must exist before it can be registered.
            depends_on=[endpoint],
        )
        requests = capacity.concurrent_requests_per_instance * capacity.target_utilization_percent / 100
        AppautoscalingPolicy(
            self,
            "policy",
            name=f"{endpoint_name}-concurrent-requests",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration(
                target_value=requests,
                predefined_metric_specification=(
                    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification(
                        predefined_metric_type=CONCURRENT_REQUESTS
                    )
                ),
                scale_in_cooldown=capacity.scale_in_cooldown_seconds,
                scale_out_cooldown=capacity.scale_out_cooldown_seconds,
            ),
        )
