"""An asynchronous endpoint refuses what SageMaker refuses, and tells of each request that is answered or has failed."""

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from local.asynchronous import MAX_INPUT_BYTES, AsyncConfiguration, AsyncEndpoint
from local.endpoint import Account, EndpointServer
from tests.local.conftest import runtime_client

SECONDS = 10


class Storage:
    """S3 and SNS, as far as the endpoint calls them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.region = "eu-central-1"
        self.s3 = self.sns = self

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        name = f"{Bucket}/{Key}"
        if name not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "there is none"}}, "GetObject")
        content = self.objects[name]
        size = self.sizes.get(name, len(content))
        return {"ContentLength": size, "Body": StreamingBody(io.BytesIO(content), len(content))}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        self.objects[f"{Bucket}/{Key}"] = Body

    def publish(self, *, TopicArn: str, Message: str) -> None:  # noqa: N803
        self.messages.append((TopicArn, json.loads(Message)))

    def told(self) -> tuple[str, dict[str, Any]]:
        """Return the next message, and its topic."""
        until = time.monotonic() + SECONDS
        while not self.messages:
            assert time.monotonic() < until, "no topic was told"
            time.sleep(0.01)
        return self.messages.pop(0)


class Upper:
    name = "upper"

    def count(self, body: bytes) -> int:
        return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        if not body:
            raise ValueError("nothing to do")
        return body.upper(), "text/plain"


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def client(storage: Storage) -> Iterator[Any]:
    configuration = AsyncConfiguration("s3://calls/answers/", "s3://calls/failures/", "success", "error", 2)
    with EndpointServer(Upper()) as server:
        server.account = Account("123456789012", "eu-central-1", {"calls"}, authorize=lambda: None)
        server.asynchronous = AsyncEndpoint(storage, configuration, server.ask)  # type: ignore[arg-type]
        with runtime_client(server) as client:
            yield client


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(EndpointName="calls", **arguments)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_an_answer_is_put_to_s3_and_told_of(client: Any, storage: Storage) -> None:
    storage.objects["calls/incoming/a b.txt"] = b"hello"
    accepted = client.invoke_endpoint_async(
        EndpointName="calls", InputLocation="s3://calls/incoming/a b.txt", InferenceId="m1", ContentType="text/plain"
    )
    assert accepted["InferenceId"] == "m1"
    topic, message = storage.told()
    assert (topic, message["invocationStatus"], message["inferenceId"]) == ("success", "Completed", "m1")
    assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]
    assert storage.objects[accepted["OutputLocation"].removeprefix("s3://")] == b"HELLO"


@pytest.mark.parametrize(
    ("name", "content", "size", "reason"),
    [
        (
            "none",
            None,
            0,
            "ClientError: An error occurred (NoSuchKey) when calling the GetObject operation: there is none",
        ),
        (
            "huge",
            b"x",
            MAX_INPUT_BYTES + 1,
            "ClientError: s3://calls/incoming/huge has 1073741825 bytes, more than 1073741824",
        ),
        (
            "empty",
            b"",
            0,
            "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for "
            "more information.",
        ),
    ],
)
def test_a_request_that_fails_is_told_of_with_its_reason(
    client: Any, storage: Storage, name: str, content: bytes | None, size: int, reason: str
) -> None:
    if content is not None:
        storage.objects[f"calls/incoming/{name}"], storage.sizes[f"calls/incoming/{name}"] = content, size
    accepted = client.invoke_endpoint_async(EndpointName="calls", InputLocation=f"s3://calls/incoming/{name}")
    topic, message = storage.told()
    assert (topic, message["invocationStatus"], message["failureReason"]) == ("error", "Failed", reason)
    assert "responseParameters" not in message
    assert accepted["OutputLocation"].removeprefix("s3://") not in storage.objects


def test_what_sagemaker_refuses_is_refused(client: Any) -> None:
    asynchronous = client.invoke_endpoint_async
    neither = "ValidationError: Specify either InputLocation or Body, and not both."
    assert refusal(asynchronous) == neither
    assert refusal(asynchronous, InputLocation="s3://calls/a", Body=b"a") == neither
    no_key = refusal(asynchronous, InputLocation="s3://calls/")
    assert no_key == "ValidationError: InputLocation s3://calls/ is not a valid S3 URI"
    long = refusal(asynchronous, Body=b"x" * 128_001)
    assert long == "ValidationError: Member must have length less than or equal to 128000: body"
    other = refusal(client.invoke_endpoint, Body=b"a")
    assert other == "ValidationError: Endpoint calls of account 123456789012 does not support this inference type."
