"""Messages: the work queue, the event source mapping, and the sink of results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from constructs_lib.settings.base import Settings
from constructs_lib.settings.handler import KIB

DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class ServicePrincipal(Settings):
    """An AWS service that may use a queue, on behalf of one resource."""

    service: str
    """For instance `s3.amazonaws.com` or `events.amazonaws.com`."""
    source_arn: str
    """ARN of the resource that the service acts for, for instance a bucket; `*` stands for any characters in it."""
    account_id: str | None = None
    """Account that the resource is in, where its ARN does not say so, as that of a bucket does not; by default the
    stack's own."""


@dataclass(frozen=True, kw_only=True)
class AccountPrincipal(Settings):
    """Another AWS account, or one role or user of it, that may use a queue; it needs the right on its own side too."""

    arn: str
    """For instance `arn:aws:iam::210987654321:role/producer`, or `arn:aws:iam::210987654321:root` for whoever that
    account lets."""


@dataclass(frozen=True, kw_only=True)
class QueueSettings(Settings):
    """The work queue and its dead-letter queue."""

    fifo: bool = False
    """FIFO: order per message group, groups side by side, names that end in `.fifo`; by default a standard queue,
    which has no order and no bound on throughput."""
    high_throughput: bool = False
    """FIFO only: throughput and deduplication for each message group by itself; by default for the queue as a whole."""
    content_based_deduplication: bool = False
    """FIFO only: whether SQS derives the deduplication id from the body; by default producers must send one."""
    delay_seconds: int = 0
    """How long a new message stays hidden; by default it can be received at once."""
    message_retention_seconds: int = 4 * DAY_SECONDS
    """How long an unprocessed message is kept; by default 4 days."""
    receive_wait_seconds: int = 20
    """Long polling: how long a receive waits for messages; by default the longest, which costs the fewest calls."""
    max_message_bytes: int = 256 * KIB
    """Largest message, attributes included; by default 256 KiB."""
    visibility_timeout_seconds: int | None = None
    """How long a received message stays hidden; by default 6 times the function's timeout plus the batching window,
    which is Lambda's advice."""
    max_receive_count: int = 5
    """Receives before SQS moves a message to the dead-letter queue by itself; by default 5, which is Lambda's advice.
    The function dead-letters with a reason on the last of them."""
    dead_letter_retention_seconds: int = 14 * DAY_SECONDS
    """How long a dead letter is kept, counted from its first arrival; by default 14 days, the most SQS allows."""
    kms_key_arn: str | None = None
    """Customer key that messages and dead letters are encrypted with; by default SQS's own (SSE-SQS). The rights to
    use it are granted to the function's role; the key's own policy must admit the account, and whoever sends."""
    kms_data_key_reuse_seconds: int = 300
    """With a customer key: how long SQS reuses a data key before it asks KMS again; by default 5 minutes."""
    senders: tuple[ServicePrincipal | AccountPrincipal, ...] = ()
    """AWS services, for instance a bucket's notifications, and other accounts that may send to the queue; by default
    none may. Roles of this account get the right by `grant_send`."""


@dataclass(frozen=True, kw_only=True)
class ExistingQueue(QueueSettings):
    """A queue of the same account and region that exists already, with its dead-letter queue.

    Nothing of it is created or changed; the other settings say how it is set, and are checked like those of a new one.
    """

    name: str
    """The queue's name, with `.fifo` where it is one."""
    dead_letter_queue_name: str
    """Name of its dead-letter queue, which the function writes what can't be scored to."""


@dataclass(frozen=True, kw_only=True)
class ProvisionedPollers(Settings):
    """Pollers that wait for this queue alone; one takes up to 1 MB/s and 10 concurrent invocations."""

    minimum: int = 2
    """Always there, and paid for; by default 2, the fewest."""
    maximum: int = 200
    """Never more; by default 200."""


@dataclass(frozen=True, kw_only=True)
class EventSourceSettings(Settings):
    """The event source mapping, by which the queue feeds the function."""

    batch_size: int = 10
    """Most messages in one invocation; by default 10. Over 10 needs a batching window."""
    batching_window_seconds: int = 0
    """How long Lambda gathers a batch; by default it does not wait."""
    maximum_concurrency: int | None = None
    """Most invocations at once; by default what the endpoint can take at its largest, divided by the requests
    that one invocation has in flight. Not with `provisioned_pollers`."""
    provisioned_pollers: ProvisionedPollers | None = None
    """Pollers of the mapping's own, for steep peaks; by default Lambda shares its pollers out."""
    filters: tuple[Mapping[str, Any], ...] = ()
    """Event filter patterns: only messages that fit one of them reach the function, Lambda deletes the others. By
    default all do."""
    filter_key_arn: str | None = None
    """Customer key that the filters are encrypted with; its policy must admit `lambda.amazonaws.com`. By default
    Lambda's own."""
    metrics: bool = False
    """Whether Lambda counts polled, filtered, invoked and failed events (`EventCount`), which is paid for; by default
    it does not."""
    enabled: bool = True
    """Whether messages are polled; by default they are. False holds them on the queue."""


@dataclass(frozen=True, kw_only=True)
class ResultsSettings(Settings):
    """The sink of results."""

    sink: str = "sqs"
    """`sqs`, `sns` or `eventbridge`: a queue, topic or bus that is created; `s3`: a bucket of yours, one object a
    request; or `none`. By default a queue."""
    max_events_per_message: int = 1
    """Most results in one message of a standard queue or topic; by default 1. Over 1 a message is a list of CloudEvents
    (their JSON batch format), however few: fewer calls, and most of the function's CPU time saved where results are
    small, but a message then carries neither trace header nor attributes. A list is of one batch, so `batch_size` is to
    be large too."""
    pass_attributes: tuple[str, ...] = ()
    """Names of message attributes, of any type, that results and dead letters have again, at most 5: as attributes on
    queues and topics, and in the event's `data.attributes`. By default none on results, and on dead letters what there
    is room for. One that a message does not have is left out."""
    correlation: str | None = None
    """Where the `subject` of a result comes from: the name of a message attribute, or a JSON Pointer (RFC 6901) into
    the body as its sender sent it, for instance `/order/id`. It must be text or a whole number of 1 to 256 characters,
    or the message is dead-lettered as `malformed`. By default, and for a message without it, the subject of the
    CloudEvent that the message is, or else the message's id."""
    keep_members: tuple[str, ...] = ()
    """Members of a record that is a JSON object, for instance `id`, that its result has beside `result`, at most 20; by
    default none. Each is kept as it is, so it counts for the size of a result."""
    pass_message_group: bool = False
    """Whether the MessageGroupId of a standard queue's message goes on with its result (to queues and topics, and in
    the event as `messagegroupid`) and with its dead letter; lists of results are then cut by group. It keeps no order.
    By default it does not: SQS charges requests to queues with message groups more."""
    message_retention_seconds: int = 4 * DAY_SECONDS
    """`sqs` only: how long an unread result is kept; by default 4 days."""
    location: str | None = None
    """`s3` only, and needed then: `s3://bucket/prefix/` of a bucket that exists."""
    overflow_location: str | None = None
    """`s3://bucket/prefix/`, of a bucket that exists, for results over the sink's limit; by default they are
    dead-lettered."""
    kms_key_arn: str | None = None
    """Customer key that a queue, topic or bus created for the results is encrypted with; by default AWS's own. Whoever
    reads the results needs the right to use it; for a bus its policy must admit `events.amazonaws.com`."""


@dataclass(frozen=True, kw_only=True)
class IdempotencySettings(Settings):
    """A DynamoDB table of results, so that a record delivered twice is scored once."""

    key: str = "message-id"
    """What makes two messages one record. `message-id`, the default: SQS's own id, which a message that is sent again
    or redriven does not keep. `correlation`: `results.correlation` together with what the model gets, never the
    correlation alone; then that gives results their ids too, so that they are the same after a redrive."""
    model_version: str | None = None
    """With `correlation`: text that is part of the key, for instance the model's version, so that records are scored
    anew with another one; by default results of an earlier model are remembered as long as others."""
    retention_seconds: int = 4 * DAY_SECONDS
    """How long a result is remembered; by default 4 days, as long as the queue keeps a message."""
    kms_key_arn: str | None = None
    """Customer key that the table is encrypted with; by default AWS's managed key for DynamoDB."""


@dataclass(frozen=True, kw_only=True)
class ResultsOf(Settings):
    """Results of another pipeline of the stack, as messages of a pipeline's queue."""

    pipeline: str
    """The name of the pipeline whose results they are."""
    matching: Mapping[str, Any] = field(default_factory=dict)
    """Which of them come: a pattern over the event, as EventBridge and the filters of SNS have it, for instance
    {"data": {"result": {"label": ["de"]}}}; by default all results."""
