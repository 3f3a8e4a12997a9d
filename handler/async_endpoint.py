"""One request to an asynchronous SageMaker endpoint: the result comes later, by notification (see `notify`)."""

from collections.abc import Sequence
from typing import Any

from .clients import UnreadableAnswerError, call_once, new_client, split_location
from .codecs import Codec, Item
from .contexts import Contexts
from .endpoint import encode, runtime_client
from .settings import HandlerSettings

# SageMaker: InvokeEndpointAsync Body
MAX_INLINE_BYTES = 128_000


class AsyncEndpoint:
    """Submits records; the result of each is the location of its future output.

    Requests are put to S3 under the ids of their events. So a record that is delivered again overwrites its own
    request, and the dead letter of a failed inference can point to it. If that is redriven, the same object is
    submitted again. An object that a message points to is a request already: it is submitted where it lies.
    """

    def __init__(self, settings: HandlerSettings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
        self._runtime = runtime_client(settings)
        self._s3 = new_client(
            "s3", read_timeout_seconds=settings.request_timeout_seconds, connections=settings.requests_in_flight
        )
        self._contexts = Contexts(self._s3, settings.request_location)

    def score(self, items: Sequence[Item], inference_id: str) -> Sequence[Any]:
        """Submit one item, under the id of its event and not under a request's own; return its locations.

        Raises botocore's errors, or one of the codecs' errors.
        """
        (item,) = items
        content_type = item.content_type or self._codec.content_type
        locations: dict[str, str] = {}
        request = self._request(item, content_type)
        if self._settings.identifies:
            self._contexts.keep(item, request.get("InputLocation", ""))
        if "InputLocation" in request:
            locations["inputLocation"] = request["InputLocation"]
        answer = call_once(
            self._runtime.invoke_endpoint_async,
            status=202,
            EndpointName=self._settings.endpoint_name,
            ContentType=content_type,
            Accept=self._codec.accept,
            InferenceId=item.record.event_id,
            InvocationTimeoutSeconds=self._settings.async_invocation_seconds,
            **request,
        )
        if not answer.get("OutputLocation"):
            raise UnreadableAnswerError("the answer has no OutputLocation")
        locations["outputLocation"] = answer["OutputLocation"]
        if answer.get("FailureLocation"):
            locations["failureLocation"] = answer["FailureLocation"]
        return [locations]

    def close(self) -> None:
        """Keep nothing open: the answers are short."""

    def _request(self, item: Item, content_type: str) -> dict[str, Any]:
        """Return the argument for the request: its body, or its location on S3."""
        if not item.parts:
            return {"InputLocation": item.location}
        body = encode(self._codec, [item], self._settings.max_request_bytes)
        if self._settings.async_inline and len(body) <= MAX_INLINE_BYTES:
            return {"Body": body}
        location = self._settings.request_location + item.record.event_id
        bucket, key = split_location(location)
        call_once(self._s3.put_object, Bucket=bucket, Key=key, Body=body, ContentType=content_type)
        return {"InputLocation": location}
