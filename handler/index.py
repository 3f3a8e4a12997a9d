"""The function's entry point: a batch of SQS records in, the records to be delivered again out."""

import functools
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
from botocore.config import Config

from handler.backoff import VisibilityBackoff
from handler.codecs import Item, MalformedRecordError, codec_for
from handler.endpoint import Endpoint
from handler.executor import Deadline, Executor, Failed, Scored
from handler.faults import TREATMENTS, Fault
from handler.metrics import Metrics
from handler.microbatch import cut, request_bytes
from handler.records import BatchResponse, Ledger, Reason, Record, read_records
from handler.settings import HandlerSettings
from handler.sinks import MAX_BATCH_BYTES, Outbox, dead_letter_entry, result_entry

logger = logging.getLogger(__name__)

SENDERS = 4


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def function_name(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


class EndpointDownError(RuntimeError):
    """Not one record could be scored because the endpoint is down; raised so that Lambda's poller slows down."""


class BatchInference:
    """Scores batches; made once a sandbox, holds the clients."""

    def __init__(self, settings: HandlerSettings) -> None:
        logger.setLevel(settings.log_level)
        self._settings = settings
        self._codec = codec_for(settings)
        self._executor = self._new_executor()
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sink")
        self._sqs = boto3.client(
            "sqs",
            config=Config(
                retries={"mode": "standard"}, connect_timeout=3, read_timeout=10, max_pool_connections=SENDERS
            ),
        )
        self._backoff = VisibilityBackoff(self._sqs, settings.queue_url)
        self._cold = True

    def process(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Bring every record of the event to one end: succeeded, dead-lettered, or returned to the queue.

        Raises ConfigurationError if the deployment is at fault, EndpointDownError if the endpoint is: then Lambda
        returns the whole batch.
        """
        settings, records = self._settings, read_records(event)
        run = _Invocation(
            deadline=Deadline.within(context.get_remaining_time_in_millis() / 1000),
            ledger=Ledger(records),
            metrics=Metrics(),
            results=Outbox(self._sqs, settings.result_queue_url, self._senders),
            dead_letters=Outbox(self._sqs, settings.dead_letter_queue_url, self._senders),
        )
        self._score(records, run)
        _deliver(records, run)
        self._backoff.hide(run.returned)
        self._report(run, context)
        if records and len(run.returned) == len(records):
            down = [fault for fault in run.returned.values() if TREATMENTS[fault].endpoint_down]
            if len(down) == len(records):
                raise EndpointDownError(f"endpoint {settings.endpoint_name}: {down[0].value}")
        return run.ledger.response()

    def _score(self, records: Sequence[Record], run: "_Invocation") -> None:
        """Hand what can be delivered to the outboxes, and give back the rest to the queue."""
        started = time.monotonic()
        settings = self._settings
        items = list(self._parse(records, run.dead_letters))
        max_bytes = min(settings.max_bytes, self._executor.max_bytes)
        batches = cut(self._codec, items, settings.max_records, max_bytes)
        for outcome in self._executor.run(batches, run.deadline, run.metrics):
            record = outcome.item.record
            if isinstance(outcome, Scored):
                self._hand_over(record, outcome.result, run)
            elif reason := self._dead_letter_reason(outcome):
                run.dead_letters.add(dead_letter_entry(record, settings.endpoint_name, reason, outcome.detail))
            else:
                run.give_back(record, outcome.fault)
        if self._executor.abandoned:
            self._executor = self._new_executor()
        run.metrics.scoring_seconds = time.monotonic() - started

    def _parse(self, records: Sequence[Record], dead_letters: Outbox) -> Iterator[Item]:
        """Yield what can be sent to the endpoint; dead-letter what never can."""
        name, limit = self._settings.endpoint_name, self._settings.max_bytes
        for record in records:
            try:
                item = self._codec.parse(record)
            except MalformedRecordError as error:
                dead_letters.add(dead_letter_entry(record, name, Reason.MALFORMED, str(error)))
                continue
            size = request_bytes(self._codec, item)
            if size > limit:
                detail = f"the record alone makes a request of {size} bytes, the limit is {limit}"
                dead_letters.add(dead_letter_entry(record, name, Reason.TOO_LARGE, detail))
            else:
                yield item

    def _hand_over(self, record: Record, result: Any, run: "_Invocation") -> None:
        name = self._settings.endpoint_name
        entry = result_entry(record, name, result)
        if entry.size <= MAX_BATCH_BYTES:
            run.results.add(entry)
        else:
            detail = f"the result has {entry.size} bytes, the queue takes {MAX_BATCH_BYTES}"
            run.dead_letters.add(dead_letter_entry(record, name, Reason.RESULT_TOO_LARGE, detail))

    def _dead_letter_reason(self, failed: Failed) -> Reason | None:
        treatment = TREATMENTS[failed.fault]
        if not failed.alone:
            return None
        if treatment.dead_letter_at_last_receive and failed.item.record.receive_count >= self._settings.max_receives:
            return Reason.UNPROCESSABLE
        return treatment.dead_letter

    def _report(self, run: "_Invocation", context: Context) -> None:
        ledger = run.ledger
        for reason, ids in ledger.dead_lettered.items():
            logger.warning("dead-lettered: %s", reason, extra={"reason": reason, "message_ids": ids})
        for why, ids in ledger.returned.items():
            logger.warning("returned to the queue: %s", why, extra={"reason": why, "message_ids": ids})
        dimensions = {"Endpoint": self._settings.endpoint_name, "FunctionName": context.function_name}
        namespace, limit = self._settings.metrics_namespace, self._executor.limit
        line = run.metrics.line(namespace=namespace, dimensions=dimensions, ledger=ledger, limit=limit, cold=self._cold)
        print(line, flush=True)
        self._cold = False

    def _new_executor(self) -> Executor:
        return Executor(Endpoint(self._settings, self._codec), self._settings.max_concurrency)


@dataclass(frozen=True, kw_only=True)
class _Invocation:
    """What belongs to one invocation; nothing of it is left for the next."""

    deadline: Deadline
    ledger: Ledger
    metrics: Metrics
    results: Outbox
    dead_letters: Outbox
    returned: dict[Record, Fault] = field(default_factory=dict)

    def give_back(self, record: Record, fault: Fault) -> None:
        """Return a record to the queue. What the fault said may quote the record, so it is not logged."""
        self.returned[record] = fault
        self.ledger.give_back(record.message_id, fault.value)


def _deliver(records: Sequence[Record], run: _Invocation) -> None:
    """Wait until the sinks have acknowledged; give back what they did not take."""
    started = time.monotonic()
    by_id = {record.message_id: record for record in records}
    for entry, error in run.results.close():
        if error is None:
            run.ledger.succeed(entry.message_id)
        else:
            logger.warning("result not sent: %s", error)
            run.give_back(by_id[entry.message_id], Fault.NOT_SENT)
    for entry, error in run.dead_letters.close():
        if error is None:
            run.ledger.dead_letter(entry.message_id, entry.attributes["reason"])
        else:
            logger.warning("dead letter not sent: %s", error)
            run.give_back(by_id[entry.message_id], Fault.NOT_SENT)
    run.metrics.sink_seconds = time.monotonic() - started


@functools.cache
def _inference() -> BatchInference:
    return BatchInference(HandlerSettings.from_environment(os.environ))


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _inference()  # in Lambda's init phase, which has a full processor


def handler(event: Mapping[str, Any], context: Context) -> BatchResponse:
    """Lambda's entry point."""
    return _inference().process(event, context)
