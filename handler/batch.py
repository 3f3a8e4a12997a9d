"""Scores batches of records; lives as long as the function's sandbox."""

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, Any

from .backoff import VisibilityBackoff
from .clients import SENDERS, new_client
from .codecs import Codec, Item, codec_for
from .endpoint import Endpoint
from .entry import Context
from .executor import Deadline, Executor, Failed, Scored, Scorer
from .faults import TREATMENTS, Fault
from .intake import Intake, Remembered, Unfit, Unready
from .metrics import Metrics
from .microbatch import MicroBatch, cut
from .records import BatchResponse, Ledger, Reason, Record, read_records
from .settings import HandlerSettings
from .sinks import (
    HELD,
    Entry,
    Outbox,
    ResultTooLargeError,
    SqsTransport,
    accepted_event,
    dead_letter_entry,
    result_entry,
    transport_for,
)

if TYPE_CHECKING:
    from .idempotency import Memory

logger = logging.getLogger(__name__)

# Behind what failed: for an answer that never came, or in the same message group.
_WAITED = {Fault.DEADLINE, Fault.GROUP_HELD}


class EndpointDownError(RuntimeError):
    """Not one record could be scored because the endpoint is down; raised so that Lambda's poller slows down."""


class BatchInference:
    """Scores batches; made once a sandbox, holds the clients."""

    def __init__(self, settings: HandlerSettings) -> None:
        self._settings = settings
        self._codec = codec_for(settings)
        self._executor = self._new_executor()
        self._senders = self._new_senders()
        sqs = new_client("sqs")
        self._results = transport_for(settings, sqs)
        self._dead_letters = SqsTransport(sqs, settings.dead_letter_queue_url)
        self._backoff = VisibilityBackoff(sqs, settings.queue_url)
        self._memory = _memory(settings)
        self._intake = Intake(settings, self._codec, self._memory)
        self._cold = True

    def process(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Bring every record of the event to one end: succeeded, dead-lettered, or returned to the queue.

        Raises ConfigurationError if the deployment is at fault, EndpointDownError if the endpoint is: then Lambda
        returns the whole batch.
        """
        records = read_records(event)
        deadline = Deadline.within(context.get_remaining_time_in_millis() / 1000)
        run = _Invocation(
            records,
            deadline,
            results=Outbox(self._results, self._senders, deadline.deliver, ordered=True),
            dead_letters=Outbox(self._dead_letters, self._senders, deadline.deliver),
        )
        all_hidden = False
        try:
            try:
                self._score(run)
                self._deliver(run)
            finally:
                self._note_results(run)
            all_hidden = self._backoff.hide(run.returned, self._senders, deadline.deliver)
        finally:
            if run.results.abandoned or run.dead_letters.abandoned or not all_hidden:
                self._senders = self._new_senders()  # the other's threads are still busy with what was not waited for
        self._report(run, context)
        down = [fault for fault in run.returned.values() if TREATMENTS[fault].endpoint_down]
        waited = sum(fault in _WAITED for fault in run.returned.values())
        if down and len(down) + waited == len(records):
            raise EndpointDownError(f"endpoint {self._settings.endpoint_name}: {down[0].value}")
        return run.ledger.response()

    def _score(self, run: "_Invocation") -> None:
        """Bring every record to a result, to a dead letter, or back to the queue."""
        started = time.monotonic()
        executor, failed = self._executor, list[Failed]()
        try:
            # Closed at once when something raises: left to garbage collection, it would end in a later invocation.
            with closing(self._cut(run)) as batches:
                for outcome in executor.run(
                    # With a table all are taken first: so what was claimed is known, and let go of, whatever comes.
                    list(batches) if self._memory else batches,
                    run.deadline,
                    run.metrics,
                    is_final=lambda failure: self._is_final(failure, run),
                    before_waiting=run.results.flush_if_idle,
                    records=len(run.records),
                ):
                    if isinstance(outcome, Scored):
                        run.anything_scored = True
                        self._take_results([item.record for item in outcome.items], outcome.results, run)
                    else:
                        failed.append(outcome)
        finally:
            if executor.abandoned:
                self._executor = self._new_executor().with_knowledge_of(executor)
        for failure in failed:
            self._settle_failure(failure, run)
        run.metrics.scoring_seconds = time.monotonic() - started

    def _cut(self, run: "_Invocation") -> Generator[MicroBatch, None, None]:
        settings = self._settings
        return cut(
            self._codec,
            self._admit(run),
            max_records=1 if settings.asynchronous else settings.max_records,
            max_bytes=min(settings.max_bytes, self._executor.max_bytes),
            max_receives=settings.max_receives,
            sort_by_length=settings.sort_by_length,
        )

    def _admit(self, run: "_Invocation") -> Iterator[Item]:
        """Yield what is to be sent to the endpoint; dead-letter what never can be; give back what can't be now."""
        now = time.monotonic()
        seconds = max(0.0, run.deadline.deliver - now)
        until = now + (run.deadline.launch - now) / 2  # the rest is for those that are ready
        held: set[str] = set()
        for admission in self._intake.admit(run.records.values(), seconds, until):
            record = admission.record
            if record.group in held:
                run.give_back(record.message_id, Fault.GROUP_HELD)
            elif isinstance(admission, Item):
                run.claimed.append(record.message_id)
                yield admission
            elif isinstance(admission, Remembered):
                self._take_results([record], [admission.result], run)
            elif not self._refuse(admission, run):
                held.add(record.group)

    def _refuse(self, admission: Unfit | Unready, run: "_Invocation") -> bool:
        """Dead-letter the record or give it back; return whether its message group may go on."""
        record = admission.record
        if isinstance(admission, Unready):
            failure = Failed(record, admission.fault, admission.detail, alone=True)
            self._settle_failure(failure, run)
            return not record.group or self._is_final(failure, run)
        if record.group and not self._settings.fifo_dead_letters:
            run.give_back(record.message_id, Fault.UNFIT)
            return False
        self._dead_letter(record, admission.reason, admission.detail, run)
        return True

    def _take_results(self, records: Sequence[Record], results: Sequence[Any], run: "_Invocation") -> None:
        """Send results on; in a message group, only once it is known that none before it failed."""
        run.results_of.update((record.message_id, result) for record, result in zip(records, results, strict=True))
        self._hand_over((record for record in records if not record.group), run)

    def _hand_over(self, records: Iterable[Record], run: "_Invocation") -> None:
        """Send on the results of one request."""
        entries = [entry for record in records if (entry := self._result_entry(record, run))]
        run.results.add_all(entries)

    def _result_entry(self, record: Record, run: "_Invocation") -> Entry | None:
        if self._settings.asynchronous:
            return accepted_event(record, self._settings.endpoint_name, run.results_of[record.message_id])
        try:
            return result_entry(record, run.results_of[record.message_id], self._settings, self._results)
        except (ResultTooLargeError, RecursionError) as error:
            self._refuse(Unfit(record, Reason.RESULT_TOO_LARGE, str(error)), run)
            return None

    def _settle_failure(self, failure: Failed, run: "_Invocation") -> None:
        """Dead-letter a lone record that can't succeed; give back every other one.

        Containers answer 4xx for troubles of their own too. So a record is believed to be at fault at once only if
        the model scored another one in the same invocation, and else on its last receive.
        """
        record, reason = failure.record, TREATMENTS[failure.fault].dead_letter
        if reason and self._is_final(failure, run):
            self._dead_letter(record, reason, failure.detail, run)
        else:
            run.give_back(record.message_id, failure.fault)

    def _is_final(self, failure: Failed, run: "_Invocation") -> bool:
        """Whether the record is to be dead-lettered. In a message group that breaks order, so it must be asked for."""
        record, treatment = failure.record, TREATMENTS[failure.fault]
        last_receive = record.receive_count >= self._settings.max_receives
        certain = treatment.dead_letter_at_once or (treatment.dead_letter_beside_success and run.anything_scored)
        allowed = not record.group or self._settings.fifo_dead_letters
        return bool(allowed and failure.alone and treatment.dead_letter and (certain or last_receive))

    def _dead_letter(self, record: Record, reason: Reason, detail: str, run: "_Invocation") -> None:
        run.letters.append(dead_letter_entry(record, self._settings.endpoint_name, reason, detail))

    def _hand_over_groups(self, run: "_Invocation") -> None:
        """Send on each message group's results up to the first record that is returned."""
        held: set[str] = set()
        for record in run.records.values():
            if record in run.returned:
                held.add(record.group)
            elif record.group and record.message_id in run.results_of:
                if record.group in held:
                    run.give_back(record.message_id, Fault.GROUP_HELD)
                    continue
                self._hand_over([record], run)
                if record in run.returned:
                    held.add(record.group)

    def _deliver(self, run: "_Invocation") -> None:
        """Wait until the sinks have acknowledged; give back what they did not take.

        Dead letters leave last: had the results' queue refused everything, they would leave again each time.
        """
        started = time.monotonic()
        self._hand_over_groups(run)
        for entry, error in run.results.close():
            if error is None:
                run.ledger.succeed(entry.message_id)
            else:
                logger.warning("result not sent: %s", error)
                run.give_back(entry.message_id, Fault.GROUP_HELD if error == HELD else Fault.NOT_SENT)
        for letter in run.letters:
            run.dead_letters.add(letter)
        for entry, error in run.dead_letters.close():
            if error is None:
                run.ledger.dead_letter(entry.message_id, entry.attributes["reason"])
            else:
                logger.warning("dead letter not sent: %s", error)
                run.give_back(entry.message_id, Fault.NOT_SENT)
        run.metrics.sink_seconds = time.monotonic() - started

    def _note_results(self, run: "_Invocation") -> None:
        """Remember what was scored, and let go of the rest, as far as the time allows."""
        if self._memory is None:
            return
        started = time.monotonic()
        scored = {id_: run.results_of[id_] for id_ in run.claimed if id_ in run.results_of}
        unscored = [id_ for id_ in run.claimed if id_ not in scored]
        memory, pool, until = self._memory, self._senders, run.deadline.deliver
        writes = memory.remember(scored, pool, until) + memory.release(unscored, pool, until)
        wait(writes, timeout=max(0.0, until - started))
        run.metrics.sink_seconds += time.monotonic() - started

    def _report(self, run: "_Invocation", context: Context) -> None:
        ledger = run.ledger
        for reason, ids in ledger.dead_lettered.items():
            logger.warning("dead-lettered: %s", reason, extra={"reason": reason, "message_ids": ids})
        for why, ids in ledger.returned.items():
            logger.warning("returned to the queue: %s", why, extra={"reason": why, "message_ids": ids})
        dimensions = {"Endpoint": self._settings.endpoint_name, "FunctionName": context.function_name}
        namespace, limit = self._settings.metrics_namespace, self._executor.limit
        metrics = run.metrics
        for line in metrics.lines(
            namespace=namespace, dimensions=dimensions, ledger=ledger, limit=limit, cold=self._cold
        ):
            print(line, flush=True)
        self._cold = False

    def _new_senders(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(SENDERS, thread_name_prefix="sink")

    def _new_executor(self) -> Executor:
        return Executor(_endpoint(self._settings, self._codec), self._settings.max_concurrency)


class _Invocation:
    """What belongs to one invocation; nothing of it is left for the next."""

    def __init__(self, records: Sequence[Record], deadline: Deadline, results: Outbox, dead_letters: Outbox) -> None:
        self.deadline = deadline
        self.records = {record.message_id: record for record in records}
        self.ledger = Ledger(records)
        self.metrics = Metrics()
        self.results, self.dead_letters = results, dead_letters
        self.letters: list[Entry] = []
        self.returned: dict[Record, Fault] = {}
        self.anything_scored = False
        self.results_of: dict[str, Any] = {}
        """What was scored, now or before, by message id."""
        self.claimed: list[str] = []
        """What this invocation is to score."""

    def give_back(self, message_id: str, fault: Fault) -> None:
        """Return a record to the queue. What the fault said may quote the record, so it is not logged."""
        self.returned[self.records[message_id]] = fault
        self.ledger.give_back(message_id, fault.value)


# Most cold starts need none of what the next two import.
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
