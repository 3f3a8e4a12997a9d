"""Queues: encrypted, TLS only, with a dead-letter queue."""

import json

from constructs_lib.iam import ServiceRole, Statement, policy_document
from constructs_lib.limits import MAX_MESSAGE_BYTES
from constructs_lib.naming import Environment
from constructs_lib.settings import QueueSettings
from constructs_lib.validation import require_valid

from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from cdktf_cdktf_provider_aws.sqs_queue_redrive_allow_policy import SqsQueueRedriveAllowPolicy
from constructs import Construct


class MessageQueue(Construct):
    """An SQS queue, by default with its dead-letter queue.

    It makes: the queue (SSE-SQS), a policy that denies what does not come by TLS, and, with a dead-letter queue,
    the same again, the redrive policy, and the redrive-allow policy that admits this queue alone.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: QueueSettings = QueueSettings(),
        dead_letter_queue: bool = True,
    ) -> None:
        """`name` is without `.fifo`. Raises SettingsError if settings are out of bounds."""
        super().__init__(scope, id_)
        require_valid(self, settings)
        self.id = id_
        self.name = f"{name}.fifo" if settings.fifo else name
        self.settings = settings
        self.arn = Environment.of(self).arn("sqs", self.name)
        self.dead_letter_queue = self._make_dead_letter_queue(settings) if dead_letter_queue else None
        self.queue = self._make_queue(settings)
        self.url = self.queue.url
        self._deny_without_tls()
        if self.dead_letter_queue is not None:
            SqsQueueRedriveAllowPolicy(
                self,
                "redrive-allow",
                queue_url=self.dead_letter_queue.url,
                redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [self.arn]}),
            )

    def grant_send(self, role: ServiceRole) -> None:
        """Let the role send messages."""
        role.allow(f"send-to-{self.id}", Statement(actions=["sqs:SendMessage"], resources=[self.arn]))

    def grant_consume(self, role: ServiceRole) -> None:
        """Let the role be fed by a Lambda event source mapping: receive, delete, and read the queue's attributes."""
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        role.allow(f"consume-{self.id}", Statement(actions=actions, resources=[self.arn]))

    def grant_delay(self, role: ServiceRole) -> None:
        """Let the role decide when a message that it did not process comes again."""
        role.allow(f"delay-{self.id}", Statement(actions=["sqs:ChangeMessageVisibility"], resources=[self.arn]))

    def _make_dead_letter_queue(self, settings: QueueSettings) -> "MessageQueue":
        return MessageQueue(
            self,
            "dead-letter",
            name=f"{self.name.removesuffix('.fifo')}-dlq",
            # A dead letter is the message plus the reason as attributes: larger than the largest message.
            settings=QueueSettings(
                fifo=settings.fifo,
                high_throughput=settings.high_throughput,
                message_retention_seconds=settings.dead_letter_retention_seconds,
                max_message_bytes=MAX_MESSAGE_BYTES,
            ),
            dead_letter_queue=False,
        )

    def _make_queue(self, settings: QueueSettings) -> SqsQueue:
        dead_letters = self.dead_letter_queue
        redrive = dead_letters and {
            "deadLetterTargetArn": dead_letters.arn,
            "maxReceiveCount": settings.max_receive_count,
        }
        return SqsQueue(
            self,
            "queue",
            name=self.name,
            fifo_queue=settings.fifo or None,
            deduplication_scope="messageGroup" if settings.high_throughput else None,
            fifo_throughput_limit="perMessageGroupId" if settings.high_throughput else None,
            delay_seconds=settings.delay_seconds,
            message_retention_seconds=settings.message_retention_seconds,
            receive_wait_time_seconds=settings.receive_wait_seconds,
            max_message_size=settings.max_message_bytes,
            visibility_timeout_seconds=settings.visibility_timeout_seconds,
            sqs_managed_sse_enabled=True,
            redrive_policy=json.dumps(redrive) if redrive else None,
            # The redrive policy names the dead-letter queue by its ARN in plain text, which Terraform can't follow.
            depends_on=[dead_letters.queue] if dead_letters else None,
        )

    def _deny_without_tls(self) -> None:
        deny = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        SqsQueuePolicy(self, "policy", queue_url=self.url, policy=policy_document(deny))
