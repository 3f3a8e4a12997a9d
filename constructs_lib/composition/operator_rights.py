"""Rights of the operator's desk on one pipeline: what its commands call, and nothing else.

The desk is the package `operate`; a test takes each of these rights away, and a command of the desk fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from constructs_lib.core.iam import Statement, key_statements
from constructs_lib.core.naming import DeployTarget
from constructs_lib.messaging.queue import Queue
from constructs_lib.settings import PipelineSettings

# Nothing narrower exists for these (https://docs.aws.amazon.com/service-authorization/latest/reference/). Alarms are
# asked for by the beginning of their names, which is no resource.
OF_THE_ACCOUNT = (
    "lambda:ListFunctions",
    "lambda:ListEventSourceMappings",
    "cloudwatch:GetMetricData",
    "cloudwatch:DescribeAlarms",
    "sagemaker:ListEndpointConfigs",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingActivities",
)
TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")


@dataclass(frozen=True, kw_only=True)
class OperatedPipeline:
    """The parts of a pipeline that its operators look at and act on."""

    name: str
    settings: PipelineSettings
    deploy_target: DeployTarget
    work: Queue
    dead_letters: Queue
    results: Queue | None
    """The results queue, if results go to one."""
    function_name: str
    endpoint_arn: str

    def statements(self) -> Iterator[Statement]:
        """Yield the rights to see its status, to treat its dead letters, and to send messages of one's own."""
        target = self.deploy_target
        function = target.arn("lambda", f"function:{self.function_name}")
        yield Statement(actions=["lambda:GetFunctionConfiguration", "lambda:ListTags"], resources=[function])
        yield from key_statements([self.settings.function.environment_key_arn], "lambda", target, "Decrypt")
        yield Statement(actions=OF_THE_ACCOUNT, resources=["*"])
        yield Statement(actions=["sagemaker:DescribeEndpoint"], resources=[self.endpoint_arn])
        send = ("sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:ListQueueTags")
        yield Statement(actions=send, resources=[self.work.arn])
        yield Statement(actions=[*TAKE, "sqs:ListQueueTags"], resources=[self.dead_letters.arn])
        keys = dict.fromkeys((self.work.settings.kms_key_arn, self.dead_letters.settings.kms_key_arn))
        yield from key_statements(list(keys), "sqs", target, "GenerateDataKey", "Decrypt")
        if self.settings.endpoint.async_capacity is None:
            yield from self._probe()

    def _probe(self) -> Iterator[Statement]:
        """Yield what is needed to find the results of messages of one's own: each sink's way (`operate.probe`)."""
        results, target = self.settings.results, self.deploy_target
        match results.sink:
            case "sqs" if self.results is not None:
                yield Statement(actions=TAKE, resources=[self.results.arn])
                yield from key_statements([results.kms_key_arn], "sqs", target, "Decrypt")
            case "s3":
                bucket, _, prefix = (results.location or "").removeprefix("s3://").partition("/")
                arn = f"arn:{target.partition}:s3:::{bucket}"
                below = {"StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else {}
                yield Statement(actions=["s3:ListBucket"], resources=[arn], conditions=below)
                yield Statement(actions=["s3:GetObject"], resources=[f"{arn}/{prefix}*"])
                yield from key_statements(self.settings.bucket_key_arns, "s3", target, "Decrypt")
            case "sns":
                yield from self._own_queue()
                topic = f"{self.name}-results" + (".fifo" if self.settings.queue.fifo else "")
                # No address of another's, to which all results would go:
                # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
                own = {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": self._own_queues}}
                yield Statement(actions=["sns:Subscribe"], resources=[target.arn("sns", topic)], conditions=own)
                # SNS makes a subscription's name, and has no narrower right to end one.
                yield Statement(actions=["sns:Unsubscribe"], resources=["*"])
            case "eventbridge":
                yield from self._own_queue()
                actions = ["events:PutRule", "events:RemoveTargets", "events:DeleteRule"]
                rule = target.arn("events", f"rule/{self.name}-results/{self.name}-probe-*")
                yield Statement(actions=actions, resources=[rule])
                # Of several targets each; one without the key would be all of none.
                # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
                own = {
                    "ForAllValues:ArnLike": {"events:TargetArn": self._own_queues},
                    "Null": {"events:TargetArn": "false"},
                }
                yield Statement(actions=["events:PutTargets"], resources=[rule], conditions=own)

    def _own_queue(self) -> Iterator[Statement]:
        """Yield the right to a queue of a probe's own."""
        actions = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        yield Statement(actions=[*actions, "sqs:DeleteMessage"], resources=[self._own_queues])

    @property
    def _own_queues(self) -> str:
        return self.deploy_target.arn("sqs", f"{self.name}-probe-*")
