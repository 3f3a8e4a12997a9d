"""Deployment of a changed endpoint, and the alarms that roll it back."""

from collections.abc import Sequence
from typing import Any

from constructs_lib.core.naming import variant_prefix
from constructs_lib.settings import Deployment
from constructs_lib.validation.endpoint_relations import step_wait_seconds

from cdktf import Op, Postcondition, TerraformSelf
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from cdktf_cdktf_provider_aws.sagemaker_endpoint import (
    SagemakerEndpointDeploymentConfig,
    SagemakerEndpointDeploymentConfigAutoRollbackConfiguration,
    SagemakerEndpointDeploymentConfigAutoRollbackConfigurationAlarms,
)
from cdktf_cdktf_provider_aws.sagemaker_endpoint_configuration import SagemakerEndpointConfiguration
from constructs import Construct

TRAFFIC_TYPES = {"all-at-once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}


class RollbackAlarms(Construct):
    """Alarms on the errors, and if asked for on the latency, of each variant; SageMaker watches them as it deploys.

    `names` are theirs and those of `rollback_alarm_names`.
    """

    def __init__(
        self, scope: Construct, id_: str, *, endpoint_name: str, variants: Sequence[str], deployment: Deployment
    ) -> None:
        super().__init__(scope, id_)
        self._endpoint_name = endpoint_name
        self.alarms: list[CloudwatchMetricAlarm] = []
        self.names: list[str] = []
        for variant in variants:
            # One for each request answered 5xx, zero for each other: the average is their share. Asynchronous
            # endpoints report it too, and no Invocations.
            self._add(
                variant,
                "errors",
                description=f"{deployment.rollback_error_percent} % of the requests to {variant} answered 5xx",
                metric_name="Invocation5XXErrors",
                statistic="Average",
                threshold=deployment.rollback_error_percent / 100,
            )
            if deployment.rollback_latency_ms is not None:
                self._add(
                    variant,
                    "latency",
                    description=f"p99 of the model's latency in {variant} over {deployment.rollback_latency_ms} ms",
                    metric_name="ModelLatency",
                    extended_statistic="p99",
                    threshold=deployment.rollback_latency_ms * 1000,  # the metric is in microseconds
                )
        self.names += deployment.rollback_alarm_names

    def _add(self, variant: str, what: str, *, description: str, **arguments: Any) -> None:
        name = f"{variant_prefix(self._endpoint_name, variant)}-rollback-{what}"
        alarm = CloudwatchMetricAlarm(
            self,
            f"{variant}-{what}",
            alarm_name=name,
            alarm_description=f"Rolls a deployment of {self._endpoint_name} back: {description}",
            namespace="AWS/SageMaker",
            dimensions={"EndpointName": self._endpoint_name, "VariantName": variant},
            period=60,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            **arguments,
        )
        self.alarms.append(alarm)
        self.names.append(name)


def deployment_config(deployment: Deployment, alarm_names: Sequence[str]) -> SagemakerEndpointDeploymentConfig:
    """Return what SageMaker is to do when the endpoint's configuration changes."""
    return SagemakerEndpointDeploymentConfig(
        auto_rollback_configuration=SagemakerEndpointDeploymentConfigAutoRollbackConfiguration(
            alarms=[
                SagemakerEndpointDeploymentConfigAutoRollbackConfigurationAlarms(alarm_name=name)
                for name in alarm_names
            ]
        ),
        **_update_policy(deployment),
    )


def runs_on(
    endpoint_name: str, configuration: SagemakerEndpointConfiguration, alarm_names: Sequence[str]
) -> Postcondition:
    """Return that an endpoint runs on the configuration that was applied.

    Terraform's AWS provider takes an update that SageMaker rolled back for done (provider issue 46663); Terraform would
    go on to delete the model and the configuration that the endpoint then runs on. These keep their names until an
    update succeeds, and the settings of before would take the same names again.
    """
    running = TerraformSelf.get_string("endpoint_config_name")
    alarms = f"at the alarms {', '.join(alarm_names)} and " if alarm_names else ""
    return Postcondition(
        condition=Op.eq(running, configuration.name),
        error_message=(
            f"SageMaker rolled the update of {endpoint_name} back: it runs on {running}, not on {configuration.name}. "
            f"Nothing that it runs on was deleted. Look {alarms}at its FailureReason and logs, mend the cause, and "
            "apply again. To go back to the settings of before, change an environment variable of the model with them, "
            'since their names are still in use: docs/operations.md, "What an automatic rollback leaves".'
        ),
    )


def _update_policy(deployment: Deployment) -> dict[str, Any]:
    step = {"type": "CAPACITY_PERCENT", "value": deployment.step_percent}
    limits = {
        "wait_interval_in_seconds": step_wait_seconds(deployment),
        "maximum_execution_timeout_in_seconds": deployment.maximum_execution_seconds,
    }
    if deployment.strategy == "rolling":
        return {"rolling_update_policy": {"maximum_batch_size": step, **limits}}
    routing: dict[str, Any] = {
        "type": TRAFFIC_TYPES[deployment.strategy],
        "wait_interval_in_seconds": limits.pop("wait_interval_in_seconds"),
    }
    if deployment.strategy == "canary":
        routing["canary_size"] = step
    if deployment.strategy == "linear":
        routing["linear_step_size"] = step
    policy = {
        "traffic_routing_configuration": routing,
        "termination_wait_in_seconds": deployment.termination_wait_seconds,
    }
    return {"blue_green_update_policy": {**policy, **limits}}
