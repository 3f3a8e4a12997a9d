"""Queues: encrypted, TLS only, with a dead-letter queue; or one that exists."""

import json
from collections.abc import Sequence
from dataclasses import replace

from constructs_lib.core.iam import ServiceRole, Statement, key_statements, policy_document
from constructs_lib.core.naming import DeployTarget
from constructs_lib.settings import AccountPrincipal, ExistingQueue, QueueSettings, ServicePrincipal
from constructs_lib.validation.checker import SettingsError, Violation, require_name, require_valid
from constructs_lib.validation.limits import MAX_MESSAGE_BYTES, QUEUE_NAME

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.data_aws_sqs_queue import DataAwsSqsQueue
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from cdktf_cdktf_provider_aws.sqs_queue_redrive_allow_policy import SqsQueueRedriveAllowPolicy
from constructs import Construct

Grantee = ServiceRole | ServicePrincipal | AccountPrincipal


class Queue(Construct):
    """A queue, created here or not: how it is reached, and what roles and services may do with it."""

    settings: QueueSettings
    url: str
    resource_arn: str
    """The ARN by reference, for resources that Terraform must create after the queue."""
    dead_letter_queue: "Queue | None"
    dependencies: Sequence[ITerraformDependable]
    """Resources that must exist before the queue is used by its name or its ARN in plain text."""
    policies: Sequence[ITerraformDependable] = ()
    """Resources that must exist before a sender of the settings sends, or asks whether it may."""

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        super().__init__(scope, id_)
        require_name(self, name, QUEUE_NAME)
        self.id = id_
        self.name = name
        self._deploy_target = DeployTarget.of(scope)
        self.arn = self._deploy_target.arn("sqs", name)

    def grant_send(self, grantee: Grantee) -> None:
        """Let a role, an AWS service on behalf of one resource, or another account send messages."""
        self._grant(grantee, "send-to", ["sqs:SendMessage"], "GenerateDataKey", "Decrypt")

    def grant_consume(self, grantee: Grantee) -> None:
        """Let it be fed by a Lambda event source mapping: receive, delete, and read the queue's attributes."""
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        self._grant(grantee, "consume", actions, "Decrypt")

    def grant_delay(self, role: ServiceRole) -> None:
        """Let the role decide when a message that it did not process comes again."""
        self._grant(role, "delay", ["sqs:ChangeMessageVisibility"])

    def grant_redrive(self, role: ServiceRole, to: "Queue") -> None:
        """Let the role move this dead-letter queue's messages back to a work queue, and watch or stop the move.

        Both queues are in one policy, so that the role may have `grant_send` besides.
        """
        actions = [
            "sqs:StartMessageMoveTask",
            "sqs:CancelMessageMoveTask",
            "sqs:ListMessageMoveTasks",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ]
        source = self._statements(actions, "Decrypt")
        target = to._statements(["sqs:SendMessage"], "GenerateDataKey", "Decrypt")  # noqa: SLF001 - of its own class
        role.allow(f"redrive-{self.id}", *source, *target)

    def _grant(self, grantee: Grantee, intent: str, actions: list[str], *key_actions: str) -> None:
        if not isinstance(grantee, ServiceRole):
            self._admit(grantee, actions)
            return
        grantee.allow(f"{intent}-{self.id}", *self._statements(actions, *key_actions))

    def _statements(self, actions: list[str], *key_actions: str) -> list[Statement]:
        """Return the right to this queue and, if it has one, to its customer key."""
        statements = [Statement(actions=actions, resources=[self.arn])]
        if key_actions:
            statements += key_statements([self.settings.kms_key_arn], "sqs", self._deploy_target, *key_actions)
        return statements

    def _admit(self, principal: ServicePrincipal | AccountPrincipal, actions: list[str]) -> None:
        """Raises SettingsError: only a queue that is created here has a policy of its own."""
        bound, reason = "a role", "the policy of an existing queue is not changed"
        raise SettingsError([Violation(self.node.path, "grantee", principal, bound, reason)])


class MessageQueue(Queue):
    """An SQS queue, by default with its dead-letter queue.

    It creates: the queue (SSE-SQS, or a customer key), a policy that denies what does not come by TLS and admits the
    `senders`, and, with a dead-letter queue, the same again, the redrive policy, and the redrive-allow policy that
    admits this queue alone.
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
        """`name` is without `.fifo`. Raises SettingsError if settings, or the name, are out of bounds."""
        super().__init__(scope, id_, name=f"{name}.fifo" if settings.fifo else name)
        require_valid(self, settings)
        self.settings = settings
        self.dead_letter_queue = self._make_dead_letter_queue(name) if dead_letter_queue else None
        self.queue = self._make_queue()
        self.url, self.resource_arn, self.dependencies = self.queue.url, self.queue.arn, [self.queue]
        self._policy_statements = [self._tls_only()]
        self._policy = SqsQueuePolicy(self, "policy", queue_url=self.url, policy=self._policy_document())
        self.policies = [self._policy]
        for sender in settings.senders:
            self.grant_send(sender)
        if self.dead_letter_queue is not None:
            SqsQueueRedriveAllowPolicy(
                self,
                "redrive-allow",
                queue_url=self.dead_letter_queue.url,
                redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [self.arn]}),
            )

    def _make_dead_letter_queue(self, name: str) -> "MessageQueue":
        settings = self.settings
        return MessageQueue(
            self,
            "dead-letter",
            name=f"{name}-dlq",
            # A dead letter is the message plus the reason as attributes: larger than the largest message.
            settings=QueueSettings(
                fifo=settings.fifo,
                high_throughput=settings.high_throughput,
                message_retention_seconds=settings.dead_letter_retention_seconds,
                max_message_bytes=MAX_MESSAGE_BYTES,
                kms_key_arn=settings.kms_key_arn,
                kms_data_key_reuse_seconds=settings.kms_data_key_reuse_seconds,
            ),
            dead_letter_queue=False,
        )

    def _make_queue(self) -> SqsQueue:
        settings, dead_letters = self.settings, self.dead_letter_queue
        redrive = dead_letters and {
            "deadLetterTargetArn": dead_letters.arn,
            "maxReceiveCount": settings.max_receive_count,
        }
        key = settings.kms_key_arn
        return SqsQueue(
            self,
            "queue",
            name=self.name,
            fifo_queue=settings.fifo or None,
            content_based_deduplication=settings.content_based_deduplication or None,
            deduplication_scope="messageGroup" if settings.high_throughput else None,
            fifo_throughput_limit="perMessageGroupId" if settings.high_throughput else None,
            delay_seconds=settings.delay_seconds,
            message_retention_seconds=settings.message_retention_seconds,
            receive_wait_time_seconds=settings.receive_wait_seconds,
            max_message_size=settings.max_message_bytes,
            visibility_timeout_seconds=settings.visibility_timeout_seconds,
            # One excludes the other.
            sqs_managed_sse_enabled=True if key is None else None,
            kms_master_key_id=key,
            kms_data_key_reuse_period_seconds=None if key is None else settings.kms_data_key_reuse_seconds,
            redrive_policy=json.dumps(redrive) if redrive else None,
            # The redrive policy names the dead-letter queue by its ARN in plain text, which Terraform can't follow.
            depends_on=dead_letters.dependencies if dead_letters else None,
        )

    def _tls_only(self) -> dict[str, object]:
        return {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }

    def _policy_document(self) -> str:
        return policy_document(*self._policy_statements)

    def _admit(self, principal: ServicePrincipal | AccountPrincipal, actions: list[str]) -> None:
        require_valid(self, principal)
        # Those of the settings are checked already; this one may be granted later.
        require_valid(self, replace(self.settings, senders=(principal,)))
        admitted = {"Effect": "Allow", "Action": actions, "Resource": self.arn}
        if isinstance(principal, AccountPrincipal):
            self._policy_statements.append({**admitted, "Principal": {"AWS": principal.arn}})
        else:
            conditions = self._source_conditions(principal)
            self._policy_statements.append(
                {**admitted, "Principal": {"Service": principal.service}, "Condition": conditions}
            )
        self._policy.policy = self._policy_document()

    def _source_conditions(self, principal: ServicePrincipal) -> dict[str, dict[str, str]]:
        """Return what holds the service to one resource: its ARN, and its account where no ARN says it.

        A bucket's ARN does not name its account: whoever gets the name after the bucket is deleted could send. That is
        known of a reference too, by the service.
        """
        conditions = {"ArnLike": {"aws:SourceArn": principal.source_arn}}
        nameless = principal.service.startswith("s3.") or principal.source_arn.split(":")[4:5] == [""]
        if nameless or principal.account_id is not None:
            account = principal.account_id or self._deploy_target.account
            conditions["StringEquals"] = {"aws:SourceAccount": account}
        return conditions


class ExistingMessageQueue(Queue):
    """A queue of this account and region that exists, with its dead-letter queue; nothing of it is changed."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: ExistingQueue,
        queue: SqsQueue | None = None,
        dead_letter_queue: SqsQueue | None = None,
    ) -> None:
        """`queue` and `dead_letter_queue` are the resources, if they are in the same stack; else they are looked up.

        Raises SettingsError if settings are out of bounds.
        """
        super().__init__(scope, id_, name=settings.name)
        require_valid(self, settings)
        self.settings = settings
        self.dead_letter_queue = _ExistingDeadLetterQueue(self, settings, dead_letter_queue)
        found = queue or DataAwsSqsQueue(self, "queue", name=self.name)
        self.url, self.dependencies = found.url, [found]
        self.resource_arn = queue.arn if queue else self.arn


class _ExistingDeadLetterQueue(Queue):
    def __init__(self, scope: Construct, settings: ExistingQueue, queue: SqsQueue | None) -> None:
        super().__init__(scope, "dead-letter", name=settings.dead_letter_queue_name)
        self.settings = settings
        self.dead_letter_queue = None
        found = queue or DataAwsSqsQueue(self, "queue", name=self.name)
        self.url, self.resource_arn, self.dependencies = found.url, self.arn, [found]
