"""Creates topics, buses, and what lets a topic call a function, on the embedded AWS."""

import json
from collections.abc import Callable
from typing import Any

from local.aws import Aws

Arguments = dict[str, Any]
TOPIC_ATTRIBUTES = {
    "content_based_deduplication": "ContentBasedDeduplication",
    "display_name": "DisplayName",
    "fifo_throughput_scope": "FifoThroughputScope",
    "fifo_topic": "FifoTopic",
    "kms_master_key_id": "KmsMasterKeyId",
}
SUBSCRIPTION_ATTRIBUTES = {
    "filter_policy": "FilterPolicy",
    "raw_message_delivery": "RawMessageDelivery",
    "redrive_policy": "RedrivePolicy",
}


class MessagingCreator:
    """One method for each Terraform resource type; see `creators`."""

    def __init__(self, aws: Aws, tags: Callable[[Arguments], dict[str, str]]) -> None:
        """`tags` takes a block's own tags, and returns them with the provider's."""
        self._aws = aws
        self._tags = tags
        self.methods: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "aws_cloudwatch_event_bus": self._bus,
            "aws_lambda_function_event_invoke_config": self._event_invoke_config,
            "aws_lambda_permission": self._permission,
            "aws_sns_topic": self._topic,
            "aws_sns_topic_policy": self._topic_policy,
            "aws_sns_topic_subscription": self._subscription,
        }

    def _topic(self, arguments: Arguments) -> dict[str, Any]:
        attributes = _taken(arguments, TOPIC_ATTRIBUTES)
        tags = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        arn = self._aws.sns.create_topic(Name=arguments.pop("name"), Attributes=attributes, Tags=tags)["TopicArn"]
        return {"id": arn, "arn": arn}

    def _topic_policy(self, arguments: Arguments) -> dict[str, Any]:
        topic, policy = arguments.pop("arn"), arguments.pop("policy")
        self._aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        return {"id": topic}

    def _subscription(self, arguments: Arguments) -> dict[str, Any]:
        attributes = _taken(arguments, SUBSCRIPTION_ATTRIBUTES)
        arn = self._aws.sns.subscribe(
            TopicArn=arguments.pop("topic_arn"),
            Protocol=arguments.pop("protocol"),
            Endpoint=arguments.pop("endpoint"),
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return {"id": arn, "arn": arn}

    def _bus(self, arguments: Arguments) -> dict[str, Any]:
        name, key = arguments.pop("name"), arguments.pop("kms_key_identifier", "")
        tags = [{"Key": key, "Value": value} for key, value in self._tags(arguments).items()]
        encrypted = {"KmsKeyIdentifier": key} if key else {}
        bus = self._aws.events.create_event_bus(Name=name, Tags=tags, **encrypted)
        return {"id": name, "arn": bus["EventBusArn"]}

    def _permission(self, arguments: Arguments) -> dict[str, Any]:
        """Let a service call a function."""
        self._aws.lambda_.add_permission(
            FunctionName=arguments.pop("function_name"),
            StatementId=arguments["statement_id"],
            Action=arguments.pop("action"),
            Principal=arguments.pop("principal"),
            SourceArn=arguments.pop("source_arn"),
        )
        return {"id": arguments.pop("statement_id")}

    def _event_invoke_config(self, arguments: Arguments) -> dict[str, Any]:
        """Say what becomes of calls that nobody waits for."""
        destinations = arguments.pop("destination_config", {})
        name = arguments.pop("function_name")
        self._aws.lambda_.put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=arguments.pop("maximum_retry_attempts", 2),
            MaximumEventAgeInSeconds=arguments.pop("maximum_event_age_in_seconds", 21_600),
            DestinationConfig={"OnFailure": {"Destination": destinations["on_failure"]["destination"]}},
        )
        return {"id": name}


def _taken(arguments: Arguments, names: dict[str, str]) -> dict[str, str]:
    """Take the arguments of these names; return them as attributes, which are texts."""
    values = {attribute: arguments.pop(name) for name, attribute in names.items() if name in arguments}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
