"""Objects that messages point to: they are read, or asynchronous endpoints are told where they lie."""

import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from .clients import UnreadableAnswerError, call_once, new_client, read_body, split_location
from .codecs import MalformedRecordError, Payload, RequestTooLargeError
from .envelopes import Pointer, usable_type
from .faults import InputUnavailableError
from .settings import HandlerSettings

# SageMaker: InvokeEndpointAsync, the largest input
MAX_ASYNC_BYTES = 1024**3
# The type that S3 gives to an object if whoever puts it names none.
_NO_TYPE = "binary/octet-stream"
# zlib: a gzip stream with its header, in the largest window
_GZIP = 16 + zlib.MAX_WBITS


class Submitted(NamedTuple):
    """An object that an asynchronous endpoint reads itself: it holds a whole request."""

    location: str
    content_type: str = ""
    """The object's own; empty if it has none, or is a request that the handler put there."""
    version: str = ""
    """The object's ETag, another one for another content; empty for a request that the handler put there."""


class Inputs:
    """Reads the objects that records point to, all of them in the places that the settings name."""

    def __init__(self, settings: HandlerSettings, pool: Callable[[], ThreadPoolExecutor]) -> None:
        places = settings.input_location, *settings.more_input_locations
        self._places = tuple(filter(None, places))
        self._owners = settings.input_bucket_owners
        self._is_asynchronous = settings.asynchronous
        self._requests = settings.request_location if settings.asynchronous else ""
        self._max_request_bytes = settings.max_request_bytes
        self._pool = pool
        if self._places:
            self._client = new_client("s3", read_timeout_seconds=10, total_max_attempts=2)

    def fetch(self, pointer: Pointer, account: str) -> Future[Payload | Submitted] | Submitted:
        """Start reading an object; `account` owns its bucket, unless the settings name another.

        Raises MalformedRecordError if it is in no place that a record may point to. The future raises that,
        RequestTooLargeError or InputUnavailableError.
        """
        location = pointer.location
        is_submitted = self._is_asynchronous and not pointer.is_body
        if is_submitted and not location.isascii():
            raise MalformedRecordError(f"{location!a} can't be named in a request")
        if is_submitted and location.startswith(self._requests):
            return Submitted(location)
        if not self._places:
            raise MalformedRecordError(f"the message points to {location}, and there is no input_location")
        if not location.startswith(self._places):
            raise MalformedRecordError(f"{location} is not below {' or '.join(self._places)}")
        return self._pool().submit(self._head if is_submitted else self._read, location, account)

    def _read(self, location: str, account: str) -> Payload:
        answer = self._call(self._client.get_object, location, account)
        size = answer.get("ContentLength", 0)
        if size > self._max_request_bytes:
            answer["Body"].close()
            raise RequestTooLargeError(f"{location} has {size} bytes, a request may have {self._max_request_bytes}")
        try:
            content = read_body(answer["Body"], self._max_request_bytes)
        except (BotoCoreError, UnreadableAnswerError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error
        if _is_compressed(answer):
            content = _inflated(content, self._max_request_bytes, location)
        return Payload(content, _type_of(answer), location)

    def _head(self, location: str, account: str) -> Submitted:
        """Return an object that is to be submitted where it lies."""
        answer = self._call(self._client.head_object, location, account)
        size = answer.get("ContentLength", 0)
        if size > MAX_ASYNC_BYTES:
            raise RequestTooLargeError(f"{location} has {size} bytes, asynchronous endpoints take {MAX_ASYNC_BYTES}")
        if _is_compressed(answer):
            raise MalformedRecordError(f"{location} is compressed, and asynchronous endpoints get it as it lies there")
        return Submitted(location, _type_of(answer), answer.get("ETag") or "")

    def _call(self, operation: Callable[..., Any], location: str, account: str) -> dict[str, Any]:
        """Call S3 about an object. A bucket of another account than is expected counts as not readable."""
        bucket, key = split_location(location)
        owner = self._owners.get(bucket, account)
        try:
            expected: dict[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}
            return call_once(operation, Bucket=bucket, Key=key, **expected)
        except ClientError as error:
            denied = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403
            whose = f", in a bucket that account {owner} owns" if denied and owner else ""
            raise InputUnavailableError(f"{location}{whose}: {error}") from error
        except (BotoCoreError, UnreadableAnswerError) as error:
            raise InputUnavailableError(f"{location}: {error}") from error


def _type_of(answer: Mapping[str, Any]) -> str:
    """Return the object's content type, or nothing if it has none that a request can have."""
    content_type = usable_type(answer.get("ContentType"))
    return "" if content_type == _NO_TYPE else content_type


def _is_compressed(answer: Mapping[str, Any]) -> bool:
    """Whether its Content-Encoding has gzip; it may have words of the upload beside that, for instance aws-chunked."""
    encodings = (answer.get("ContentEncoding") or "").lower().split(",")
    return "gzip" in [encoding.strip() for encoding in encodings]


def _inflated(content: bytes, max_bytes: int, name: str) -> bytes:
    """Return what was compressed with gzip. No more than `max_bytes` is ever inflated."""
    inflated = bytearray()
    try:
        while content:
            stream = zlib.decompressobj(_GZIP)
            inflated += stream.decompress(content, max_bytes + 1 - len(inflated))
            if len(inflated) > max_bytes:
                raise RequestTooLargeError(f"{name} inflates to more than {max_bytes} bytes")
            if not stream.eof:
                raise MalformedRecordError(f"{name} is not gzip: it has no end")
            content = stream.unused_data
    except zlib.error as error:
        raise MalformedRecordError(f"{name} is not gzip: {error}") from error
    return bytes(inflated)
