"""boto3 clients for the embedded AWS and the control plane, whatever the user's own AWS configuration says."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sts import STSClient

MAX_CONNECTIONS = 16
# Also how long MiniStack may take to start: its socket is open before it listens to it.
READ_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The clients, with the rights of the account's root; they may be shared by threads.

    Those that only some stacks need are created when they are first asked for.
    """

    region: str
    client: Callable[[str], Any]
    """Creates a client of the embedded AWS for a service."""
    control_client: Callable[[str], Any]
    """Creates a client of the control plane for a service."""
    dynamodb: "DynamoDBClient"
    iam: "IAMClient"
    lambda_: "LambdaClient"
    logs: "CloudWatchLogsClient"
    sqs: "SQSClient"
    sts: "STSClient"

    @classmethod
    def connect(
        cls, *, url: str, region: str, credentials: Credentials, authority: Path, control_url: str = ""
    ) -> Self:
        """Create the clients; nothing is sent yet. `control_url` is the control plane's, if there is one."""
        client = _client_factory(url, region, credentials, authority)
        return cls(
            region=region,
            client=client,
            control_client=_client_factory(control_url, region, credentials, authority),
            dynamodb=client("dynamodb"),
            iam=client("iam"),
            lambda_=client("lambda"),
            logs=client("logs"),
            sqs=client("sqs"),
            sts=client("sts"),
        )

    @cached_property
    def autoscaling(self) -> Any:
        return self.control_client("application-autoscaling")

    @cached_property
    def cloudwatch(self) -> Any:
        return self.control_client("cloudwatch")

    @cached_property
    def sagemaker(self) -> Any:
        return self.control_client("sagemaker")

    @cached_property
    def events(self) -> Any:
        return self.client("events")

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def signer(self) -> Any:
        return self.client("signer")

    @cached_property
    def sns(self) -> Any:
        return self.client("sns")


def _client_factory(url: str, region: str, credentials: Credentials, authority: Path) -> Callable[[str], Any]:
    """Return a function that creates clients without any profile, configuration file or proxy of the user's."""
    no_file = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    )
    session: Any = boto3.Session(
        botocore_session=core,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
    )
    # No retries: a batch of messages that is sent again would be twice in the queue.
    config = Config(
        proxies={},
        retries={"total_max_attempts": 1},
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=MAX_CONNECTIONS,
    )
    return lambda service: session.client(service, endpoint_url=url, verify=str(authority), config=config)
