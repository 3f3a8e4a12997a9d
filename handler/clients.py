"""AWS clients. Each is created only if it is needed, because it adds to the cold start."""

import os
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SENDERS = 4
"""Most calls in flight at once, besides requests to the endpoint."""
_READ_BYTES = 65_536


def new_client(
    service: str, *, read_timeout_seconds: int = 5, connections: int = SENDERS, total_max_attempts: int = 1
) -> Any:
    """Return a client that by default tries once: its callers know which errors are worth a retry, and until when."""
    config = Config(
        retries={"total_max_attempts": total_max_attempts, "mode": "standard"},
        connect_timeout=3,
        read_timeout=read_timeout_seconds,
        max_pool_connections=connections,
        tcp_keepalive=True,
        user_agent=_user_agent(),
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


class UnreadableAnswerError(RuntimeError):
    """An answer that botocore can't read, or that is not a final one."""


def call_once(operation: Callable[..., Any], *, status: int = 200, **arguments: Any) -> dict[str, Any]:
    """Call a client's method; return its answer, which has this HTTP status.

    Raises botocore's errors, or UnreadableAnswerError for every other answer. After an interim answer (102, 103) the
    final one is still to come: on the same connection it would be taken for the answer to the next call. So the
    client's connections are closed then.
    """
    try:
        answer: dict[str, Any] = operation(**arguments)
    except BotoCoreError:
        raise
    except ClientError as error:
        told = error.response.get("Error", {})
        if not all(isinstance(told.get(name) or "", str) for name in ("Code", "Message")):
            raise UnreadableAnswerError(f"the error can't be read: {told}") from error
        raise
    except Exception as error:  # whatever botocore's parsers meet in an answer that is not the service's
        raise UnreadableAnswerError(f"the answer can't be read: {type(error).__name__}: {error}") from error
    found = answer["ResponseMetadata"]["HTTPStatusCode"]
    if found != status:
        if "Body" in answer:
            answer["Body"].close()  # before another thread can get its connection
        operation.__self__.close()  # type: ignore[attr-defined]  # a client's method
        raise UnreadableAnswerError(f"the answer has the HTTP status {found}, and not {status}")
    return answer


def read_body(body: Any, max_bytes: int) -> bytes:
    """Return the whole body of an answer.

    Raises botocore's errors, or UnreadableAnswerError if it has more than `max_bytes` bytes or can't be read.
    """
    content = bytearray()
    try:
        while chunk := body.read(_READ_BYTES):
            content += chunk
            if len(content) > max_bytes:
                body.close()
                raise UnreadableAnswerError(f"the answer has more than {max_bytes} bytes")
    except (BotoCoreError, UnreadableAnswerError):
        raise
    except Exception as error:  # the stream was closed, or its framing is not HTTP's
        raise UnreadableAnswerError(f"the answer can't be read: {type(error).__name__}: {error}") from error
    return bytes(content)


def _user_agent() -> str:
    """Return a fixed user agent, with your app id. To build botocore's own anew takes a tenth of each call's time."""
    app, runtime = os.environ.get("AWS_SDK_UA_APP_ID"), os.environ.get("AWS_EXECUTION_ENV")
    return " ".join(
        filter(None, (f"Boto3/{boto3.__version__}", runtime and f"exec-env/{runtime}", app and f"app/{app}"))
    )


def split_location(location: str) -> tuple[str, str]:
    """Return the bucket and the key of s3://bucket/key."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
