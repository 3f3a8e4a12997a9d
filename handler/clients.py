"""AWS clients. Each is made only where it is needed: a cold start waits for it."""

import os
from typing import Any

import boto3
from botocore.config import Config

SENDERS = 4
"""Calls in flight at once, besides those to the endpoint."""


def new_client(
    service: str, *, read_timeout_seconds: int = 5, connections: int = SENDERS, total_max_attempts: int = 1
) -> Any:
    """Return a client that tries once: its callers know better what is worth another try, and for how long."""
    config = Config(
        retries={"total_max_attempts": total_max_attempts, "mode": "standard"},
        connect_timeout=3,
        read_timeout=read_timeout_seconds,
        max_pool_connections=connections,
        tcp_keepalive=True,
        user_agent=_user_agent(),
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def _user_agent() -> str:
    """Return a fixed one, with your app id; botocore's own is put together anew for each call, a tenth of its cost."""
    app, runtime = os.environ.get("AWS_SDK_UA_APP_ID"), os.environ.get("AWS_EXECUTION_ENV")
    return " ".join(
        filter(None, (f"Boto3/{boto3.__version__}", runtime and f"exec-env/{runtime}", app and f"app/{app}"))
    )


def split_location(location: str) -> tuple[str, str]:
    """Return bucket and key of s3://bucket/key."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
