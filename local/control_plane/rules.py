"""The rules of AWS that the control plane refuses to break, each with the page that states it.

A refusal's text is AWS's own where somebody has quoted it (`quoted_in`). Where nobody has, it says the rule itself:
code and status are then AWS's, the words are not.
"""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

_SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest"
_SCALING = "https://docs.aws.amazon.com/autoscaling/application"
_CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference"
_PROVIDER = "https://github.com/hashicorp/terraform-provider-aws"


@dataclass(frozen=True)
class Statement:
    """The words of a rule, and the page that states it."""

    says: str
    source: str
    quoted_in: str = ""
    """Page on which the refusal's own words were seen; by default they are not AWS's."""


class Rule(Enum):
    """The rules. Those of the last part AWS lets pass: breaking them is recorded as a violation."""

    # All services
    API_MODEL = Statement(
        "a parameter keeps to the type, length, range, pattern and values of the service's API model",
        f"{_SAGEMAKER}/APIReference/API_CreateEndpoint.html",
        quoted_in="https://github.com/aws/amazon-sagemaker-examples/issues/2236",
    )
    KNOWN_OPERATION = Statement(
        "an operation that the control plane has no rules for is refused, rather than answered kindly",
        f"{_SAGEMAKER}/APIReference/CommonErrors.html",
    )

    # SageMaker: models and configurations
    NAME_FREE = Statement(
        "a name is given once",
        f"{_SAGEMAKER}/APIReference/API_CreateEndpoint.html",
        quoted_in="https://github.com/aws/sagemaker-python-sdk/issues/101",
    )
    EXISTS = Statement(
        "what a request names exists",
        f"{_SAGEMAKER}/APIReference/API_CreateEndpoint.html",
        quoted_in=f"{_PROVIDER}/blob/main/internal/service/sagemaker/endpoint_configuration.go",
    )
    ROLE_KNOWN = Statement(
        "a role is known to SageMaker seconds after IAM has created it",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html",
        quoted_in="https://github.com/awslabs/predictive-maintenance-using-machine-learning/issues/3",
    )
    ONE_VARIANT_EACH = Statement(
        "the names of a configuration's variants differ", f"{_SAGEMAKER}/APIReference/API_CreateEndpointConfig.html"
    )
    MANAGED_SCALING = Statement(
        "instances are scaled by SageMaker for inference components only, not for a variant with a model",
        f"{_PROVIDER}/pull/45926",
        quoted_in=f"{_PROVIDER}/pull/45926",
    )
    HARDWARE = Statement(
        "a variant with a model runs either on instances or serverless",
        f"{_SAGEMAKER}/APIReference/API_ProductionVariant.html",
    )
    SERVERLESS_ALONE = Statement(
        "a serverless configuration has one variant, no shadow, no data capture and no asynchronous inference, and its "
        "model neither a network nor network isolation",
        f"{_SAGEMAKER}/dg/serverless-endpoints.html",
    )
    SERVERLESS_SIZE = Statement(
        "serverless memory is 1024 to 6144 MB in steps of 1024, and provisioned concurrency at most the maximum",
        f"{_SAGEMAKER}/APIReference/API_ProductionVariantServerlessConfig.html",
    )
    SHADOW = Statement(
        "a shadow variant stands beside exactly one production variant",
        f"{_SAGEMAKER}/APIReference/API_CreateEndpointConfig.html",
    )
    LOCAL_STORAGE = Statement(
        "no volume key for an instance type with storage of its own",
        f"{_SAGEMAKER}/APIReference/API_CreateEndpointConfig.html",
    )

    # SageMaker: endpoints
    IN_PROGRESS = Statement(
        "an endpoint that is created, updated, rolled back or deleted takes neither an update nor its deletion",
        f"{_SAGEMAKER}/APIReference/API_UpdateEndpoint.html",
        quoted_in="https://github.com/aws/amazon-sagemaker-operator-for-k8s",
    )
    FAILED_IS_FINAL = Statement(
        "deletion is the only operation on a failed endpoint", f"{_SAGEMAKER}/APIReference/API_DescribeEndpoint.html"
    )
    SCALED_TYPE = Statement(
        "the instance type of a variant can't change while the variant is a scalable target",
        f"{_SAGEMAKER}/dg/endpoint-scaling-update.html",
    )
    # The page speaks of a changed type alone; a variant that goes loses its type, too.
    SCALED_VARIANT = Statement(
        "a variant can't go while it is a scalable target", f"{_SAGEMAKER}/dg/endpoint-scaling-update.html"
    )
    SERVERLESS_STAYS_OUT = Statement(
        "an endpoint on instances can't become serverless", f"{_SAGEMAKER}/dg/serverless-endpoints.html"
    )
    ALARMS_EXIST = Statement(
        "the alarms that roll a deployment back exist", f"{_SAGEMAKER}/dg/deployment-guardrails-configuration.html"
    )
    ONE_POLICY = Statement(
        "a deployment is either blue/green or rolling", f"{_SAGEMAKER}/APIReference/API_DeploymentConfig.html"
    )
    SHARES = Statement(
        "a canary is at most 50 % of the fleet, a linear step 10 to 50 %, a rolling batch 5 to 50 %",
        f"{_SAGEMAKER}/APIReference/API_TrafficRoutingConfig.html",
    )
    SAME_VARIANTS = Statement(
        "a deployment with a traffic policy keeps the names of the variants",
        f"{_SAGEMAKER}/dg/deployment-guardrails-exclusions.html",
    )
    ROLLING_EXCLUDES = Statement(
        "a rolling deployment takes one variant, on instances",
        f"{_SAGEMAKER}/dg/deployment-guardrails-exclusions.html",
    )

    # Application Auto Scaling
    IN_SERVICE = Statement(
        "a variant is registered while its endpoint is InService",
        f"{_SAGEMAKER}/dg/endpoint-auto-scaling-prerequisites.html",
    )
    VARIANT_EXISTS = Statement(
        "a scalable target is a variant that the endpoint has",
        f"{_SCALING}/APIReference/API_RegisterScalableTarget.html",
    )
    CAPACITY_BOUNDS = Statement(
        "a new target has both bounds, and the minimum is at most the maximum",
        f"{_SCALING}/APIReference/API_RegisterScalableTarget.html",
    )
    ZERO_ONLY_ASYNC = Statement(
        "a variant scales to zero only if its endpoint is asynchronous",
        f"{_SAGEMAKER}/dg/async-inference-autoscale.html",
    )
    BURSTABLE = Statement(
        "burstable instances are not scaled", f"{_SAGEMAKER}/dg/endpoint-auto-scaling-add-console.html"
    )
    TARGET_EXISTS = Statement(
        "a policy or scheduled action belongs to a registered target",
        f"{_SCALING}/APIReference/API_PutScalingPolicy.html",
        quoted_in="https://github.com/cloudposse/terraform-aws-ecs-cloudwatch-autoscaling/pull/36",
    )
    SCALING_EXISTS = Statement(
        "what is deleted of scaling exists", f"{_SCALING}/APIReference/API_DeleteScalingPolicy.html"
    )
    ONE_METRIC = Statement(
        "target tracking follows either a predefined or a customized metric",
        f"{_SCALING}/APIReference/API_TargetTrackingScalingPolicyConfiguration.html",
    )
    SCHEDULE = Statement(
        "a schedule is an expression at(…), rate(…) or cron(…)", f"{_SCALING}/APIReference/API_PutScheduledAction.html"
    )
    ONE_AT_A_TIME = Statement("changes of one scalable target don't overlap", f"{_PROVIDER}/issues/17915")

    # CloudWatch
    ONE_WATCHED = Statement(
        "an alarm watches either one metric or an expression", f"{_CLOUDWATCH}/API_PutMetricAlarm.html"
    )
    DATAPOINTS = Statement(
        "an alarm needs at most as many datapoints as it has evaluation periods",
        f"{_CLOUDWATCH}/API_PutMetricAlarm.html",
    )
    ALARM_SPAN = Statement(
        "an alarm looks back a week at most, with a period under an hour a day at most",
        f"{_CLOUDWATCH}/API_PutMetricAlarm.html",
    )
    DASHBOARD_BODY = Statement("a dashboard's body is JSON with widgets", f"{_CLOUDWATCH}/API_PutDashboard.html")
    CLOUDWATCH_EXISTS = Statement(
        "an alarm or dashboard that is deleted, read or tagged exists", f"{_CLOUDWATCH}/API_DeleteAlarms.html"
    )

    # Allowed by AWS, and still wrong
    MODEL_IN_USE = Statement(
        "a model is not deleted while an endpoint runs on it",
        f"{_PROVIDER}/issues/46663",
    )
    CONFIGURATION_IN_USE = Statement(
        "a configuration is not deleted while an endpoint runs on it, or is on its way to it",
        f"{_SAGEMAKER}/APIReference/API_DeleteEndpointConfig.html",
    )


class Refused(Exception):  # noqa: N818 - AWS's answer, not a fault of ours
    """AWS's answer to a request that breaks a rule."""

    def __init__(
        self,
        rule: Rule,
        message: str,
        *,
        code: str = "ValidationException",
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.code = code
        self.status = status
