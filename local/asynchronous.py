"""An asynchronous endpoint: requests are queued, read from S3, answered there, and told of by SNS.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from handler.clients import split_location
from local.aws import Aws
from local.clock import now
from local.template import Attributes

LOCATION = re.compile(r"s3://[^/]+/.+")
MAX_INPUT_BYTES = 1024**3
MAX_BODY_BYTES = 128_000
# The guide: without a setting SageMaker chooses a number; here it is this.
REQUESTS_AT_ONCE = 4


class InputTooLargeError(ValueError):
    """The object that a request names is larger than an input may be."""


class RefusedRequestError(ValueError):
    """The request breaks a rule of InvokeEndpointAsync; its text is SageMaker's message."""


@dataclass(frozen=True)
class AsyncConfiguration:
    """The part of an endpoint configuration that is about asynchronous inference."""

    output_location: str
    failure_location: str
    """Empty, if answers to failed requests are not kept."""
    success_topic: str
    error_topic: str
    requests_at_once: int

    @property
    def topics(self) -> list[str]:
        return [topic for topic in (self.success_topic, self.error_topic) if topic]

    @classmethod
    def of(cls, arguments: Attributes) -> Self:
        """Read the arguments of an endpoint configuration, as the template or Terraform's state has them."""
        config = _block(arguments["async_inference_config"])
        output = _block(config["output_config"])
        topics, client = _block(output.get("notification_config")), _block(config.get("client_config"))
        return cls(
            output_location=output["s3_output_path"],
            failure_location=output.get("s3_failure_path") or "",
            success_topic=topics.get("success_topic") or "",
            error_topic=topics.get("error_topic") or "",
            requests_at_once=client.get("max_concurrent_invocations_per_instance") or REQUESTS_AT_ONCE,
        )


# Takes a body and its content type, and returns the container's status, answer and content type.
Ask = Callable[[bytes, str], tuple[int, bytes, str]]


@dataclass(frozen=True)
class AsyncRequest:
    """One request: where its input lies, and where its answer will."""

    endpoint: str
    input_location: str
    """Empty, if the request has its input itself."""
    body: bytes
    content_type: str
    accept: str
    inference_id: str
    output_location: str
    failure_location: str
    received: str


class AsyncEndpoint:
    """Works off requests with the container, as many at once as one instance does."""

    def __init__(self, aws: Aws, configuration: AsyncConfiguration, ask: Ask) -> None:
        """`ask` has the container answer a request: it returns status, answer and content type."""
        self._aws = aws
        self._configuration = configuration
        self._ask = ask
        self._pool = ThreadPoolExecutor(configuration.requests_at_once, thread_name_prefix="asynchronous")
        self._lock = threading.Lock()
        self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """Number of requests that were accepted and not told of yet."""
        with self._lock:
            return self._unfinished

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> AsyncRequest:
        """Queue a request. Raises RefusedRequestError."""
        location = headers.get("X-Amzn-SageMaker-InputLocation", "")
        if bool(location) == bool(body):
            raise RefusedRequestError("Specify either InputLocation or Body, and not both.")
        if location and not LOCATION.fullmatch(location):
            raise RefusedRequestError(f"InputLocation {location} is not a valid S3 URI")
        if len(body) > MAX_BODY_BYTES:
            raise RefusedRequestError(f"Member must have length less than or equal to {MAX_BODY_BYTES}: body")
        name, failures = f"{uuid4()}", self._configuration.failure_location
        request = AsyncRequest(
            endpoint=endpoint,
            input_location=location,
            body=body,
            content_type=headers.get("X-Amzn-SageMaker-Content-Type", ""),
            accept=headers.get("X-Amzn-SageMaker-Accept", ""),
            inference_id=headers.get("X-Amzn-SageMaker-Inference-Id") or f"{uuid4()}",
            output_location=_below(self._configuration.output_location, f"{name}.out"),
            failure_location=_below(failures, f"{name}-error.out") if failures else "",
            received=now(),
        )
        with self._lock:
            self._unfinished += 1
        self._pool.submit(self._work_off, request)
        return request

    def close(self) -> None:
        """Begin no more requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work_off(self, request: AsyncRequest) -> None:
        try:
            failure, content_type = self._answered(request)
            topic = self._configuration.error_topic if failure else self._configuration.success_topic
            if topic:
                message = {"awsRegion": self._aws.region, **_notification(request, failure, content_type)}
                self._aws.sns.publish(TopicArn=topic, Message=json.dumps(message))
        except (BotoCoreError, ClientError):
            pass  # the emulator is gone: the run says so
        finally:
            with self._lock:
                self._unfinished -= 1

    def _answered(self, request: AsyncRequest) -> tuple[str, str]:
        """Put the container's answer to S3; return the reason of a failure, or nothing, and the content type."""
        try:
            body = self._read(request.input_location) if request.input_location else request.body
        except (ClientError, InputTooLargeError) as error:
            return f"ClientError: {error}", ""
        status, answer, content_type = self._ask(body, request.content_type)
        if status == 200:
            self._put(request.output_location, answer, content_type)
            return "", content_type
        if request.failure_location:
            self._put(request.failure_location, answer, content_type)
        side = "client" if status < 500 else "server"
        logs = "See the SageMaker Endpoint logs in your account for more information."
        return f"ClientError: Received {side} error ({status}) from model. {logs}", ""

    def _read(self, location: str) -> bytes:
        bucket, key = split_location(location)
        answer = self._aws.s3.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > MAX_INPUT_BYTES:
            answer["Body"].close()
            raise InputTooLargeError(f"{location} has {answer['ContentLength']} bytes, more than {MAX_INPUT_BYTES}")
        return answer["Body"].read()

    def _put(self, location: str, content: bytes, content_type: str) -> None:
        bucket, key = split_location(location)
        self._aws.s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)


def _block(value: Any) -> Attributes:
    """Return a block, which the state has in a list; an empty one, if there is none."""
    found: Attributes = value[0] if isinstance(value, list) and value else value or {}
    return found


def _below(location: str, name: str) -> str:
    return f"{location.rstrip('/')}/{name}"


def _notification(request: AsyncRequest, failure: str, content_type: str) -> dict[str, Any]:
    """Return SageMaker's message about a request that was answered, or failed."""
    about = {"accept": request.accept, "contentType": request.content_type, "endpointName": request.endpoint}
    parameters = {name: value for name, value in {**about, "inputLocation": request.input_location}.items() if value}
    answered = {"contentType": content_type, "outputLocation": request.output_location}
    outcome = {"failureReason": failure} if failure else {"responseParameters": answered}
    return {
        "eventTime": now(),
        "receivedTime": request.received,
        "invocationStatus": "Failed" if failure else "Completed",
        "requestParameters": parameters,
        **outcome,
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
