"""The sink of results: a queue, a topic or a bus created for it, a bucket of yours, or nowhere."""

from collections.abc import Callable, Mapping, Sequence

from constructs_lib.core.iam import ServiceRole, Statement, key_statements, object_statement
from constructs_lib.core.naming import DeployTarget
from constructs_lib.messaging.queue import MessageQueue, Queue
from constructs_lib.messaging.topic import Topic
from constructs_lib.settings import QueueSettings, ResultsSettings
from constructs_lib.validation.checker import require_valid
from constructs_lib.validation.limits import MAX_MESSAGE_BYTES

from cdktf_cdktf_provider_aws.cloudwatch_event_bus import CloudwatchEventBus
from constructs import Construct


class ResultSink:
    """The sink of results, in the scope of its pipeline.

    It creates, by `settings.sink`: `sqs` a queue; `sns` a topic, encrypted, TLS only; `eventbridge` a bus; `s3` and
    `none` nothing. `target` is what the handler sends to, `outputs` what a consumer needs to know.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: ResultsSettings,
        fifo: bool = False,
        bucket_key_arns: Sequence[str] = (),
        queue: Queue | None = None,
    ) -> None:
        """`fifo` keeps the order of message groups in a queue or topic; `bucket_key_arns` are customer keys of the
        buckets that results, or large ones, are put to; `queue` is made elsewhere, and takes them in the place of one
        that is created.

        Raises SettingsError if settings are out of bounds.
        """
        require_valid(scope, settings)
        self.settings = settings
        self._fifo = fifo
        self._bucket_keys = bucket_key_arns
        self.queue: Queue | None = queue
        self.topic: Topic | None = None
        self.bus: CloudwatchEventBus | None = None
        self.bus_name = ""
        self.target = ""
        self.outputs: Mapping[str, str] = {}
        self._deploy_target = DeployTarget.of(scope)
        self._grant: Callable[[ServiceRole], None] | None = None
        match settings.sink:
            case "sqs" if queue is not None:
                self.target, self._grant = queue.url, queue.grant_send
            case "sqs":
                self._make_queue(scope, id_, name)
            case "sns":
                self._make_topic(scope, id_, name)
            case "eventbridge":
                self._make_bus(scope, id_, name)
            case "s3":
                self.target = location = settings.location or ""
                self._grant = lambda role: self._grant_put(role, "send-to-results", location)

    def grant_send(self, role: ServiceRole) -> None:
        """Let the role send results, and put those that are too large for the sink where they go."""
        if self._grant is not None:
            self._grant(role)
        if self.settings.overflow_location:
            self._grant_put(role, "put-large-results", self.settings.overflow_location)

    def _grant_put(self, role: ServiceRole, policy_name: str, location: str) -> None:
        put = object_statement(self._deploy_target, "s3:PutObject", location)
        role.allow(policy_name, put, *key_statements(self._bucket_keys, "s3", self._deploy_target, "GenerateDataKey"))

    def _make_queue(self, scope: Construct, id_: str, name: str) -> None:
        settings = QueueSettings(
            fifo=self._fifo,
            message_retention_seconds=self.settings.message_retention_seconds,
            max_message_bytes=MAX_MESSAGE_BYTES,
            kms_key_arn=self.settings.kms_key_arn,
        )
        queue = self.queue = MessageQueue(scope, id_, name=name, settings=settings, dead_letter_queue=False)
        self._grant = queue.grant_send
        self.target = queue.url
        self.outputs = {"results_queue_url": queue.url}

    def _make_topic(self, scope: Construct, id_: str, name: str) -> None:
        topic = self.topic = Topic(scope, id_, name=name, fifo=self._fifo, kms_key_arn=self.settings.kms_key_arn)
        self._grant = lambda role: topic.grant_publish(role, "send-to-results")
        self.target = topic.topic.arn
        self.outputs = {"results_topic_arn": topic.topic.arn}

    def _make_bus(self, scope: Construct, id_: str, name: str) -> None:
        # The bus uses its key in EventBridge's name, not in the sender's: the key's own policy admits it.
        bus = self.bus = CloudwatchEventBus(scope, id_, name=name, kms_key_identifier=self.settings.kms_key_arn)
        put = Statement(
            actions=["events:PutEvents"], resources=[self._deploy_target.arn("events", f"event-bus/{name}")]
        )
        self._grant = lambda role: role.allow("send-to-results", put)
        self.target, self.bus_name = bus.name, name
        self.outputs = {"results_bus_name": bus.name}
