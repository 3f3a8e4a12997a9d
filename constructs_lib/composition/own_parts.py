"""Parts of a pipeline that are made elsewhere: what they say themselves, and what must be given beside them.

A construct of this library carries its settings. A resource of the provider says little: its settings are given as
`ExistingQueue` and `ExistingEndpoint`, and what can be read is compared with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from constructs_lib.core.iam import ServiceRole
from constructs_lib.endpoint.endpoint import ExistingModelEndpoint, ModelEndpoint
from constructs_lib.messaging.queue import ExistingMessageQueue, Queue
from constructs_lib.settings import ExistingEndpoint, ExistingQueue, ExistingRole, PipelineSettings, QueueSettings
from constructs_lib.validation.checker import SettingsError, Violation
from constructs_lib.validation.references import is_unresolved

from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.sagemaker_endpoint import SagemakerEndpoint
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from constructs import Construct

# Of a queue that does not set it: SQS's own.
UNSET_VISIBILITY_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class OwnParts:
    """Parts that a pipeline does not make."""

    queue: Queue | SqsQueue | None = None
    dead_letter_queue: SqsQueue | None = None
    role: ServiceRole | IamRole | None = None
    endpoint: ModelEndpoint | ExistingModelEndpoint | SagemakerEndpoint | None = None

    def complete(self, pipeline: Construct, settings: PipelineSettings) -> PipelineSettings:
        """Return the settings with what the parts say. Raises SettingsError where the two don't fit."""
        if list(self._violations("", settings)):
            raise SettingsError(self._violations(pipeline.node.path, settings))
        if isinstance(self.queue, Queue):
            settings = replace(settings, queue=self.queue.settings)
        if self.role is not None:
            given = settings.function.role
            attaches = given is None or given.attach_policies
            role = ExistingRole(arn=self.role.arn, attach_policies=attaches)
            settings = replace(settings, function=replace(settings.function, role=role))
        return settings

    def make_queue(self, scope: Construct, id_: str, settings: QueueSettings) -> Queue | None:
        """Return the work queue if it is not the pipeline's own to make."""
        if isinstance(self.queue, Queue) or not isinstance(settings, ExistingQueue):
            return self.queue if isinstance(self.queue, Queue) else None
        return ExistingMessageQueue(
            scope, id_, settings=settings, queue=self.queue, dead_letter_queue=self.dead_letter_queue
        )

    def make_endpoint(
        self, scope: Construct, settings: PipelineSettings
    ) -> ModelEndpoint | ExistingModelEndpoint | None:
        """Return the endpoint if it is not the pipeline's own to make."""
        if isinstance(self.endpoint, (ModelEndpoint, ExistingModelEndpoint)):
            return self.endpoint
        if isinstance(settings.endpoint, ExistingEndpoint):
            return ExistingModelEndpoint(scope, settings.endpoint, endpoint=self.endpoint)
        return None

    def _violations(self, path: str, settings: PipelineSettings) -> Iterator[Violation]:
        if isinstance(self.queue, Queue):
            yield from _of_a_queue(path, self.queue, settings.queue)
        elif self.queue is not None:
            yield from _of_a_resource(path, self.queue, settings.queue)
        if self.dead_letter_queue is not None and not isinstance(self.queue, SqsQueue):
            reason = "any other queue has its own"
            yield Violation(path, "dead_letter_queue", "SqsQueue", "given together with an SqsQueue as queue", reason)
        if isinstance(self.endpoint, SagemakerEndpoint):
            yield from _of_an_endpoint(path, self.endpoint, settings)
        elif self.endpoint is not None:
            if settings.endpoint != self.endpoint.settings:
                bound, reason = "the construct's own settings", "it is made already"
                yield Violation(path, "endpoint", type(settings.endpoint).__name__, bound, reason)
            if self.endpoint.settings.async_capacity is not None:
                bound, reason = "an endpoint in real time", "an asynchronous one has its topics from its pipeline"
                yield Violation(path, "endpoint", type(self.endpoint).__name__, bound, reason)


def _of_a_queue(path: str, queue: Queue, settings: QueueSettings) -> Iterator[Violation]:
    if settings not in (QueueSettings(), queue.settings):
        yield Violation(path, "queue", type(settings).__name__, "left out", "the construct says how the queue is set")
    if queue.dead_letter_queue is None:
        bound, reason = "a queue with a dead-letter queue", "what can't be scored goes there"
        yield Violation(path, "queue.dead_letter_queue", None, bound, reason)
    if queue.settings.visibility_timeout_seconds is None:
        reason = "the queue is made before it could be derived, and has SQS's 30 seconds"
        yield Violation(path, "queue.visibility_timeout_seconds", None, "given", reason)


def _of_a_resource(path: str, queue: SqsQueue, settings: QueueSettings) -> Iterator[Violation]:
    if not isinstance(settings, ExistingQueue):
        reason = "a resource does not say what checks need: its dead-letter queue, receives and the like"
        yield Violation(path, "queue", type(settings).__name__, "an ExistingQueue", reason)
        return
    visibility = queue.visibility_timeout_seconds_input
    said = {
        "name": (settings.name, queue.name_input),
        "visibility_timeout_seconds": (
            settings.visibility_timeout_seconds,
            UNSET_VISIBILITY_SECONDS if visibility is None else visibility,
        ),
        "fifo": (settings.fifo, queue.fifo_queue_input or False),
    }
    for name, (given, read) in said.items():
        if read is not None and not is_unresolved(read) and given != read:
            yield Violation(path, f"queue.{name}", given, f"{read}", "as the queue is made")


def _of_an_endpoint(path: str, endpoint: SagemakerEndpoint, settings: PipelineSettings) -> Iterator[Violation]:
    if not isinstance(settings.endpoint, ExistingEndpoint):
        reason = "a resource does not say how many requests it takes at once"
        yield Violation(path, "endpoint", type(settings.endpoint).__name__, "an ExistingEndpoint", reason)
        return
    read = endpoint.name_input
    if read is not None and not is_unresolved(read) and settings.endpoint.name != read:
        yield Violation(path, "endpoint.name", settings.endpoint.name, read, "as the endpoint is made")
