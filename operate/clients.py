"""Clients of AWS, by the credentials that boto3 finds: its standard chain, and nothing of the desk's own."""

import os
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from .errors import UsageError

# What may be asked twice is asked again by botocore. A message that is sent again would be there twice.
ASKING = Config(retries={"total_max_attempts": 4, "mode": "standard"}, connect_timeout=5, read_timeout=30)
SENDING = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)


class Clients:
    """The account and region that the desk works in, and a client for each service that it asks."""

    def __init__(self, region: str | None = None) -> None:
        """`region` is by default AWS_REGION, which boto3 itself does not read, or else the one that boto3 finds.

        Raises UsageError if there is none.
        """
        self._session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        if self._session.region_name is None:
            raise UsageError("no region: pass --region, or set AWS_REGION or a profile with one")
        self.region: str = self._session.region_name

    @cached_property
    def account(self) -> str:
        """The account of the credentials."""
        account: str = self.sts.get_caller_identity()["Account"]
        return account

    @cached_property
    def sts(self) -> Any:
        return self._client("sts")

    @cached_property
    def sqs(self) -> Any:
        return self._client("sqs")

    @cached_property
    def sqs_once(self) -> Any:
        """SQS without a second attempt, for sending."""
        return self._client("sqs", SENDING)

    @cached_property
    def lambda_(self) -> Any:
        return self._client("lambda")

    @cached_property
    def cloudwatch(self) -> Any:
        return self._client("cloudwatch")

    @cached_property
    def sagemaker(self) -> Any:
        return self._client("sagemaker")

    @cached_property
    def scaling(self) -> Any:
        """Application Auto Scaling."""
        return self._client("application-autoscaling")

    @cached_property
    def s3(self) -> Any:
        return self._client("s3")

    @cached_property
    def sns(self) -> Any:
        return self._client("sns")

    @cached_property
    def events(self) -> Any:
        """EventBridge."""
        return self._client("events")

    def _client(self, service: str, config: Config = ASKING) -> Any:
        try:
            client: Any = self._session.client(service, config=config)  # type: ignore[call-overload]
        except ValueError as error:  # AWS_ENDPOINT_URL, or a name of a region that is none
            raise UsageError(f"{service}: {error}") from error
        return client
