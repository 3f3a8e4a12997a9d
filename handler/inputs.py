"""Bodies that are too large for a message: {"s3": "s3://bucket/key"} stands for the object."""

import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handler.clients import new_client, split_location
from handler.codecs import MalformedRecordError, RequestTooLargeError
from handler.faults import InputUnavailableError
from handler.records import Record

_POINTER = re.compile(r'\s*\{\s*"s3"\s*:\s*"[^"]*"\s*\}\s*')


def is_pointer_below(location: str, record: Record) -> bool:
    """Whether the record's body points to an object below s3://bucket/prefix/."""
    try:
        return bool(_POINTER.fullmatch(record.body) and json.loads(record.body)["s3"].startswith(location))
    except ValueError:
        return False


class Inputs:
    """Reads the objects that records point to, all of them below one location."""

    def __init__(self, location: str, max_bytes: int, pool: Callable[[], ThreadPoolExecutor]) -> None:
        """`location` is s3://bucket/prefix/."""
        self._location = location
        self._max_bytes = max_bytes
        self._pool = pool
        self._client = new_client("s3", read_timeout_seconds=10, total_max_attempts=2)

    def request(self, record: Record) -> Future[str] | None:
        """Begin to read the object that a record points to; None if its body is no pointer.

        The future raises MalformedRecordError, RequestTooLargeError or InputUnavailableError.
        """
        return self._pool().submit(self._read, record.body) if _POINTER.fullmatch(record.body) else None

    def _read(self, pointer: str) -> str:
        try:
            location: str = json.loads(pointer)["s3"]
        except ValueError as error:
            raise MalformedRecordError(f"the pointer is not JSON: {error}") from error
        if not location.startswith(self._location):
            raise MalformedRecordError(f"{location} is not below {self._location}")
        bucket, key = split_location(location)
        try:
            answer: dict[str, Any] = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > self._max_bytes:
                answer["Body"].close()
                size = f"{location} has {answer['ContentLength']} bytes, a request may have {self._max_bytes}"
                raise RequestTooLargeError(size)
            content: bytes = answer["Body"].read()
            return content.decode()
        except UnicodeDecodeError as error:
            raise MalformedRecordError(f"{location} is not text in UTF-8: {error.reason}") from error
        except (ClientError, BotoCoreError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error
