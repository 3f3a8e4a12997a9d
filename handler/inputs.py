"""Bodies that are too large for a message: {"s3": "s3://bucket/key"} stands for the object."""

import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handler.records import Record

_POINTER = re.compile(r'\s*\{\s*"s3"\s*:\s*"[^"]*"\s*\}\s*')


class ForeignInputError(ValueError):
    """The record points to where none may point to."""


class InputTooLargeError(ValueError):
    """The object is larger than any request may be."""


class InputUnavailableError(RuntimeError):
    """The object can't be read: missing, not allowed, or S3 is not to be had."""


class Inputs:
    """Reads the objects that records point to, all of them below one location."""

    def __init__(self, location: str, max_bytes: int, pool: Callable[[], ThreadPoolExecutor]) -> None:
        """`location` is s3://bucket/prefix/; without one, no body is taken for a pointer."""
        self._location = location
        self._max_bytes = max_bytes
        self._pool = pool
        config = Config(retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=10)
        self._client: Any = boto3.client("s3", config=config) if location else None

    def request(self, record: Record) -> Future[str] | None:
        """Begin to read the object that a record points to; None if its body is no pointer.

        The future raises ForeignInputError, InputTooLargeError or InputUnavailableError.
        """
        if not self._location or not _POINTER.fullmatch(record.body):
            return None
        return self._pool().submit(self._read, record.body)

    def _read(self, pointer: str) -> str:
        try:
            location: str = json.loads(pointer)["s3"]
        except ValueError as error:
            raise ForeignInputError(f"the pointer is not JSON: {error}") from error
        if not location.startswith(self._location):
            raise ForeignInputError(f"{location} is not below {self._location}")
        bucket, _, key = location.removeprefix("s3://").partition("/")
        try:
            answer: dict[str, Any] = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > self._max_bytes:
                answer["Body"].close()
                size = f"{location} has {answer['ContentLength']} bytes, a request may have {self._max_bytes}"
                raise InputTooLargeError(size)
            content: bytes = answer["Body"].read()
            return content.decode()
        except UnicodeDecodeError as error:
            raise ForeignInputError(f"{location} is not text in UTF-8: {error.reason}") from error
        except (ClientError, BotoCoreError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error
