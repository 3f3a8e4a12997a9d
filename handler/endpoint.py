"""One request to the SageMaker endpoint."""

from collections.abc import Sequence
from typing import Any

from .clients import new_client
from .codecs import Codec, Item, RequestTooLargeError, read_results
from .records import Target
from .settings import HandlerSettings


class Endpoint:
    """Scores micro-batches; each request is tried once.

    The executor decides on retries, and botocore's own are off: they would repeat a hung inference up to five times,
    and would not cover some faults that are worth a retry.
    """

    def __init__(self, settings: HandlerSettings, codec: Codec) -> None:
        self._name = settings.endpoint_name
        self._codec = codec
        self._max_request_bytes = settings.max_request_bytes
        self._client = runtime_client(settings)

    def score(self, items: Sequence[Item]) -> Sequence[Any]:
        """Return one result per item. Raises botocore's errors, or one of the codecs' errors."""
        response = self._client.invoke_endpoint(
            EndpointName=self._name,
            ContentType=self._codec.content_type,
            Accept=self._codec.accept,
            Body=encode(self._codec, items, self._max_request_bytes),
            **_named(items[0].target),
        )
        return read_results(self._codec, response["Body"].read(), len(items))


def runtime_client(settings: HandlerSettings) -> Any:
    return new_client(
        "sagemaker-runtime",
        read_timeout_seconds=settings.request_timeout_seconds,
        connections=settings.requests_in_flight,
    )


def encode(codec: Codec, items: Sequence[Item], max_request_bytes: int) -> bytes:
    """Return the request body. Raises RequestTooLargeError if it is over the limit, or CodecError."""
    body = codec.encode(items)
    if len(body) > max_request_bytes:
        raise RequestTooLargeError(f"the request has {len(body)} bytes, the limit is {max_request_bytes}")
    return body


def _named(target: Target) -> dict[str, Any]:
    named = {
        "TargetModel": target.model,
        "InferenceComponentName": target.inference_component,
        "TargetVariant": target.variant,
    }
    return {name: value for name, value in named.items() if value}
