"""The second entry point: notifications of an asynchronous endpoint in, the same CloudEvents and dead letters out."""

import functools
import json
import logging
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from handler.codecs import UnexpectedResponseError, codec_for, read_results
from handler.records import Reason, Record
from handler.settings import HandlerSettings
from handler.sinks import (
    SENDERS,
    Entry,
    Outbox,
    ResultTooLargeError,
    SqsTransport,
    call,
    dead_letter_entry,
    event,
    new_client,
    result_entry,
    split_location,
    transport_for,
)

logger = logging.getLogger(__name__)


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def invoked_function_arn(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


class NotDeliveredError(RuntimeError):
    """A sink did not take what a notification brought; raised so that Lambda delivers the notification again."""


class Notifications:
    """Turns notifications into results and dead letters; made once a sandbox."""

    def __init__(self, settings: HandlerSettings) -> None:
        logging.getLogger(__package__).setLevel(settings.log_level)
        self._settings = settings
        self._codec = codec_for(settings)
        sqs = new_client("sqs")
        self._results = transport_for(settings, sqs)
        self._dead_letters = SqsTransport(sqs, settings.dead_letter_queue_url)
        self._s3 = new_client("s3")

    def process(self, notifications: Mapping[str, Any], context: Context) -> None:
        """Send on what every notification of the event tells. Raises NotDeliveredError if a sink did not take it."""
        until = time.monotonic() + 0.9 * context.get_remaining_time_in_millis() / 1000
        pool = ThreadPoolExecutor(SENDERS)
        results, letters = Outbox(self._results, pool, until), Outbox(self._dead_letters, pool, until)
        for record in notifications["Records"]:
            notification = json.loads(record["Sns"]["Message"])
            source = _record(notification, self._queue_arn(context))
            try:
                results.add(self._result(source, notification))
            except _FailedError as failure:
                letters.add(dead_letter_entry(source, self._settings.endpoint_name, failure.reason, str(failure)))
        refusals = [error for outbox in (results, letters) for _, error in outbox.close() if error is not None]
        pool.shutdown(wait=False)
        if refusals:
            raise NotDeliveredError(f"{len(refusals)} of {len(notifications['Records'])}: {refusals[0]}")

    def _result(self, record: Record, notification: Mapping[str, Any]) -> Entry:
        """Return the result's event, or, of one too large for the sink, where the endpoint has put it."""
        if notification.get("invocationStatus") != "Completed":
            why = notification.get("failureReason") or "the endpoint gave no reason"
            raise _FailedError(Reason.MODEL_ERROR, why)
        location = notification["responseParameters"]["outputLocation"]
        bucket, key = split_location(location)
        answer = call(location, self._s3.get_object, Bucket=bucket, Key=key)
        pointer = event(record, {"endpoint": self._settings.endpoint_name, "resultLocation": location})
        if answer["ContentLength"] > self._results.max_entry_bytes:
            return pointer
        try:
            (result,) = read_results(self._codec, answer["Body"].read(), 1)
            return result_entry(record, result, self._settings, self._results)
        except UnexpectedResponseError as error:
            raise _FailedError(Reason.UNPROCESSABLE, f"{location}: {error}") from error
        except ResultTooLargeError:
            return pointer

    def _queue_arn(self, context: Context) -> str:
        """Return the work queue's ARN, which is in the function's own account and region."""
        _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
        return f"arn:{partition}:sqs:{region}:{account}:{self._settings.queue_url.rpartition('/')[2]}"


class _FailedError(RuntimeError):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _record(notification: Mapping[str, Any], queue_arn: str) -> Record:
    """Return the record as far as it can be told; its body points to the input, so that it can be redriven."""
    location = notification.get("requestParameters", {}).get("inputLocation")
    return Record(
        message_id=notification["inferenceId"],
        receipt_handle="",
        body=json.dumps({"s3": location} if location else {"inferenceId": notification["inferenceId"]}),
        receive_count=1,
        source_arn=queue_arn,
    )


@functools.cache
def _notifications() -> Notifications:
    return Notifications(HandlerSettings.from_environment(os.environ))


def handler(notifications: Mapping[str, Any], context: Context) -> None:
    """Lambda's entry point, subscribed to the endpoint's success and error topics."""
    _notifications().process(notifications, context)
