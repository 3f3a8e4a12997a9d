"""A chain's link: results of one pipeline, as messages of another one's queue."""

import json
from collections.abc import Mapping
from typing import Any

from constructs_lib.core.naming import DeployTarget
from constructs_lib.messaging.queue import MessageQueue
from constructs_lib.messaging.results import ResultSink
from constructs_lib.settings import ServicePrincipal
from constructs_lib.settings.handler import EVENT_SOURCE, EVENT_TYPE

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTarget,
    CloudwatchEventTargetDeadLetterConfig,
)
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct


class ResultFeed(Construct):
    """Brings the results of a topic or a bus to a queue, each as the CloudEvent that it is.

    It creates: a subscription of the topic with raw message delivery, or a rule of the bus and its target; and it lets
    that one send to the queue. What can't be delivered goes to the queue's dead-letter queue, without a reason.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        source: ResultSink,
        queue: MessageQueue,
        matching: Mapping[str, Any] | None = None,
    ) -> None:
        """`name` is that of the rule; `matching` a pattern over the event, by default all results match."""
        super().__init__(scope, id_)
        assert queue.dead_letter_queue is not None, "a work queue has one"
        self._queue, self._dead_letters = queue, queue.dead_letter_queue
        if source.topic is not None:
            self.link: SnsTopicSubscription | CloudwatchEventTarget = self._subscribe(source, matching or {})
        else:
            self.link = self._match(name, source, matching or {})

    def _subscribe(self, source: ResultSink, matching: Mapping[str, Any]) -> SnsTopicSubscription:
        assert source.topic is not None
        self._admit("sns.amazonaws.com", source.topic.arn)
        # Amazon SNS: a filter on the body takes no lists, so these come unfiltered.
        has_lists = source.settings.max_events_per_message > 1
        policy = None if has_lists else json.dumps({"type": [EVENT_TYPE], **matching})
        return SnsTopicSubscription(
            self,
            "subscription",
            topic_arn=source.topic.topic.arn,
            protocol="sqs",
            endpoint=self._queue.resource_arn,
            raw_message_delivery=True,
            filter_policy=policy,
            filter_policy_scope=policy and "MessageBody",
            redrive_policy=json.dumps({"deadLetterTargetArn": self._dead_letters.arn}),
            depends_on=[*self._queue.policies, *self._dead_letters.policies],
        )

    def _match(self, name: str, source: ResultSink, matching: Mapping[str, Any]) -> CloudwatchEventTarget:
        assert source.bus is not None
        pattern: dict[str, Any] = {"source": [EVENT_SOURCE], "detail-type": [EVENT_TYPE]}
        if matching:
            pattern["detail"] = matching
        rule = CloudwatchEventRule(
            self, "rule", name=name, event_bus_name=source.bus.name, event_pattern=json.dumps(pattern)
        )
        place = f"rule/{source.bus_name}/{name}"
        self._admit("events.amazonaws.com", DeployTarget.of(self).arn("events", place))
        return CloudwatchEventTarget(
            self,
            "target",
            rule=rule.name,
            event_bus_name=source.bus.name,
            arn=self._queue.resource_arn,
            input_path="$.detail",
            dead_letter_config=CloudwatchEventTargetDeadLetterConfig(arn=self._dead_letters.resource_arn),
            depends_on=[*self._queue.policies, *self._dead_letters.policies],
        )

    def _admit(self, service: str, arn: str) -> None:
        for queue in (self._queue, self._dead_letters):
            queue.grant_send(ServicePrincipal(service=service, source_arn=arn))
