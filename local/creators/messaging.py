"""Queues, topics and event buses."""

from typing import Any

from local.aws import Aws
from local.creators.base import Arguments, Creator, text
from local.template import Template

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
    "raw_message_delivery": "RawMessageDelivery",
    "redrive_policy": "RedrivePolicy",
}


class Messaging(Creator):
    """Creates what messages and results go through."""

    def __init__(self, aws: Aws, template: Template) -> None:
        super().__init__(aws, template)
        self.methods = {
            "data.aws_sqs_queue": self._existing_queue,
            "aws_cloudwatch_event_bus": self._event_bus,
            "aws_sns_topic": self._topic,
            "aws_sns_topic_policy": self._topic_policy,
            "aws_sns_topic_subscription": self._subscription,
            "aws_sqs_queue": self._queue,
            "aws_sqs_queue_policy": self._queue_policy,
            "aws_sqs_queue_redrive_allow_policy": self._redrive_allow_policy,
        }

    def _existing_queue(self, arguments: Arguments) -> dict[str, Any]:
        url = self.aws.sqs.get_queue_url(QueueName=arguments.pop("name"))["QueueUrl"]
        return {"id": url, "url": url, "arn": self._queue_arn(url)}

    def _queue(self, arguments: Arguments) -> dict[str, Any]:
        values = {
            attribute: text(arguments.pop(argument))
            for argument, attribute in QUEUE_ATTRIBUTES.items()
            if argument in arguments
        }
        # SQS takes true only: a queue that is not FIFO has no such attribute.
        attributes: Any = {name: value for name, value in values.items() if (name, value) != ("FifoQueue", "false")}
        tags = self.tags(arguments)
        url = self.aws.sqs.create_queue(QueueName=arguments.pop("name"), Attributes=attributes, tags=tags)["QueueUrl"]
        return {"id": url, "url": url, "arn": self._queue_arn(url)}

    def _queue_arn(self, url: str) -> str:
        return self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def _queue_policy(self, arguments: Arguments) -> dict[str, Any]:
        attributes: Any = {"Policy": arguments.pop("policy")}
        self.aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
        return {}

    def _redrive_allow_policy(self, arguments: Arguments) -> dict[str, Any]:
        attributes: Any = {"RedriveAllowPolicy": arguments.pop("redrive_allow_policy")}
        self.aws.sqs.set_queue_attributes(QueueUrl=arguments.pop("queue_url"), Attributes=attributes)
        return {}

    def _topic(self, arguments: Arguments) -> dict[str, Any]:
        tags = self.tag_list(arguments)
        arn = self.aws.sns.create_topic(Name=arguments.pop("name"), Tags=tags)["TopicArn"]
        return {"id": arn, "arn": arn}

    def _topic_policy(self, arguments: Arguments) -> dict[str, Any]:
        policy = arguments.pop("policy")
        self.aws.sns.set_topic_attributes(TopicArn=arguments.pop("arn"), AttributeName="Policy", AttributeValue=policy)
        return {}

    def _subscription(self, arguments: Arguments) -> dict[str, Any]:
        subscription = self.aws.sns.subscribe(
            TopicArn=arguments.pop("topic_arn"),
            Protocol=arguments.pop("protocol"),
            Endpoint=arguments.pop("endpoint"),
            Attributes={
                attribute: text(arguments.pop(argument))
                for argument, attribute in SUBSCRIPTION_ATTRIBUTES.items()
                if argument in arguments
            },
            ReturnSubscriptionArn=True,
        )
        return {"id": subscription["SubscriptionArn"], "arn": subscription["SubscriptionArn"]}

    def _event_bus(self, arguments: Arguments) -> dict[str, Any]:
        name, tags = arguments.pop("name"), self.tag_list(arguments)
        return {"id": name, "arn": self.aws.events.create_event_bus(Name=name, Tags=tags)["EventBusArn"]}
