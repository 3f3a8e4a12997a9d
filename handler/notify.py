"""The second entry point: turns an asynchronous endpoint's notifications into CloudEvents and dead letters."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import garbage  # noqa: F401 - first: it pauses collection for the imports below
from .clients import SENDERS, new_client, split_location
from .codecs import Item, RecordFailure, UnexpectedResponseError, codec_for, read_results
from .contexts import Contexts
from .entry import Context, once_a_sandbox
from .faults import InputUnavailableError
from .records import Reason, Record, UnexpectedEventError, other_than_records
from .settings import MIB, HandlerSettings
from .sinks import (
    Entry,
    NotSentError,
    Outbox,
    ResultTooLargeError,
    SqsTransport,
    call,
    dead_letter_entry,
    pointer_entry,
    read,
    result_entry,
    result_head,
    transport_for,
)

logger = logging.getLogger(__name__)

# Larger answers stay on S3 even if the sink would take them: the function has to keep them in memory.
MAX_READ_BYTES = 8 * MIB
# Body of a dead letter whose request is not known. If it is redriven, every codec refuses it.
_BLANK = " "


class NotDeliveredError(RuntimeError):
    """A notification was not understood, or a sink did not take its result or dead letter.

    Lambda delivers it twice more; then the function's on-failure destination keeps it.
    """


class Notifications:
    """Turns notifications into results and dead letters; created once per sandbox."""

    def __init__(self, settings: HandlerSettings) -> None:
        self._settings = settings
        self._codec = codec_for(settings)
        sqs = new_client("sqs")
        self._results = transport_for(settings, sqs)
        self._dead_letters = SqsTransport(sqs, settings.dead_letter_queue_url)
        self._s3 = new_client("s3")
        self._contexts = Contexts(self._s3, settings.request_location)

    def process(self, notifications: Mapping[str, Any], context: Context) -> None:
        """Send the result or the dead letter of each notification; a repeated one is sent again under the same id.

        Raises NotDeliveredError if one was not understood or was not taken by its sink; all others are sent before.
        Raises ConfigurationError if the deployment is at fault, UnexpectedEventError if there are no notifications.
        """
        if found := other_than_records(notifications):
            raise UnexpectedEventError('notifications of an SNS topic, {"Records": [{"Sns": …}]}', found)
        until = time.monotonic() + 0.9 * context.get_remaining_time_in_millis() / 1000
        pool = ThreadPoolExecutor(SENDERS)
        results = Outbox(self._results, pool, until)
        dead_letters = Outbox(self._dead_letters, pool, until)
        refusals = []
        for notification in notifications["Records"]:
            try:
                self._add(notification, results, dead_letters, context)
            except (_NotUnderstoodError, InputUnavailableError, NotSentError) as error:
                refusals.append(str(error))
        refusals += [error for outbox in (results, dead_letters) for _, error in outbox.close() if error is not None]
        pool.shutdown(wait=False)
        if refusals:
            raise NotDeliveredError(f"{len(refusals)} of {len(notifications['Records'])}: {'; '.join(refusals)}")

    def _add(self, notification: Mapping[str, Any], results: Outbox, dead_letters: Outbox, context: Context) -> None:
        message = _message(notification)
        record = _record(message, self._queue_arn(context))
        if self._settings.identifies:
            record = self._contexts.complete(record, _requested(message))
        try:
            results.add(self._result(record, message))
        except _FailedError as failure:
            logger.warning("dead-lettered: %s", failure.reason, extra={"message_ids": [record.message_id]})
            dead_letters.add(dead_letter_entry(record, self._settings, failure.reason, str(failure)))

    def _result(self, record: Record, message: Mapping[str, Any]) -> Entry:
        """Return an event with the result, or with its location if it is too large for the sink."""
        if message["invocationStatus"] != "Completed":
            raise _FailedError(Reason.MODEL_ERROR, str(message.get("failureReason") or "the endpoint gave no reason"))
        location: str = message["responseParameters"]["outputLocation"]
        if not location.startswith(self._settings.output_location):
            place = self._settings.output_location
            raise _NotUnderstoodError(f"a notification is not this endpoint's: {location} is not below {place}")
        bucket, key = split_location(location)
        answer = call(location, self._s3.get_object, Bucket=bucket, Key=key)
        head = result_head(self._input_location(message))
        if answer.get("ContentLength", 0) > min(self._results.max_entry_bytes, MAX_READ_BYTES):
            answer["Body"].close()
            return self._pointer(record, location, head)
        try:
            content = read(location, answer["Body"], MAX_READ_BYTES)
            (result,) = read_results(self._codec, content, answer.get("ContentType") or "", [Item(record, ())])
            if isinstance(result, RecordFailure):
                raise _FailedError(Reason.MODEL_ERROR, result.detail)
            return result_entry(record, result, self._settings, self._results, head=head)
        except UnexpectedResponseError as error:
            raise _FailedError(Reason.UNPROCESSABLE, f"{location}: {error}") from error
        except ResultTooLargeError:
            return self._pointer(record, location, head)

    def _pointer(self, record: Record, location: str, head: Mapping[str, Any]) -> Entry:
        try:
            return pointer_entry(record, location, self._settings, self._results, head=head)
        except ResultTooLargeError as error:
            raise _FailedError(Reason.RESULT_TOO_LARGE, str(error)) from error

    def _input_location(self, message: Mapping[str, Any]) -> str:
        """Return the object that the record's message pointed to; nothing if the handler had put the request there."""
        location = _requested(message)
        return "" if location.startswith(self._settings.request_location) else location

    def _queue_arn(self, context: Context) -> str:
        """Return the work queue's ARN, which is in the function's own account and region."""
        _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
        return f"arn:{partition}:sqs:{region}:{account}:{self._settings.queue_url.rpartition('/')[2]}"


class _FailedError(RuntimeError):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _NotUnderstoodError(ValueError):
    pass


def _message(notification: Any) -> dict[str, Any]:
    """Return SageMaker's message. Raises _NotUnderstoodError naming everything that it lacks."""
    envelope = notification.get("Sns") if isinstance(notification, dict) else None
    text = envelope.get("Message") if isinstance(envelope, dict) else None
    try:
        message: Any = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise _NotUnderstoodError("a notification is not SageMaker's: its message is not a JSON object")
    if lacking := ", ".join(_lacking(message)):
        raise _NotUnderstoodError(f"a notification is not SageMaker's: its message has no {lacking}")
    return message


def _lacking(message: Mapping[str, Any]) -> Iterator[str]:
    for name in ("inferenceId", "invocationStatus"):
        if not isinstance(message.get(name), str):
            yield name
    if message.get("invocationStatus") == "Completed":
        parameters = message.get("responseParameters")
        if not isinstance(parameters, dict) or not isinstance(parameters.get("outputLocation"), str):
            yield "responseParameters.outputLocation"


def _record(message: Mapping[str, Any], queue_arn: str) -> Record:
    """Return the record as far as it is known. Its body points to the request, so that it can be redriven."""
    location = _requested(message)
    return Record(
        message_id=message["inferenceId"],
        receipt_handle="",
        body=json.dumps({"s3": location}) if location else _BLANK,
        receive_count=1,
        source_arn=queue_arn,
    )


def _requested(message: Mapping[str, Any]) -> str:
    """Return the location of the request; nothing if it is not known."""
    parameters = message.get("requestParameters")
    location = parameters.get("inputLocation") if isinstance(parameters, dict) else None
    return location if isinstance(location, str) else ""


_notifications = once_a_sandbox(Notifications)


def handler(notifications: Mapping[str, Any], context: Context) -> None:
    """Lambda's entry point, subscribed to the endpoint's success and error topics."""
    _notifications().process(notifications, context)
