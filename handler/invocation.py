"""One invocation: its records are admitted and scored, failures are settled, outcomes are delivered and reported."""

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING

from .attempts import Deadline, Failed, Scored
from .backoff import VisibilityBackoff
from .codecs import Codec, Item
from .executor import Executor
from .faults import TREATMENTS, Fault
from .intake import Blank, Intake, Remembered, Unfit, Unready
from .metrics import Metrics
from .microbatch import MicroBatch, cut
from .records import BatchResponse, Ledger, Reason, Record, Result
from .settings import HandlerSettings
from .sinks import (
    HELD,
    Entry,
    Outbox,
    ResultTooLargeError,
    Transport,
    accepted_event,
    dead_letter_entry,
    result_entry,
    result_head,
)

if TYPE_CHECKING:
    from .idempotency import Memory

logger = logging.getLogger(__name__)

# A record is returned with one of these because of other records: they left it no time, or failed before it in its
# message group. So it says nothing about the endpoint.
_CAUSED_BY_OTHERS = {Fault.DEADLINE, Fault.GROUP_HELD}


class EndpointDownError(RuntimeError):
    """Not one record could be scored because the endpoint is down; raised so that Lambda's poller slows down."""


class Invocation:
    """Acts on the records of one event; nothing of it is left for the next invocation."""

    def __init__(
        self,
        settings: HandlerSettings,
        records: Sequence[Record],
        deadline: Deadline,
        *,
        account: str,
        codec: Codec,
        intake: Intake,
        executor: Executor,
        memory: "Memory | None",
        senders: ThreadPoolExecutor,
        results: Transport,
        dead_letters: Transport,
        backoff: VisibilityBackoff,
    ) -> None:
        """Keep the records, and the parts that `batch` holds from one invocation to the next.

        `account` is the function's own.
        """
        self._settings = settings
        self._records = {record.message_id: record for record in records}
        self._deadline = deadline
        self._account = account
        self._codec = codec
        self._intake = intake
        self._executor = executor
        self._memory = memory
        self._senders = senders
        self._sink = results
        self._results = Outbox(results, senders, deadline.deliver, ordered=True)
        self._dead_letters = Outbox(dead_letters, senders, deadline.deliver)
        self._backoff = backoff

        self._ledger = Ledger(records)
        self._metrics = Metrics()
        self._result_of: dict[str, Result] = {}
        """Results by message id, of this invocation or remembered from an earlier one."""
        self._location_of: dict[str, str] = {}
        """Objects that records were read from, by message id."""
        self._claimed: list[str] = []
        """Message ids of the records that this invocation is to score."""
        self._dead_letter_entries: list[Entry] = []
        self._returned: dict[Record, Fault] = {}
        self._anything_scored = False
        self.senders_are_idle = False
        """Whether no call was left behind in the senders' pool; known once `run` has returned."""

    def run(self) -> None:
        """Bring every record to one outcome: succeeded, dead-lettered, or returned to the queue.

        Raises ConfigurationError if the deployment is at fault.
        """
        try:
            self._score()
            self._deliver()
        finally:
            self._write_memory()
        all_hidden = self._backoff.hide(self._returned, self._senders, self._deadline.deliver)
        self.senders_are_idle = all_hidden and not (self._results.abandoned or self._dead_letters.abandoned)

    def report(self, function_name: str, *, cold: bool) -> None:
        """Log the records that did not succeed, by reason, and print the metrics; no line quotes a body."""
        for reason, ids in self._ledger.dead_lettered.items():
            logger.warning("dead-lettered: %s", reason, extra={"reason": reason, "message_ids": ids})
        for reason, ids in self._ledger.returned.items():
            logger.warning("returned to the queue: %s", reason, extra={"reason": reason, "message_ids": ids})
        lines = self._metrics.lines(
            namespace=self._settings.metrics_namespace,
            dimensions={"Endpoint": self._settings.endpoint_name, "FunctionName": function_name},
            ledger=self._ledger,
            limit=self._executor.limit,
            cold=cold,
        )
        for line in lines:
            print(line, flush=True)

    def response(self) -> BatchResponse:
        """Return the answer to Lambda's poller. Raises EndpointDownError if the endpoint as a whole is down."""
        if fault := self._endpoint_down():
            raise EndpointDownError(f"endpoint {self._settings.endpoint_name}: {fault.value}")
        return self._ledger.response()

    def _endpoint_down(self) -> Fault | None:
        """Return the fault that shows that the endpoint as a whole is down, if every record is returned for it."""
        faults = list(self._returned.values())
        if len(faults) < len(self._records):
            return None
        if Fault.FAILED_ON_EVERYTHING in faults:
            return Fault.FAILED_ON_EVERYTHING
        down = [fault for fault in faults if TREATMENTS[fault].endpoint_down]
        caused_by_others = sum(fault in _CAUSED_BY_OTHERS for fault in faults)
        return down[0] if down and len(down) + caused_by_others == len(faults) else None

    def _score(self) -> None:
        """Bring every record to a result, to a dead letter, or back to the queue."""
        started = time.monotonic()
        failed: list[Failed] = []
        # Both generators are closed at once if something raises. Garbage collection might close them only in a later
        # invocation.
        with closing(self._micro_batches()) as batches:
            scoring = self._executor.run(
                # With an idempotency table, all records are claimed before the first request. So every claim is
                # known, and is released even if a request raises.
                list(batches) if self._memory else batches,
                self._deadline,
                self._metrics,
                is_final=self._is_final,
                before_waiting=self._results.flush_if_idle,
                records=len(self._records),
            )
            with closing(scoring):
                for answer in scoring:
                    if isinstance(answer, Scored):
                        self._anything_scored = True
                        if self._settings.codec == "chat" and not self._settings.asynchronous:
                            self._metrics.generated(answer.results)
                        self._take_scored(answer)
                    else:
                        failed.append(answer)
        for failure in failed:
            self._settle(failure)
        self._metrics.scoring_seconds = time.monotonic() - started

    def _micro_batches(self) -> Generator[MicroBatch, None, None]:
        settings = self._settings
        return cut(
            self._codec,
            self._admit(),
            max_records_per_request=1 if settings.asynchronous else settings.max_records_per_request,
            max_request_bytes=min(settings.max_request_bytes, self._executor.max_request_bytes),
            max_receive_count=settings.max_receive_count,
            max_padded_tokens=settings.max_padded_tokens,
            sort_by_length=settings.sort_by_length,
        )

    def _admit(self) -> Iterator[Item]:
        """Yield the items to send; dead-letter records that never can be sent, return those that can't be now."""
        now = time.monotonic()
        seconds = max(0.0, self._deadline.deliver - now)
        until = now + (self._deadline.launch - now) / 2  # the rest of the time is for the records that are ready
        held: set[str] = set()
        for admission in self._intake.admit(self._records.values(), seconds, until, account=self._account):
            record = self._records[admission.record.message_id] = admission.record  # now with its identity
            if isinstance(admission, (Item, Remembered)) and admission.location:
                self._location_of[record.message_id] = admission.location
            if isinstance(admission, Item):
                self._claimed.append(record.message_id)  # held ones too: their claims are to be released
            if record.group in held:
                self._return(record, Fault.GROUP_HELD)
            elif isinstance(admission, Item):
                yield admission
            elif isinstance(admission, Remembered):
                self._take_results([record], [admission.result])
            elif isinstance(admission, Blank):
                self._acknowledge(admission)
            elif not self._refuse(admission):
                held.add(record.group)

    def _acknowledge(self, admission: Blank) -> None:
        """Count a record as succeeded, although there is nothing to score and no result."""
        message_id = admission.record.message_id
        self._ledger.succeed(message_id)
        self._metrics.bucket_tests += 1
        logger.info("the bucket %s sends its notifications here", admission.bucket, extra={"message_ids": [message_id]})

    def _refuse(self, admission: Unfit | Unready) -> bool:
        """Dead-letter the record or return it; return whether its message group may go on."""
        record = admission.record
        if isinstance(admission, Unready):
            failure = Failed(record, admission.fault, admission.detail, alone=True)
            self._settle(failure)
            return not record.group or self._is_final(failure)
        if record.group and not self._settings.fifo_dead_letters:
            self._return(record, Fault.UNFIT)
            return False
        self._dead_letter(record, admission.reason, admission.detail)
        return True

    def _settle(self, failure: Failed) -> None:
        """Dead-letter a record that can't succeed; return every other one.

        Containers answer 4xx for troubles of their own too. So a record is believed to be at fault at once only if
        the model scored another one in the same invocation, and else on its last receive.
        """
        reason = TREATMENTS[failure.fault].dead_letter
        if reason and self._is_final(failure):
            self._dead_letter(failure.record, reason, failure.detail)
        else:
            self._return(failure.record, failure.fault)

    def _is_final(self, failure: Failed) -> bool:
        """Whether the record is to be dead-lettered. In a message group that breaks order, so the settings decide."""
        record, treatment = failure.record, TREATMENTS[failure.fault]
        last_receive = record.receive_count >= self._settings.max_receive_count
        certain = treatment.dead_letter_at_once or (treatment.dead_letter_beside_success and self._anything_scored)
        allowed = not record.group or self._settings.fifo_dead_letters
        return bool(allowed and failure.alone and treatment.dead_letter and (certain or last_receive))

    def _dead_letter(self, record: Record, reason: Reason, detail: str) -> None:
        entry = dead_letter_entry(record, self._settings, reason, detail)
        self._dead_letter_entries.append(entry)

    def _return(self, record: Record, fault: Fault) -> None:
        """Return a record to the queue. The fault's detail may quote the record, so it is not logged."""
        self._returned[record] = fault
        self._ledger.return_to_queue(record.message_id, fault.value)

    def _take_scored(self, answer: Scored) -> None:
        if self._settings.asynchronous:  # the request's id is the record's
            results = [Result(result) for result in answer.results]
        else:
            places = zip(answer.results, answer.places, strict=True)
            results = [Result(result, answer.inference_id, place) for result, place in places]
        self._take_results([item.record for item in answer.items], results)

    def _take_results(self, records: Sequence[Record], results: Sequence[Result]) -> None:
        """Send results; those of message groups wait until it is known that no earlier record failed."""
        self._result_of.update((record.message_id, result) for record, result in zip(records, results, strict=True))
        self._send_results(record for record in records if not record.group)

    def _send_results(self, records: Iterable[Record]) -> None:
        """Send the results of one request."""
        self._results.add_all([entry for record in records if (entry := self._result_entry(record))])

    def _result_entry(self, record: Record) -> Entry | None:
        result = self._result_of[record.message_id]
        if self._settings.asynchronous:
            return accepted_event(record, self._settings.endpoint_name, result.value)
        try:
            location = self._location_of.get(record.message_id, "")
            head = result_head(location, result.inference_id, result.record_index)
            return result_entry(record, result.value, self._settings, self._sink, head=head)
        except (ResultTooLargeError, RecursionError) as error:
            self._refuse(Unfit(record, Reason.RESULT_TOO_LARGE, str(error)))
            return None

    def _deliver(self) -> None:
        """Wait until the sinks have acknowledged; return records whose result or dead letter they did not take.

        Dead letters are sent last. If the sink refuses every result, this raises before they are sent: otherwise each
        redelivery of the batch would send the same dead letters once more.
        """
        started = time.monotonic()
        self._send_results_of_groups()
        for entry in self._acknowledged(self._results, "result not sent: %s"):
            self._ledger.succeed(entry.message_id)
        for entry in self._dead_letter_entries:
            self._dead_letters.add(entry)
        for entry in self._acknowledged(self._dead_letters, "dead letter not sent: %s"):
            self._ledger.dead_letter(entry.message_id, entry.attributes["reason"])
        self._metrics.sink_seconds = time.monotonic() - started

    def _acknowledged(self, outbox: Outbox, message: str) -> Iterator[Entry]:
        """Close the outbox and yield what its sink took; return the records of everything else, and log the errors."""
        refused: dict[str, list[str]] = {}
        for entry, error in outbox.close():
            if error is None:
                yield entry
                continue
            refused.setdefault(error, []).append(entry.message_id)
            self._return(self._records[entry.message_id], Fault.GROUP_HELD if error == HELD else Fault.NOT_SENT)
        # A line for each error: a sink that hangs fails for thousands at once.
        for error, ids in refused.items():
            logger.warning(message, error, extra={"reason": error, "message_ids": ids})

    def _send_results_of_groups(self) -> None:
        """Send the results of each message group up to the first record that is returned."""
        held: set[str] = set()
        for record in self._records.values():
            if record in self._returned:
                held.add(record.group)
            elif record.group and record.message_id in self._result_of:
                if record.group in held:
                    self._return(record, Fault.GROUP_HELD)
                    continue
                self._send_results([record])
                if record in self._returned:
                    held.add(record.group)

    def _write_memory(self) -> None:
        """Write results to the idempotency table, and release the other claims, as far as the time allows."""
        if self._memory is None:
            return
        started = time.monotonic()
        claimed = {self._records[id_].event_id: id_ for id_ in self._claimed}
        scored = {key: self._result_of[id_] for key, id_ in claimed.items() if id_ in self._result_of}
        unscored = [key for key in claimed if key not in scored]
        memory, pool, until = self._memory, self._senders, self._deadline.deliver
        writes = memory.remember(scored, pool, until) + memory.release(unscored, pool, until)
        wait(writes, timeout=max(0.0, until - started))
        self._metrics.sink_seconds += time.monotonic() - started
