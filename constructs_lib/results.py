"""Where results leave to: a queue, a topic or a bus made for it, a bucket of yours, or nowhere."""

from collections.abc import Mapping

from constructs_lib.iam import ServiceRole, Statement, object_statement, policy_document
from constructs_lib.limits import MAX_MESSAGE_BYTES
from constructs_lib.naming import Environment
from constructs_lib.queue import MessageQueue
from constructs_lib.settings import QueueSettings, ResultsSettings
from constructs_lib.validation import require_valid

from cdktf_cdktf_provider_aws.cloudwatch_event_bus import CloudwatchEventBus
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct


class ResultSink:
    """The results' way out, in the scope of its pipeline.

    It makes, by `settings.sink`: `sqs` a queue; `sns` a topic, encrypted, TLS only; `eventbridge` a bus; `s3` and
    `none` nothing. `target` is what the handler sends to, `outputs` what a consumer needs to know.
    """

    def __init__(self, scope: Construct, id_: str, *, name: str, settings: ResultsSettings, fifo: bool = False) -> None:
        """`fifo` keeps the order of message groups in a queue or topic.

        Raises SettingsError if settings are out of bounds.
        """
        require_valid(scope, settings)
        self.settings = settings
        self._fifo = fifo
        self.queue: MessageQueue | None = None
        self.target = ""
        self.outputs: Mapping[str, str] = {}
        self._environment = Environment.of(scope)
        self._statement: Statement | None = None
        match settings.sink:
            case "sqs":
                self._make_queue(scope, id_, name)
            case "sns":
                self._make_topic(scope, id_, name)
            case "eventbridge":
                self._make_bus(scope, id_, name)
            case "s3":
                self.target = settings.location or ""
                self._statement = object_statement(self._environment, "s3:PutObject", self.target)

    def grant_send(self, role: ServiceRole) -> None:
        """Let the role send results, and put those that are too large for the sink where they go."""
        if self.queue is not None:
            self.queue.grant_send(role)
        if self._statement is not None:
            role.allow("send-to-results", self._statement)
        if self.settings.overflow_location:
            put = object_statement(self._environment, "s3:PutObject", self.settings.overflow_location)
            role.allow("put-large-results", put)

    def _make_queue(self, scope: Construct, id_: str, name: str) -> None:
        retention = self.settings.message_retention_seconds
        settings = QueueSettings(
            fifo=self._fifo, message_retention_seconds=retention, max_message_bytes=MAX_MESSAGE_BYTES
        )
        self.queue = MessageQueue(scope, id_, name=name, settings=settings, dead_letter_queue=False)
        self.target = self.queue.url
        self.outputs = {"results_queue_url": self.queue.url}

    def _make_topic(self, scope: Construct, id_: str, name: str) -> None:
        name = f"{name}.fifo" if self._fifo else name
        arn = self._environment.arn("sns", name)
        # The key that AWS keeps for SNS: whoever may publish in this account may use it.
        topic = SnsTopic(scope, id_, name=name, fifo_topic=self._fifo or None, kms_master_key_id="alias/aws/sns")
        deny = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        SnsTopicPolicy(scope, f"{id_}-policy", arn=topic.arn, policy=policy_document(deny))
        self._statement = Statement(actions=["sns:Publish"], resources=[arn])
        self.target = topic.arn
        self.outputs = {"results_topic_arn": topic.arn}

    def _make_bus(self, scope: Construct, id_: str, name: str) -> None:
        bus = CloudwatchEventBus(scope, id_, name=name)
        arn = self._environment.arn("events", f"event-bus/{name}")
        self._statement = Statement(actions=["events:PutEvents"], resources=[arn])
        self.target = bus.name
        self.outputs = {"results_bus_name": bus.name}
