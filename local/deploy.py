"""Makes what a template describes on the embedded AWS: one creator per Terraform resource type."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws
from local.errors import LocalRunError
from local.template import Attributes, Block, Template, references, resolve

# Where AWS keeps its Deep Learning Containers for most regions. Nothing is pulled here: the account only completes
# the ARN in the policy of the endpoint's role.
PREBUILT_IMAGES_ACCOUNT = "763104351884"

QUEUE_ATTRIBUTES = {
    "content_based_deduplication": "ContentBasedDeduplication",
    "deduplication_scope": "DeduplicationScope",
    "delay_seconds": "DelaySeconds",
    "fifo_queue": "FifoQueue",
    "fifo_throughput_limit": "FifoThroughputLimit",
    "max_message_size": "MaximumMessageSize",
    "message_retention_seconds": "MessageRetentionPeriod",
    "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "redrive_policy": "RedrivePolicy",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "visibility_timeout_seconds": "VisibilityTimeout",
}

# Resources without an argument `name`: the argument that tells it, and what stands before the name in it.
NAMED_BY = {
    "aws_appautoscaling_target": ("resource_id", ""),
    "aws_cloudwatch_dashboard": ("dashboard_name", ""),
    "aws_cloudwatch_metric_alarm": ("alarm_name", ""),
    "aws_lambda_event_source_mapping": ("event_source_arn", ":"),
    "aws_lambda_function": ("function_name", ""),
    "aws_s3_object": ("key", ""),
    "aws_sns_topic_policy": ("arn", ":"),
    "aws_sns_topic_subscription": ("endpoint", ""),
    "aws_sqs_queue_policy": ("queue_url", "/"),
    "aws_sqs_queue_redrive_allow_policy": ("queue_url", "/"),
}
# Arguments without effect on the embedded AWS, which has no networks and encrypts nothing; and filters, which messages
# of the run's own would not fit.
LEFT_OUT = {
    "aws_cloudwatch_log_group": {"kms_key_id"},
    "aws_lambda_event_source_mapping": {
        "filter_criteria",
        "kms_key_arn",
        "metrics_config",
        "provisioned_poller_config",
    },
    "aws_lambda_function": {"code_signing_config_arn", "kms_key_arn", "vpc_config"},
    "aws_dynamodb_table": {"point_in_time_recovery", "server_side_encryption"},
    "aws_sqs_queue": {"kms_data_key_reuse_period_seconds", "kms_master_key_id"},
}
ACTIVE_SECONDS = 30

Arguments = dict[str, Any]
"""A block's arguments. A creator takes out what it handles; whatever is left is an error."""
Creator = Callable[["Deployment", Arguments], dict[str, Any]]
"""Makes the resource; returns the attributes that only then are known."""


class Deployment:
    """The template's resources as they come into being."""

    def __init__(self, template: Template, aws: Aws) -> None:
        self.template = template
        self.aws = aws
        self.created: list[Block] = []
        self.absent: list[Block] = []
        """Resources that the embedded AWS has no counterpart of."""
        self.left_out: dict[str, set[str]] = {}
        """Arguments of those created that have no effect there, by type."""
        self.attributes: dict[str, Attributes] = {}
        """By address: arguments, and what became known on creation."""

    def create(self, *, only: Callable[[Block], bool] = lambda _: True) -> None:
        """Create what `only` admits, in order. Raises LocalRunError naming the first that fails."""
        for block in filter(only, self.template.ordered()):
            creator = CREATORS.get(block.type)
            arguments = self.resolved(block) if creator else self._known(block)
            made = self._make(block, creator, dict(arguments)) if creator else {}
            self.attributes[block.address] = {**arguments, **made}
            if not block.type.startswith("data."):
                (self.created if creator else self.absent).append(block)

    def resolved(self, block: Block) -> Mapping[str, Any]:
        """Return the block's arguments with references replaced."""
        arguments: Mapping[str, Any] = resolve(block.arguments, self.attributes)
        return arguments

    def _known(self, block: Block) -> Mapping[str, Any]:
        """Return the arguments that can be told of a block that is not made: others like it have no ARN."""
        return {
            name: resolve(value, self.attributes)
            for name, value in block.arguments.items()
            if all(attribute in self.attributes.get(address, {}) for address, attribute in references(value))
        }

    def name(self, block: Block) -> str:
        """Return what a person knows the resource by: its name, its queue's, or else its address."""
        argument, separator = NAMED_BY.get(block.type, ("name", ""))
        name = str(self.attributes[block.address].get(argument, block.address))
        return name.rpartition(separator)[2] if separator else name

    def tags(self, arguments: Arguments) -> dict[str, str]:
        """Take the block's own tags; return them over the provider's default ones."""
        return {**self.template.tags, **arguments.pop("tags", {})}

    def _make(self, block: Block, creator: Creator, arguments: Arguments) -> dict[str, Any]:
        for name in LEFT_OUT.get(block.type, set()) & arguments.keys():
            self.left_out.setdefault(block.type, set()).add(name)
            del arguments[name]
        try:
            made = creator(self, arguments)
        except KeyError as error:
            raise LocalRunError(f"{block.address} has no {error.args[0]}") from error
        except (BotoCoreError, ClientError, OSError) as error:
            raise LocalRunError(f"{block.address} was not created: {error}") from error
        if arguments:
            raise LocalRunError(f"{block.address}: the local run does not know {', '.join(sorted(arguments))}")
        return made


def _partition(deployment: Deployment, _: Arguments) -> dict[str, Any]:
    return {"partition": deployment.aws.sqs.meta.partition}


def _caller_identity(deployment: Deployment, _: Arguments) -> dict[str, Any]:
    identity = deployment.aws.sts.get_caller_identity()
    return {"account_id": identity["Account"], "arn": identity["Arn"], "user_id": identity["UserId"]}


def _region(deployment: Deployment, _: Arguments) -> dict[str, Any]:
    return {"region": deployment.aws.region}


def _prebuilt_image(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    repository, tag = arguments.pop("repository_name"), arguments.pop("image_tag", "latest")
    registry = f"{PREBUILT_IMAGES_ACCOUNT}.dkr.ecr.{deployment.aws.region}.amazonaws.com"
    return {"registry_id": PREBUILT_IMAGES_ACCOUNT, "registry_path": f"{registry}/{repository}:{tag}"}


def _queue(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    sqs = deployment.aws.sqs
    values = {
        attribute: _text(arguments.pop(argument))
        for argument, attribute in QUEUE_ATTRIBUTES.items()
        if argument in arguments
    }
    # SQS takes true only: a queue that is not FIFO has no such attribute.
    attributes: Any = {name: value for name, value in values.items() if (name, value) != ("FifoQueue", "false")}
    tags = deployment.tags(arguments)
    url = sqs.create_queue(QueueName=arguments.pop("name"), Attributes=attributes, tags=tags)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return {"id": url, "url": url, "arn": arn}


def _queue_policy(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    attributes: Any = {"Policy": arguments.pop("policy")}
    deployment.aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
    return {}


def _redrive_allow_policy(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    attributes: Any = {"RedriveAllowPolicy": arguments.pop("redrive_allow_policy")}
    deployment.aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
    return {}


def _role(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in deployment.tags(arguments).items()]
    role = deployment.aws.iam.create_role(
        RoleName=arguments.pop("name"),
        AssumeRolePolicyDocument=arguments.pop("assume_role_policy"),
        Description=arguments.pop("description", ""),
        Tags=tags,  # type: ignore[arg-type]
    )["Role"]
    return {"id": role["RoleName"], "arn": role["Arn"], "unique_id": role["RoleId"]}


def _role_policy(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    deployment.aws.iam.put_role_policy(
        RoleName=arguments.pop("role"), PolicyName=arguments.pop("name"), PolicyDocument=arguments.pop("policy")
    )
    return {}


def _log_group(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    logs, name = deployment.aws.logs, arguments.pop("name")
    request: Any = {"logGroupName": name, "tags": deployment.tags(arguments)}
    if "kms_key_id" in arguments:
        request["kmsKeyId"] = arguments.pop("kms_key_id")
    logs.create_log_group(**request)
    if "retention_in_days" in arguments:
        logs.put_retention_policy(logGroupName=name, retentionInDays=arguments.pop("retention_in_days"))
    return {"id": name}


def _function(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    lambda_ = deployment.aws.lambda_
    arguments.pop("source_code_hash", None)  # tells Terraform, and nobody else, that the code has changed
    logging, code = arguments.pop("logging_config", {}), deployment.template.path.parent / arguments.pop("filename")
    request: dict[str, Any] = {
        "FunctionName": arguments.pop("function_name"),
        "Code": {"ZipFile": code.read_bytes()},
        "Handler": arguments.pop("handler"),
        "Runtime": arguments.pop("runtime"),
        "Role": arguments.pop("role"),
        "Description": arguments.pop("description", ""),
        "Architectures": arguments.pop("architectures", ["x86_64"]),
        "MemorySize": arguments.pop("memory_size", 128),
        "Timeout": arguments.pop("timeout", 3),
        "SnapStart": {"ApplyOn": arguments.pop("snap_start", {}).get("apply_on", "None")},
        "Publish": arguments.pop("publish", False),
        "EphemeralStorage": {"Size": arguments.pop("ephemeral_storage", {}).get("size", 512)},
        "Environment": {"Variables": arguments.pop("environment", {}).get("variables", {})},
        "TracingConfig": {"Mode": arguments.pop("tracing_config", {}).get("mode", "PassThrough")},
        "LoggingConfig": {_camel_case(key): value for key, value in logging.items()},
        "Tags": deployment.tags(arguments),
    }
    function = lambda_.create_function(**request)
    _wait_until_active(deployment, function["FunctionName"])
    if "reserved_concurrent_executions" in arguments:
        lambda_.put_function_concurrency(
            FunctionName=function["FunctionName"],
            ReservedConcurrentExecutions=arguments.pop("reserved_concurrent_executions"),
        )
    return {"id": function["FunctionName"], "arn": function["FunctionArn"], "version": function["Version"]}


def _alias(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    alias = deployment.aws.lambda_.create_alias(
        FunctionName=arguments.pop("function_name"),
        Name=arguments.pop("name"),
        FunctionVersion=arguments.pop("function_version"),
        Description=arguments.pop("description", ""),
    )
    return {"id": alias["AliasArn"], "arn": alias["AliasArn"]}


def _table(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    dynamodb, name, key = deployment.aws.dynamodb, arguments.pop("name"), arguments.pop("hash_key")
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": arguments.pop("billing_mode"),
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
            for attribute in arguments.pop("attribute")
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in deployment.tags(arguments).items()],
    }
    arn = dynamodb.create_table(**request)["TableDescription"]["TableArn"]
    expiry = {_camel_case(argument): value for argument, value in arguments.pop("ttl").items()}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)  # type: ignore[arg-type]
    return {"id": name, "arn": arn}


def _event_source_mapping(deployment: Deployment, arguments: Arguments) -> dict[str, Any]:
    request: dict[str, Any] = {
        "EventSourceArn": arguments.pop("event_source_arn"),
        "FunctionName": arguments.pop("function_name"),
        "BatchSize": arguments.pop("batch_size", 10),
        "MaximumBatchingWindowInSeconds": arguments.pop("maximum_batching_window_in_seconds", 0),
        "Enabled": arguments.pop("enabled", True),
        "FunctionResponseTypes": arguments.pop("function_response_types", []),
        "ScalingConfig": {_camel_case(key): value for key, value in arguments.pop("scaling_config", {}).items()},
        "Tags": deployment.tags(arguments),
    }
    mapping = deployment.aws.lambda_.create_event_source_mapping(**request)
    return {"id": mapping["UUID"], "uuid": mapping["UUID"]}


def _wait_until_active(deployment: Deployment, name: str) -> None:
    deadline = time.monotonic() + ACTIVE_SECONDS
    while (state := deployment.aws.lambda_.get_function_configuration(FunctionName=name)["State"]) != "Active":
        if state == "Failed" or time.monotonic() > deadline:
            raise LocalRunError(f"the function {name} is {state}, not Active")
        time.sleep(0.02)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


CREATORS: dict[str, Creator] = {
    "data.aws_caller_identity": _caller_identity,
    "data.aws_partition": _partition,
    "data.aws_region": _region,
    "data.aws_sagemaker_prebuilt_ecr_image": _prebuilt_image,
    "aws_cloudwatch_log_group": _log_group,
    "aws_dynamodb_table": _table,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_lambda_alias": _alias,
    "aws_lambda_event_source_mapping": _event_source_mapping,
    "aws_lambda_function": _function,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _queue_policy,
    "aws_sqs_queue_redrive_allow_policy": _redrive_allow_policy,
}
