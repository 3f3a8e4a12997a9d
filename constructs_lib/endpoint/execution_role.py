"""The role that SageMaker and the containers of an endpoint act as: each of its rights comes from a setting."""

from collections.abc import Iterable, Iterator, Sequence

from constructs_lib.core.iam import ServiceRole, Statement, key_statements, object_statement
from constructs_lib.core.naming import DeployTarget
from constructs_lib.endpoint.models import ModelSource
from constructs_lib.settings import AsyncCapacity, EndpointSettings, VpcSettings

from constructs import Construct

LOGS_AND_METRICS = "write-logs-and-metrics"


def make_execution_role(
    scope: Construct,
    *,
    name: str,
    settings: EndpointSettings,
    sources: Iterable[ModelSource],
    log_group: str,
    alarm_names: Sequence[str],
    topic_arns: Sequence[str],
    reads: Sequence[Statement] = (),
) -> ServiceRole:
    """Create the role. `name` is the endpoint's; the alarms roll deployments back, the topics are for notifications.

    `reads` are the rights to asynchronous requests that others put.
    """
    role = ServiceRole(
        scope,
        "role",
        name=f"{name}-endpoint",
        service="sagemaker",
        description=f"Containers of the SageMaker endpoint {name}",
        existing=settings.role,
    )
    deploy_target, sources = DeployTarget.of(scope), list(sources)
    publish = [Statement(actions=["sns:Publish"], resources=topic_arns)] if topic_arns else []
    alarm_arns = [deploy_target.arn("cloudwatch", f"alarm:{name}") for name in alarm_names]
    watch = [Statement(actions=["cloudwatch:DescribeAlarms"], resources=alarm_arns)] if alarm_arns else []
    policies: dict[str, Iterable[Statement]] = {
        "pull-image": _pull(arn for source in sources for arn in source.repository_arns),
        LOGS_AND_METRICS: _write_logs(deploy_target, log_group),
        "read-model": _once(statement for source in sources for statement in source.reads),
        "read-token": _once(statement for source in sources for statement in source.secrets),
        "exchange-objects": [*_exchange(deploy_target, settings), *reads],
        "notify": publish,
        "capture-data": _capture(deploy_target, settings),
        "use-keys": _use_keys(deploy_target, settings),
        "use-network": _use_network(deploy_target, settings.vpc),
        "watch-alarms": watch,
    }
    for policy_name, statements in policies.items():
        if rendered := list(statements):
            # The rest changes with model and configuration, and what serves until they have taken over needs the old.
            role.allow(policy_name, *rendered, follows_content=policy_name != LOGS_AND_METRICS)
    return role


def _once(statements: Iterable[Statement]) -> list[Statement]:
    kept: list[Statement] = []
    for statement in statements:
        if statement not in kept:
            kept.append(statement)
    return kept


def _pull(repository_arns: Iterable[str]) -> Iterator[Statement]:
    if repositories := list(dict.fromkeys(repository_arns)):
        actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        yield Statement(actions=actions, resources=repositories)
        # The token is the account's, not a repository's: no resource-level permission exists (Service Authorization
        # Reference, Amazon ECR).
        yield Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"])


def _write_logs(deploy_target: DeployTarget, log_group: str) -> Iterator[Statement]:
    arn = deploy_target.log_group_arn(log_group)
    yield Statement(
        actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        resources=[arn, f"{arn}:log-stream:*"],
    )
    # CloudWatch has no resource-level permission for it (Service Authorization Reference); the condition leaves only
    # the namespace of endpoint instances.
    yield Statement(
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Endpoints"}},
    )


def _exchange(deploy_target: DeployTarget, settings: EndpointSettings) -> Iterator[Statement]:
    """Yield the rights to asynchronous requests and answers."""
    capacity = settings.capacity
    if isinstance(capacity, AsyncCapacity):
        yield object_statement(deploy_target, "s3:GetObject", capacity.request_location)
        for location in dict.fromkeys(filter(None, (capacity.output_location, capacity.failure_location))):
            yield object_statement(deploy_target, "s3:PutObject", location)
            # Large answers are put in parts.
            yield object_statement(deploy_target, "s3:AbortMultipartUpload", location)


def _capture(deploy_target: DeployTarget, settings: EndpointSettings) -> Iterator[Statement]:
    if settings.data_capture is not None:
        yield object_statement(deploy_target, "s3:PutObject", settings.data_capture.location)


def _use_keys(deploy_target: DeployTarget, settings: EndpointSettings) -> Iterator[Statement]:
    """Yield the rights to customer keys. Putting in parts takes Decrypt as well as GenerateDataKey (Amazon S3)."""
    asynchronous = settings.capacity if isinstance(settings.capacity, AsyncCapacity) else None
    capture = settings.data_capture
    actions = ["Decrypt", "GenerateDataKey"] if asynchronous or capture else ["Decrypt"]
    yield from key_statements(settings.bucket_key_arns, "s3", deploy_target, *actions)
    outputs = [capture.kms_key_arn if capture else None, asynchronous.output_key_arn if asynchronous else None]
    others = [key for key in dict.fromkeys(outputs) if key not in settings.bucket_key_arns]
    yield from key_statements(others, "s3", deploy_target, "Decrypt", "GenerateDataKey")
    if settings.volume_key_arn is not None:
        # SageMaker grants the key on to the volumes of its instances (AWS KMS: grants for AWS services).
        yield Statement(
            actions=["kms:CreateGrant"],
            resources=[settings.volume_key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
        yield Statement(actions=["kms:DescribeKey"], resources=[settings.volume_key_arn])


def _use_network(deploy_target: DeployTarget, vpc: VpcSettings | None) -> Iterator[Statement]:
    """Yield the rights that SageMaker's guide lists for a model in a VPC, held to its subnets and security groups."""
    if vpc is None:
        return
    interfaces = deploy_target.arn("ec2", "network-interface/*")
    subnets = [deploy_target.arn("ec2", f"subnet/{subnet}") for subnet in vpc.subnet_ids]
    groups = [deploy_target.arn("ec2", f"security-group/{group}") for group in vpc.security_group_ids]
    yield Statement(actions=["ec2:CreateNetworkInterface"], resources=[interfaces, *subnets, *groups])
    yield Statement(
        actions=[
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        resources=[interfaces],
        conditions={"ArnEquals": {"ec2:Subnet": subnets}},
    )
    # No resource-level permission exists for them (Service Authorization Reference, Amazon EC2).
    yield Statement(
        actions=[
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        resources=["*"],
    )
