"""One number that Application Auto Scaling owns: its range, what moves it within the range, what moves the range."""

from collections.abc import Mapping, Sequence
from typing import Any

from constructs_lib.core.naming import address, variant_prefix
from constructs_lib.settings import ScheduledCapacity

from cdktf import ITerraformDependable, TerraformResource, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.appautoscaling_policy import (
    AppautoscalingPolicy,
    AppautoscalingPolicyStepScalingPolicyConfiguration,
    AppautoscalingPolicyStepScalingPolicyConfigurationStepAdjustment,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecification,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensions,
    AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification,
)
from cdktf_cdktf_provider_aws.appautoscaling_scheduled_action import (
    AppautoscalingScheduledAction,
    AppautoscalingScheduledActionScalableTargetAction,
)
from cdktf_cdktf_provider_aws.appautoscaling_target import AppautoscalingTarget
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from constructs import Construct

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
PROVISIONED_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"


class ScalableTarget:
    """A variant's instances, or its provisioned concurrency, in the scope of its autoscaling.

    SageMaker refuses another instance type for a variant that is registered (guide, "Endpoint autoscaling": update or
    delete endpoints that use autoscaling), so with a new one Terraform takes all of it away, updates the endpoint, and
    registers the variant again. The type is kept by the variant's name: its place in the endpoint configuration
    changes when another variant goes.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        endpoint: SagemakerEndpoint,
        endpoint_name: str,
        variant_name: str,
        dimension: str,
        minimum: int,
        maximum: int,
        instance_type: str | None = None,
        schedule: Sequence[ScheduledCapacity] = (),
    ) -> None:
        """`instance_type` is None where there is none: on serverless capacity."""
        self._scope = scope
        hardware = _hardware(scope, instance_type) if instance_type else None
        self._triggers = [address(hardware)] if hardware else None
        self._prefix = endpoint_name
        self._variant_prefix = variant_prefix(endpoint_name, variant_name)
        self.target = AppautoscalingTarget(
            scope,
            "target",
            service_namespace="sagemaker",
            scalable_dimension=dimension,
            resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
            min_capacity=minimum,
            max_capacity=maximum,
            # The schedule moves the range; an apply between two of its entries must leave it where it is.
            lifecycle=self._lifecycle(ignore_changes=["min_capacity", "max_capacity"] if schedule else None),
            # The resource id is plain text; the variant must exist before it can be registered.
            depends_on=[endpoint],
        )
        # One after the other: a target takes no two updates at once (ConcurrentUpdateException).
        self._previous: ITerraformDependable = self.target
        self._schedule(schedule)

    def track(
        self,
        name: str,
        *,
        target: float,
        predefined: str | None = None,
        metric: tuple[str, Mapping[str, str]] | None = None,
        scale_in_cooldown_seconds: int | None = None,
        scale_out_cooldown_seconds: int | None = None,
    ) -> None:
        """Keep a metric at its target: a predefined one, or one of AWS/SageMaker by name and dimensions."""
        configuration = AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration(
            target_value=target,
            predefined_metric_specification=_predefined(predefined) if predefined else None,
            customized_metric_specification=_customized(*metric) if metric else None,
            scale_in_cooldown=scale_in_cooldown_seconds,
            scale_out_cooldown=scale_out_cooldown_seconds,
        )
        self._policy(
            "policy", name, type_="TargetTrackingScaling", target_tracking_scaling_policy_configuration=configuration
        )

    def add_while(self, name: str, *, instances: int, cooldown_seconds: int) -> AppautoscalingPolicy:
        """Return a policy that adds so many instances each time an alarm calls it, and never takes any away."""
        return self._policy(
            name,
            name,
            type_="StepScaling",
            step_scaling_policy_configuration=AppautoscalingPolicyStepScalingPolicyConfiguration(
                adjustment_type="ChangeInCapacity",
                metric_aggregation_type="Maximum",
                cooldown=cooldown_seconds,
                step_adjustment=[
                    AppautoscalingPolicyStepScalingPolicyConfigurationStepAdjustment(
                        metric_interval_lower_bound="0", scaling_adjustment=instances
                    )
                ],
            ),
        )

    def alarm(
        self,
        name: str,
        *,
        description: str,
        metric: tuple[str, str],
        dimensions: Mapping[str, str],
        threshold: int,
        policy: AppautoscalingPolicy,
    ) -> None:
        """Call the policy once a minute while the metric (namespace, name) is at or over the threshold."""
        namespace, metric_name = metric
        CloudwatchMetricAlarm(
            self._scope,
            f"{name}-alarm",
            alarm_name=f"{self._variant_prefix}-{name}",
            alarm_description=description,
            namespace=namespace,
            metric_name=metric_name,
            dimensions=dimensions,
            statistic="Maximum",
            period=60,
            evaluation_periods=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=threshold,
            # Idle queues and endpoints report nothing.
            treat_missing_data="notBreaching",
            alarm_actions=[policy.arn],
        )

    def _policy(self, id_: str, name: str, *, type_: str, **configuration: Any) -> AppautoscalingPolicy:
        policy = AppautoscalingPolicy(
            self._scope,
            id_,
            name=f"{self._prefix}-{name}",
            policy_type=type_,
            service_namespace=self.target.service_namespace,
            scalable_dimension=self.target.scalable_dimension,
            resource_id=self.target.resource_id,
            lifecycle=self._lifecycle(),
            depends_on=[self._previous],
            **configuration,
        )
        self._previous = policy
        return policy

    def _lifecycle(self, ignore_changes: Sequence[str] | None = None) -> TerraformResourceLifecycle | None:
        if self._triggers is None and ignore_changes is None:
            return None
        return TerraformResourceLifecycle(replace_triggered_by=self._triggers, ignore_changes=ignore_changes)

    def _schedule(self, schedule: Sequence[ScheduledCapacity]) -> None:
        for entry in schedule:
            self._previous = AppautoscalingScheduledAction(
                self._scope,
                f"schedule-{entry.name}",
                name=f"{self._variant_prefix}-{entry.name}",
                service_namespace=self.target.service_namespace,
                scalable_dimension=self.target.scalable_dimension,
                resource_id=self.target.resource_id,
                schedule=entry.schedule,
                # Application Auto Scaling: cron and at expressions only.
                timezone=None if entry.schedule.startswith("rate(") else entry.timezone,
                scalable_target_action=AppautoscalingScheduledActionScalableTargetAction(
                    min_capacity=str(entry.min_instances), max_capacity=str(entry.max_instances)
                ),
                lifecycle=self._lifecycle(),
                depends_on=[self._previous],
            )


def _hardware(scope: Construct, instance_type: str) -> TerraformResource:
    # The library's own DataResource runs `terraform version` while it synthesizes; a synth must need no Terraform.
    hardware = TerraformResource(scope, "hardware", terraform_resource_type="terraform_data")
    hardware.add_override("input", {"instance_type": instance_type})
    return hardware


def _predefined(name: str) -> AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification:
    return AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification(
        predefined_metric_type=name
    )


def _customized(
    name: str, dimensions: Mapping[str, str]
) -> AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecification:
    return AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecification(
        namespace="AWS/SageMaker",
        metric_name=name,
        statistic="Average",
        dimensions=[
            AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensions(
                name=key, value=value
            )
            for key, value in dimensions.items()
        ],
    )
