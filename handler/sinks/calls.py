"""Calls to a sink's service, one attempt each, and the meaning of their errors."""

import base64
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..clients import UnreadableAnswerError, call_once, read_body
from ..settings import ConfigurationError
from .outbox import Entry, NotSentError

NO_WORD = "not acknowledged"
# JSON protocols answer 400 to these too; a missing or unusable KMS key is the deployment's fault as well.
_MISCONFIGURED = (
    r"(?i)AccessDenied|NotAuthorized|Authorization|UnrecognizedClient|ExpiredToken|^NotFound|ResourceNotFound"
    r"|NonExistentQueue|QueueDoesNotExist|NoSuchBucket|^KMS"
)


def is_misconfiguration(code: str, status: int = 0) -> bool:
    """Whether a target is missing or may not be used, so that every entry would fail, however often it is sent."""
    return "throttl" not in code.lower() and (status in (401, 403) or bool(re.search(_MISCONFIGURED, code)))


def read(target: str, body: Any, max_bytes: int) -> bytes:
    """Return an answer's body. Raises NotSentError if it is longer, or can't be read now."""
    try:
        return read_body(body, max_bytes)
    except (BotoCoreError, UnreadableAnswerError) as error:
        raise NotSentError(f"{target}: {error}") from error


def call(target: str, operation: Callable[..., Any], **arguments: Any) -> Any:
    """Return the answer. Raises ConfigurationError naming the target, or NotSentError if a later one may succeed."""
    try:
        return call_once(operation, **arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if is_misconfiguration(code, status):
            raise ConfigurationError(f"{target}: {error}") from error
        raise NotSentError(str(error)) from error
    except (BotoCoreError, UnreadableAnswerError) as error:
        raise NotSentError(str(error)) from error


_BATCHES = itertools.count()


def batch_ids(entries: Sequence[Entry]) -> list[str]:
    """Return an id for each entry of one SQS or SNS batch. No other batch of this sandbox has them.

    So an answer that belongs to another call acknowledges nothing.
    """
    batch = next(_BATCHES)
    return [f"{batch}-{number}" for number in range(len(entries))]


def errors_by_id(target: str, ids: Sequence[str], entries: Sequence[Entry], answer: dict[str, Any]) -> dict[str, str]:
    """Return errors by message id, from the answer of SQS or SNS to a batch whose entries have these ids."""
    acknowledged = {str(taken.get("Id")) for taken in members(answer, "Successful")}
    reasons = {
        str(failed.get("Id")): refusal(target, failed, "Code", "Message") for failed in members(answer, "Failed")
    }
    return {
        entry.message_id: reasons.get(id_, NO_WORD)
        for id_, entry in zip(ids, entries, strict=True)
        if id_ not in acknowledged
    }


def members(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list's members, with an empty one in the place of each that is not an object."""
    return [member if isinstance(member, dict) else {} for member in answer.get(name) or ()]


def refusal(target: str, entry: dict[str, Any], code_name: str, message_name: str) -> str:
    """Return the text of one entry's error. Raises ConfigurationError if the target is the cause."""
    code, message = str(entry.get(code_name) or NO_WORD), entry.get(message_name) or ""
    if is_misconfiguration(code):
        raise ConfigurationError(f"{target}: {code}: {message}")
    return f"{code}: {message}"


def message_attributes(entry: Entry, *, has_custom_types: bool) -> dict[str, Any]:
    """Return the argument for SQS's and SNS's message attributes; empty if the entry has none.

    Only SQS has types with a label of the sender's own.
    """
    if not (entry.attributes or entry.passed_on):
        return {}
    attributes: dict[str, Any] = {
        name: {"DataType": "String", "StringValue": value} for name, value in entry.attributes.items()
    }
    for name, (type_, value) in entry.passed_on.items():
        is_binary = type_.startswith("Binary")
        content = {"BinaryValue": base64.b64decode(value)} if is_binary else {"StringValue": value}
        attributes[name] = {"DataType": type_ if has_custom_types else type_.partition(".")[0], **content}
    return {"MessageAttributes": attributes}


def fifo_fields(entry: Entry) -> dict[str, str]:
    """Return message group and deduplication id; a repeated delivery within five minutes is dropped.

    An entry without a group needs no order, so it is a group of its own.
    """
    ids = {"MessageGroupId": entry.group or entry.message_id}
    return {**ids, "MessageDeduplicationId": entry.event_id or entry.message_id}


def fair_fields(entry: Entry) -> dict[str, str]:
    """Return the message group for a standard queue, or for a standard topic, which passes it on to such queues."""
    return {"MessageGroupId": entry.fair_group} if entry.fair_group else {}
