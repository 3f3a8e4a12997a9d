"""One request to the SageMaker endpoint."""

from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config

from handler.codecs import Codec, Item, RequestTooLargeError, read_results
from handler.records import Target
from handler.settings import HandlerSettings

CONNECT_TIMEOUT_SECONDS = 3


class Endpoint:
    """Scores micro-batches; a failure is raised as botocore raises it, at once.

    botocore's own retries are off: it would run a hung inference up to five times, and leave alone some faults that
    are worth a retry. The executor owns them.
    """

    def __init__(self, settings: HandlerSettings, codec: Codec) -> None:
        self._name = settings.endpoint_name
        self._codec = codec
        self._max_bytes = settings.max_bytes
        self._client = boto3.client(
            "sagemaker-runtime",
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=settings.request_timeout_seconds,
                max_pool_connections=settings.max_concurrency,
                tcp_keepalive=True,
            ),
        )

    def score(self, items: Sequence[Item]) -> Sequence[Any]:
        """Return one result per item. Raises what botocore raises, or one of the codecs' errors."""
        body = self._codec.encode(items)
        if len(body) > self._max_bytes:
            raise RequestTooLargeError(f"the request has {len(body)} bytes, the limit is {self._max_bytes}")
        response = self._client.invoke_endpoint(
            EndpointName=self._name,
            ContentType=self._codec.content_type,
            Accept=self._codec.accept,
            Body=body,
            **_named(items[0].target),
        )
        return read_results(self._codec, response["Body"].read(), len(items))


def _named(target: Target) -> dict[str, Any]:
    named = {
        "TargetModel": target.model,
        "InferenceComponentName": target.inference_component,
        "TargetVariant": target.variant,
    }
    return {name: value for name, value in named.items() if value}
