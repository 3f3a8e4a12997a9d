"""Asynchronous inference: the rights to submit requests, and the way back of what became of them."""

import json
from collections.abc import Sequence
from dataclasses import replace

from constructs_lib.core.findings import accept
from constructs_lib.core.iam import ServiceRole, key_statements, object_statement
from constructs_lib.core.naming import DeployTarget
from constructs_lib.function.function import BatchInferenceFunction
from constructs_lib.messaging.queue import MessageQueue, Queue
from constructs_lib.messaging.results import ResultSink
from constructs_lib.messaging.topic import Topic
from constructs_lib.settings import AsyncCapacity, FunctionSettings, ServicePrincipal
from constructs_lib.settings.handler import HandlerSettings

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.lambda_function_event_invoke_config import (
    LambdaFunctionEventInvokeConfig,
    LambdaFunctionEventInvokeConfigDestinationConfig,
    LambdaFunctionEventInvokeConfigDestinationConfigOnFailure,
)
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

# Lambda: the most that PutFunctionEventInvokeConfig takes
RETRIES = 2
EVENT_AGE_SECONDS = 21_600


class NotificationTopics(Construct):
    """Topics to which SageMaker publishes, as the execution role, that an inference has succeeded or failed."""

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        self.success = Topic(self, "success", name=f"{name}-async-success")
        self.error = Topic(self, "error", name=f"{name}-async-error")

    @property
    def arns(self) -> tuple[str, str]:
        """Those of the success and of the error topic, as text."""
        return self.success.arn, self.error.arn

    @property
    def dependencies(self) -> Sequence[ITerraformDependable]:
        """Resources that must exist before the endpoint, whose text names the topics where Terraform can't follow."""
        return self.success.topic, self.error.topic


class NotificationFunction(Construct):
    """The second function, subscribed to both topics: it sends results and dead letters on.

    It creates: the function from the same zip with its role and logs, the topics' right to invoke it, and the
    subscriptions. What it fails on three times goes to the dead-letter queue as Lambda's invocation record.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: FunctionSettings,
        handler_settings: HandlerSettings,
        topics: NotificationTopics,
        dead_letters: Queue,
    ) -> None:
        """`settings` are the first function's; what bounds and warms that one does not hold for this one.

        Raises SettingsError if settings are out of bounds.
        """
        super().__init__(scope, id_)
        self._reads_contexts = handler_settings.identifies
        self.function = BatchInferenceFunction(
            self,
            "function",
            name=name,
            settings=replace(
                settings, reserved_concurrency=None, alias=None, provisioned_concurrency=None, snap_start=None
            ),
            handler_settings=handler_settings,
            entry="handler.notify.handler",
            description="Sends on what an asynchronous SageMaker endpoint has answered",
        )
        reason = "the endpoint's instances bound how many notifications there are"
        accept(self.function.function, "CKV_AWS_115", reason)
        self.dependencies: list[ITerraformDependable] = []
        """Resources that must exist before the first request."""
        self._subscribe("success", topics.success, dead_letters)
        self._subscribe("error", topics.error, dead_letters)

    def grant(
        self, capacity: AsyncCapacity, results: ResultSink, dead_letters: Queue, *, bucket_keys: Sequence[str]
    ) -> None:
        """Let the function read answers, send results and dead letters, and leave what it fails on with the latter."""
        role, deploy_target = self.function.role, DeployTarget.of(self)
        keys = [*bucket_keys, capacity.output_key_arn]
        if self._reads_contexts:
            role.allow(
                "read-contexts",
                object_statement(deploy_target, "s3:GetObject", capacity.request_location),
                *key_statements(bucket_keys, "s3", deploy_target, "Decrypt"),
            )
        role.allow(
            "read-answers",
            object_statement(deploy_target, "s3:GetObject", capacity.output_location),
            *key_statements(keys, "s3", deploy_target, "Decrypt"),
        )
        results.grant_send(role)
        dead_letters.grant_send(role)
        self.function.depend_on_rights()
        failures = LambdaFunctionEventInvokeConfig(
            self,
            "failures",
            function_name=self.function.function.function_name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=EVENT_AGE_SECONDS,
            destination_config=LambdaFunctionEventInvokeConfigDestinationConfig(
                on_failure=LambdaFunctionEventInvokeConfigDestinationConfigOnFailure(destination=dead_letters.arn)
            ),
            # Lambda refuses a destination that the function's role may not send to.
            depends_on=role.policies,
        )
        self.dependencies.append(failures)

    def _subscribe(self, id_: str, topic: Topic, dead_letters: Queue) -> None:
        """Subscribe the function to a topic; what SNS can't deliver goes to a dead-letter queue created here."""
        redrive = None
        if isinstance(dead_letters, MessageQueue):
            dead_letters.grant_send(ServicePrincipal(service="sns.amazonaws.com", source_arn=topic.arn))
            redrive = json.dumps({"deadLetterTargetArn": dead_letters.arn})
        permission = LambdaPermission(
            self,
            f"{id_}-permission",
            statement_id=f"{id_}-topic",
            action="lambda:InvokeFunction",
            function_name=self.function.function.function_name,
            principal="sns.amazonaws.com",
            source_arn=topic.arn,
        )
        subscription = SnsTopicSubscription(
            self,
            f"{id_}-subscription",
            topic_arn=topic.topic.arn,
            protocol="lambda",
            endpoint=self.function.arn,
            redrive_policy=redrive,
            depends_on=[permission],
        )
        self.dependencies.append(subscription)


def grant_put_requests(role: ServiceRole, capacity: AsyncCapacity, bucket_keys: Sequence[str]) -> None:
    """Let the role put requests to S3, where the endpoint reads them with its own role."""
    deploy_target = DeployTarget.of(role)
    role.allow(
        "put-requests",
        object_statement(deploy_target, "s3:PutObject", capacity.request_location),
        *key_statements(bucket_keys, "s3", deploy_target, "GenerateDataKey"),
    )
