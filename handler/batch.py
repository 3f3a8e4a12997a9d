"""Everything that lives as long as the function's sandbox: settings, codec, clients, executor and thread pools."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .attempts import Deadline
from .backoff import VisibilityBackoff
from .clients import SENDERS, new_client
from .codecs import Codec, codec_for
from .endpoint import Endpoint
from .entry import Context, account_of
from .executor import Executor, Scorer
from .intake import Intake
from .invocation import Invocation
from .records import BatchResponse, read_records
from .settings import HandlerSettings
from .sinks import SqsTransport, transport_for

if TYPE_CHECKING:
    from .idempotency import Memory


class BatchInference:
    """Scores batches of records, one invocation after the other; created once per sandbox."""

    def __init__(self, settings: HandlerSettings) -> None:
        """Create the clients that these settings need. Raises ConfigurationError if the codec can't be used."""
        self._settings = settings
        self._codec = codec_for(settings)
        self._executor = Executor(
            lambda: _endpoint(settings, self._codec),
            settings.requests_in_flight,
            batch_size=getattr(self._codec, "batch_size", None),
        )
        self._senders = _new_senders()
        sqs = new_client("sqs")
        self._results = transport_for(settings, sqs)
        self._dead_letters = SqsTransport(sqs, settings.dead_letter_queue_url)
        self._backoff = VisibilityBackoff(sqs, settings.queue_url)
        self._memory = _memory(settings)
        self._intake = Intake(settings, self._codec, self._memory)
        self._cold = True

    def process(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Bring every record of the event to one outcome: succeeded, dead-lettered, or returned to the queue.

        Raises ConfigurationError if the deployment is at fault, EndpointDownError if the endpoint is: then Lambda
        returns the whole batch. Raises UnexpectedEventError for an event that is no batch of messages.
        """
        records = self._intake.split(read_records(event))
        invocation = Invocation(
            self._settings,
            records,
            Deadline.within(context.get_remaining_time_in_millis() / 1000, len(records)),
            account=account_of(context),
            codec=self._codec,
            intake=self._intake,
            executor=self._executor,
            memory=self._memory,
            senders=self._senders,
            results=self._results,
            dead_letters=self._dead_letters,
            backoff=self._backoff,
        )
        try:
            invocation.run()
        finally:
            if not invocation.senders_are_idle:
                self._senders = _new_senders()  # the threads of the other are still busy with abandoned calls
        invocation.report(context.function_name, cold=self._cold)
        self._cold = False
        return invocation.response()


def _new_senders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SENDERS, thread_name_prefix="sink")


# Most cold starts need neither of the modules that the next two functions import.
def _endpoint(settings: HandlerSettings, codec: Codec) -> Scorer:
    if not settings.asynchronous:
        return Endpoint(settings, codec)
    from .async_endpoint import AsyncEndpoint  # noqa: PLC0415

    return AsyncEndpoint(settings, codec)


def _memory(settings: HandlerSettings) -> "Memory | None":
    if not settings.idempotency_table:
        return None
    from .idempotency import Memory  # noqa: PLC0415

    return Memory(settings)
