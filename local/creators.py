"""Creates resources on the embedded AWS: one method per Terraform resource type."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from local.aws import Aws
from local.errors import LocalRunError
from local.layers import Layer
from local.template import Template

# The account of AWS's Deep Learning Containers in most regions. Nothing is pulled here: the account only completes the
# ARN in the policy of the endpoint's role.
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
SUBSCRIPTION_ATTRIBUTES = {
    "filter_policy": "FilterPolicy",
    "filter_policy_scope": "FilterPolicyScope",
    "raw_message_delivery": "RawMessageDelivery",
    "redrive_policy": "RedrivePolicy",
}
ACTIVE_SECONDS = 30

Arguments = dict[str, Any]
"""A block's arguments. A method takes out those that it handles; whatever is left is an error."""


class ResourceCreator:
    """Creates a template's resources and reads its data sources, one at a time."""

    def __init__(self, aws: Aws, template: Template, layers: Sequence[Layer] = ()) -> None:
        """A function gets these layers, whichever it names."""
        self._aws = aws
        self._layers = layers
        self._template = template
        self._methods: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "data.aws_caller_identity": self._caller_identity,
            "data.aws_partition": self._partition,
            "data.aws_region": self._region,
            "data.aws_sagemaker_prebuilt_ecr_image": self._prebuilt_image,
            "aws_cloudwatch_event_bus": self._bus,
            "aws_cloudwatch_event_rule": self._rule,
            "aws_cloudwatch_event_target": self._target,
            "aws_cloudwatch_log_group": self._log_group,
            "aws_dynamodb_table": self._table,
            "aws_iam_role": self._role,
            "aws_iam_role_policy": self._role_policy,
            "aws_lambda_alias": self._alias,
            "aws_lambda_event_source_mapping": self._event_source_mapping,
            "aws_lambda_function": self._function,
            "aws_sns_topic": self._topic,
            "aws_sns_topic_policy": self._topic_policy,
            "aws_sns_topic_subscription": self._subscription,
            "aws_sqs_queue": self._queue,
            "aws_sqs_queue_policy": self._queue_policy,
            "aws_sqs_queue_redrive_allow_policy": self._redrive_allow_policy,
        }

    def creates(self, type_: str) -> bool:
        """Return whether the embedded AWS has resources of this type."""
        return type_ in self._methods

    def create(self, type_: str, arguments: Arguments) -> dict[str, Any]:
        """Create a resource; return the attributes that are known only then. Raises KeyError for a missing argument."""
        return self._methods[type_](arguments)

    def _tags(self, arguments: Arguments) -> dict[str, str]:
        """Take the block's own tags; return them together with the provider's default ones."""
        return {**self._template.tags, **arguments.pop("tags", {})}

    def _partition(self, _: Arguments) -> dict[str, Any]:
        return {"partition": self._aws.sqs.meta.partition}

    def _caller_identity(self, _: Arguments) -> dict[str, Any]:
        identity = self._aws.sts.get_caller_identity()
        return {"account_id": identity["Account"], "arn": identity["Arn"], "user_id": identity["UserId"]}

    def _region(self, _: Arguments) -> dict[str, Any]:
        return {"region": self._aws.region}

    def _prebuilt_image(self, arguments: Arguments) -> dict[str, Any]:
        repository, tag = arguments.pop("repository_name"), arguments.pop("image_tag", "latest")
        registry = f"{PREBUILT_IMAGES_ACCOUNT}.dkr.ecr.{self._aws.region}.amazonaws.com"
        return {"registry_id": PREBUILT_IMAGES_ACCOUNT, "registry_path": f"{registry}/{repository}:{tag}"}

    def _queue(self, arguments: Arguments) -> dict[str, Any]:
        sqs = self._aws.sqs
        values = {
            attribute: _text(arguments.pop(argument))
            for argument, attribute in QUEUE_ATTRIBUTES.items()
            if argument in arguments
        }
        # SQS takes true only: a queue that is not FIFO has no such attribute.
        attributes: Any = {name: value for name, value in values.items() if (name, value) != ("FifoQueue", "false")}
        tags = self._tags(arguments)
        url = sqs.create_queue(QueueName=arguments.pop("name"), Attributes=attributes, tags=tags)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return {"id": url, "url": url, "arn": arn}

    def _queue_policy(self, arguments: Arguments) -> dict[str, Any]:
        attributes: Any = {"Policy": arguments.pop("policy")}
        self._aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
        return {}

    def _redrive_allow_policy(self, arguments: Arguments) -> dict[str, Any]:
        attributes: Any = {"RedriveAllowPolicy": arguments.pop("redrive_allow_policy")}
        self._aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
        return {}

    def _topic(self, arguments: Arguments) -> dict[str, Any]:
        attributes = {"FifoTopic": "true"} if arguments.pop("fifo_topic", False) else {}
        tags: Any = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        arn = self._aws.sns.create_topic(Name=arguments.pop("name"), Attributes=attributes, Tags=tags)["TopicArn"]
        return {"id": arn, "arn": arn}

    def _topic_policy(self, arguments: Arguments) -> dict[str, Any]:
        self._aws.sns.set_topic_attributes(
            TopicArn=arguments.pop("arn"), AttributeName="Policy", AttributeValue=arguments.pop("policy")
        )
        return {}

    def _subscription(self, arguments: Arguments) -> dict[str, Any]:
        values = {
            attribute: _text(arguments.pop(argument))
            for argument, attribute in SUBSCRIPTION_ATTRIBUTES.items()
            if argument in arguments
        }
        subscription = self._aws.sns.subscribe(
            TopicArn=arguments.pop("topic_arn"),
            Protocol=arguments.pop("protocol"),
            Endpoint=arguments.pop("endpoint"),
            Attributes=values,
            ReturnSubscriptionArn=True,
        )
        return {"id": subscription["SubscriptionArn"], "arn": subscription["SubscriptionArn"]}

    def _bus(self, arguments: Arguments) -> dict[str, Any]:
        tags: Any = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        name = arguments.pop("name")
        return {"id": name, "arn": self._aws.events.create_event_bus(Name=name, Tags=tags)["EventBusArn"]}

    def _rule(self, arguments: Arguments) -> dict[str, Any]:
        tags: Any = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        rule = self._aws.events.put_rule(
            Name=arguments["name"],
            EventBusName=arguments.pop("event_bus_name"),
            EventPattern=arguments.pop("event_pattern"),
            Tags=tags,
        )
        return {"id": arguments.pop("name"), "arn": rule["RuleArn"]}

    def _target(self, arguments: Arguments) -> dict[str, Any]:
        target: Any = {"Id": "queue", "Arn": arguments.pop("arn"), "InputPath": arguments.pop("input_path")}
        target["DeadLetterConfig"] = {"Arn": arguments.pop("dead_letter_config")["arn"]}
        answer = self._aws.events.put_targets(
            Rule=arguments.pop("rule"), EventBusName=arguments.pop("event_bus_name"), Targets=[target]
        )
        if answer["FailedEntryCount"]:
            raise LocalRunError(f"the target was refused: {answer['FailedEntries']}")
        return {}

    def _role(self, arguments: Arguments) -> dict[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        role = self._aws.iam.create_role(
            RoleName=arguments.pop("name"),
            AssumeRolePolicyDocument=arguments.pop("assume_role_policy"),
            Description=arguments.pop("description", ""),
            Tags=tags,  # type: ignore[arg-type]
        )["Role"]
        return {"id": role["RoleName"], "arn": role["Arn"], "unique_id": role["RoleId"]}

    def _role_policy(self, arguments: Arguments) -> dict[str, Any]:
        self._aws.iam.put_role_policy(
            RoleName=arguments.pop("role"), PolicyName=arguments.pop("name"), PolicyDocument=arguments.pop("policy")
        )
        return {}

    def _log_group(self, arguments: Arguments) -> dict[str, Any]:
        logs, name = self._aws.logs, arguments.pop("name")
        request: Any = {"logGroupName": name, "tags": self._tags(arguments)}
        if "kms_key_id" in arguments:
            request["kmsKeyId"] = arguments.pop("kms_key_id")
        logs.create_log_group(**request)
        if "retention_in_days" in arguments:
            logs.put_retention_policy(logGroupName=name, retentionInDays=arguments.pop("retention_in_days"))
        return {"id": name}

    def _function(self, arguments: Arguments) -> dict[str, Any]:
        lambda_ = self._aws.lambda_
        arguments.pop("layers", None)  # of another account: `self._layers` stand for them
        arguments.pop("source_code_hash", None)  # only Terraform needs it, to see that the code has changed
        logging, code = arguments.pop("logging_config", {}), self._template.path.parent / arguments.pop("filename")
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
            "Layers": [self._published(layer) for layer in self._layers],
            "LoggingConfig": {_camel_case(key): value for key, value in logging.items()},
            "Tags": self._tags(arguments),
        }
        function = lambda_.create_function(**request)
        self._wait_until_active(function["FunctionName"])
        if "reserved_concurrent_executions" in arguments:
            lambda_.put_function_concurrency(
                FunctionName=function["FunctionName"],
                ReservedConcurrentExecutions=arguments.pop("reserved_concurrent_executions"),
            )
        return {"id": function["FunctionName"], "arn": function["FunctionArn"], "version": function["Version"]}

    def _published(self, layer: Layer) -> str:
        """Return the ARN of the layer's version."""
        published = self._aws.lambda_.publish_layer_version(
            LayerName=re.sub(r"[^\w-]", "-", layer.name), Content={"ZipFile": layer.content()}
        )
        return published["LayerVersionArn"]

    def _alias(self, arguments: Arguments) -> dict[str, Any]:
        alias = self._aws.lambda_.create_alias(
            FunctionName=arguments.pop("function_name"),
            Name=arguments.pop("name"),
            FunctionVersion=arguments.pop("function_version"),
            Description=arguments.pop("description", ""),
        )
        return {"id": alias["AliasArn"], "arn": alias["AliasArn"]}

    def _table(self, arguments: Arguments) -> dict[str, Any]:
        dynamodb, name, key = self._aws.dynamodb, arguments.pop("name"), arguments.pop("hash_key")
        request: dict[str, Any] = {
            "TableName": name,
            "BillingMode": arguments.pop("billing_mode"),
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
                for attribute in arguments.pop("attribute")
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()],
        }
        arn = dynamodb.create_table(**request)["TableDescription"]["TableArn"]
        expiry = {_camel_case(argument): value for argument, value in arguments.pop("ttl").items()}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)  # type: ignore[arg-type]
        return {"id": name, "arn": arn}

    def _event_source_mapping(self, arguments: Arguments) -> dict[str, Any]:
        request: dict[str, Any] = {
            "EventSourceArn": arguments.pop("event_source_arn"),
            "FunctionName": arguments.pop("function_name"),
            "BatchSize": arguments.pop("batch_size", 10),
            "MaximumBatchingWindowInSeconds": arguments.pop("maximum_batching_window_in_seconds", 0),
            "Enabled": arguments.pop("enabled", True),
            "FunctionResponseTypes": arguments.pop("function_response_types", []),
            "ScalingConfig": {_camel_case(key): value for key, value in arguments.pop("scaling_config", {}).items()},
            "Tags": self._tags(arguments),
        }
        mapping = self._aws.lambda_.create_event_source_mapping(**request)
        return {"id": mapping["UUID"], "uuid": mapping["UUID"]}

    def _wait_until_active(self, name: str) -> None:
        deadline = time.monotonic() + ACTIVE_SECONDS
        while (state := self._aws.lambda_.get_function_configuration(FunctionName=name)["State"]) != "Active":
            if state == "Failed" or time.monotonic() > deadline:
                raise LocalRunError(f"the function {name} is {state}, not Active")
            time.sleep(0.02)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
