"""One record to an asynchronous SageMaker endpoint: accepted now, its result comes by notification (see `notify`)."""

from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config

from handler.codecs import Codec, Item
from handler.endpoint import CONNECT_TIMEOUT_SECONDS
from handler.settings import HandlerSettings

# SageMaker: InvokeEndpointAsync Body
MAX_INLINE_BYTES = 128_000


class AsyncEndpoint:
    """Submits records; the result of each is where its output will be.

    Inputs are put to S3 under their message ids, so that a record that comes again overwrites its own, and the dead
    letter of a failed inference can point to it.
    """

    def __init__(self, settings: HandlerSettings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=settings.request_timeout_seconds,
            max_pool_connections=settings.max_concurrency,
        )
        self._runtime = boto3.client("sagemaker-runtime", config=config)
        self._s3 = boto3.client("s3", config=config)

    def score(self, items: Sequence[Item]) -> Sequence[Any]:
        """Submit one item; return its locations. Raises what botocore raises."""
        (item,) = items
        body = self._codec.encode(items)
        locations: dict[str, str] = {}
        carried: dict[str, Any] = {"Body": body}
        if not self._settings.async_inline or len(body) > MAX_INLINE_BYTES:
            locations["inputLocation"] = self._put(item.record.message_id, body)
            carried = {"InputLocation": locations["inputLocation"]}
        answer = self._runtime.invoke_endpoint_async(
            EndpointName=self._settings.endpoint_name,
            ContentType=self._codec.content_type,
            Accept=self._codec.accept,
            InferenceId=item.record.message_id,
            InvocationTimeoutSeconds=self._settings.async_invocation_seconds,
            **carried,
        )
        locations["outputLocation"] = answer["OutputLocation"]
        if answer.get("FailureLocation"):
            locations["failureLocation"] = answer["FailureLocation"]
        return [locations]

    def _put(self, message_id: str, body: bytes) -> str:
        location = self._settings.async_input_location + message_id
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self._s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=self._codec.content_type)
        return location
