"""Bodies that are too large for a message: the message {"s3": "s3://bucket/key"} points to an object instead."""

import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from .clients import UnreadableAnswerError, call_once, new_client, read_body, split_location
from .codecs import MalformedRecordError, Payload, RequestTooLargeError
from .faults import InputUnavailableError
from .records import Record
from .settings import HandlerSettings

_POINTER = re.compile(r'\s*\{\s*"s3"\s*:\s*"[^"]*"\s*\}\s*')


class Inputs:
    """Reads the objects that records point to, all of them below one location."""

    def __init__(self, settings: HandlerSettings, pool: Callable[[], ThreadPoolExecutor]) -> None:
        self._location = settings.input_location
        self._encoded = settings.request_location if settings.asynchronous else ""
        self._max_request_bytes = settings.max_request_bytes
        self._pool = pool
        if self._location:
            self._client = new_client("s3", read_timeout_seconds=10, total_max_attempts=2)

    def is_encoded(self, record: Record) -> bool:
        """Whether the record points to a request, as the dead letter of a failed asynchronous inference does.

        Raises MalformedRecordError if its location is not one that S3 can have.
        """
        if not self._encoded or not _POINTER.fullmatch(record.body):
            return False
        location = _location(record.body)
        if location.startswith(self._encoded) and not location.isascii():
            raise MalformedRecordError(f"{location!a} can't be named in a request")
        return location.startswith(self._encoded)

    def request(self, record: Record) -> Future[Payload] | None:
        """Start reading the object that a record points to; return None if its body is not a pointer.

        The future raises MalformedRecordError, RequestTooLargeError or InputUnavailableError.
        """
        if not self._location or not _POINTER.fullmatch(record.body):
            return None
        return self._pool().submit(self._read, record.body)

    def _read(self, pointer: str) -> Payload:
        location = _location(pointer)
        if not location.startswith(self._location):
            raise MalformedRecordError(f"{location} is not below {self._location}")
        bucket, key = split_location(location)
        try:
            answer = call_once(self._client.get_object, Bucket=bucket, Key=key)
            size = answer.get("ContentLength", 0)
            if size > self._max_request_bytes:
                answer["Body"].close()
                raise RequestTooLargeError(f"{location} has {size} bytes, a request may have {self._max_request_bytes}")
            content = read_body(answer["Body"], self._max_request_bytes)
            return Payload(content, answer.get("ContentType") or "", location)
        except (ClientError, BotoCoreError, UnreadableAnswerError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error


def _location(pointer: str) -> str:
    """Return the location in a pointer. Raises MalformedRecordError if S3 can't have such a key."""
    try:
        location: str = json.loads(pointer)["s3"]
    except ValueError as error:
        raise MalformedRecordError(f"the pointer is not JSON: {error}") from error
    if not location.isprintable():  # for instance half of a surrogate pair, which a request can't contain
        raise MalformedRecordError(f"{location!a} holds what is not printable")
    return location
