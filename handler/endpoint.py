"""One request to the SageMaker endpoint."""

import hashlib
import logging
import re
from collections.abc import Sequence
from typing import Any

from .clients import call_once, new_client, read_body
from .codecs import Codec, Item, RequestTooLargeError, UnexpectedResponseError, read_results
from .records import Target
from .settings import HandlerSettings

logger = logging.getLogger(__name__)

MAX_QUOTED_CHARACTERS = 100
# SageMaker: InvokeEndpoint PrefixAwareId, here in ASCII
_SESSION = re.compile(r"[!-~][ -~]{0,63}")


class Endpoint:
    """Scores micro-batches; each request is tried once.

    The executor decides on retries, and botocore's own are off: they would repeat a hung inference up to five times,
    and would not cover some faults that are worth a retry.
    """

    def __init__(self, settings: HandlerSettings, codec: Codec) -> None:
        self._name = settings.endpoint_name
        self._codec = codec
        self._max_request_bytes = settings.max_request_bytes
        self._max_response_bytes = settings.max_response_bytes
        self._client = runtime_client(settings)
        self._session_attribute = settings.session_attribute
        if self._session_attribute and not _takes_prefix_id(self._client):
            self._session_attribute = ""
            logger.warning(
                "this boto3 knows no PrefixAwareId: session_attribute has no effect; a newer one in a layer has"
            )
        self._open: set[Any] = set()
        """Bodies of answers that are being read."""

    def score(self, items: Sequence[Item], inference_id: str) -> Sequence[Any]:
        """Return one result per item; the id is this request's own in what the endpoint captures.

        Raises botocore's errors, UnreadableAnswerError, or a codec's error.
        """
        answer = call_once(
            self._client.invoke_endpoint,
            EndpointName=self._name,
            ContentType=items[0].content_type or self._codec.content_type,
            Accept=self._codec.accept,
            InferenceId=inference_id,
            Body=encode(self._codec, items, self._max_request_bytes),
            **_named(items[0].target),
            **self._session(items[0]),
        )
        content, content_type = self._read(answer["Body"]), answer.get("ContentType") or ""
        try:
            return read_results(self._codec, content, content_type, items)
        except UnexpectedResponseError as error:
            quote = f"{error}; the answer, {content_type or 'of no type'}, is {_quoted(content)}"
            raise UnexpectedResponseError(quote, error.results) from error

    def _session(self, item: Item) -> dict[str, Any]:
        """Return the session that prefix-aware routing keeps on one instance; hashed, if it is no id of SageMaker's."""
        key = item.record.attributes.get(self._session_attribute) if self._session_attribute else None
        if not key:
            return {}
        return {
            "PrefixAwareId": key
            if _SESSION.fullmatch(key)
            else hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()
        }

    def close(self) -> None:
        """Stop reading the answers of abandoned requests, and close their connections."""
        for body in list(self._open):
            _shut_down(body)

    def _read(self, body: Any) -> bytes:
        self._open.add(body)
        try:
            return read_body(body, self._max_response_bytes)
        finally:
            self._open.discard(body)


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


def _takes_prefix_id(client: Any) -> bool:
    operation = client.meta.service_model.operation_model("InvokeEndpoint")
    return "PrefixAwareId" in operation.input_shape.members


def _named(target: Target) -> dict[str, Any]:
    named = {
        "TargetModel": target.model,
        "InferenceComponentName": target.inference_component,
        "TargetVariant": target.variant,
    }
    return {name: value for name, value in named.items() if value}


def _quoted(content: bytes) -> str:
    return repr(content[: 4 * MAX_QUOTED_CHARACTERS].decode(errors="replace")[:MAX_QUOTED_CHARACTERS])


def _shut_down(body: Any) -> None:
    """Wake the thread that reads a body: closing the body would wait for that thread."""
    try:
        body._raw_stream.shutdown()  # noqa: SLF001 - botocore has no public way to the stream of urllib3
    except (AttributeError, OSError, RuntimeError, ValueError):
        return  # an older urllib3, or the answer has just ended
