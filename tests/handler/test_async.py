"""Asynchronous endpoints: a record is submitted, and its result comes by notification."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from handler.index import BatchInference
from handler.notify import NotDeliveredError, Notifications
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request, service_error
from tests.handler.conftest import FakeContext, make_event, returned, texts

Build = Callable[..., BatchInference]
QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:work"


def _accept(request: Request) -> Answer:
    assert request.asynchronous
    id_ = request.sagemaker_headers["inference-id"]
    headers = {
        "X-Amzn-SageMaker-OutputLocation": f"s3://payloads/out/{id_}.out",
        "X-Amzn-SageMaker-FailureLocation": f"s3://payloads/failed/{id_}.out",
    }
    return Answer(status=202, body=json.dumps({"InferenceId": id_}).encode(), headers=headers)


@pytest.fixture
def submit(aws: LocalAws, inference: Build) -> Callable[..., BatchInference]:
    aws.endpoint = _accept

    def build(**changes: Any) -> BatchInference:
        return inference(asynchronous=True, async_input_location="s3://payloads/in/", **changes)

    return build


@pytest.fixture
def notifications(aws: LocalAws) -> Notifications:
    return Notifications(
        HandlerSettings(
            endpoint_name="dev-language",
            result_target=f"{aws.url}/123456789012/results",
            dead_letter_queue_url=f"{aws.url}/123456789012/dead",
            queue_url=f"{aws.url}/123456789012/work",
        )
    )


def _notification(**changes: Any) -> dict[str, Any]:
    message = {
        "inferenceId": "m0",
        "invocationStatus": "Completed",
        "requestParameters": {"endpointName": "dev-language", "inputLocation": "s3://payloads/in/m0"},
        "responseParameters": {"contentType": "application/json", "outputLocation": "s3://payloads/out/m0.out"},
        "eventName": "InferenceResult",
        **changes,
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


def test_inputs_go_to_s3_one_request_a_record(aws: LocalAws, submit: Build) -> None:
    assert returned(submit().process(make_event(texts(3)), FakeContext())) == []
    assert len(aws.requests) == 3
    assert all(request.body == b"" for request in aws.requests)
    assert {request.sagemaker_headers["inputlocation"] for request in aws.requests} == {
        f"s3://payloads/in/m{number}" for number in range(3)
    }
    assert json.loads(aws.objects["payloads/in/m1"]) == {"inputs": ["text 1"]}
    event = aws.results()["m1"]
    assert event["type"] == "sagemaker.inference.accepted"
    assert event["data"] == {
        "endpoint": "dev-language",
        "inputLocation": "s3://payloads/in/m1",
        "outputLocation": "s3://payloads/out/m1.out",
        "failureLocation": "s3://payloads/failed/m1.out",
    }


def test_small_inputs_travel_inline_where_asked(aws: LocalAws, submit: Build) -> None:
    bodies = [*texts(1), json.dumps({"inputs": "x" * 127_986}), json.dumps({"inputs": "x" * 127_985})]
    assert returned(submit(async_inline=True).process(make_event(bodies), FakeContext())) == []
    assert set(aws.objects) == {"payloads/in/m1"}
    assert sorted(len(request.body) for request in aws.requests) == [0, len('{"inputs":["text 0"]}'), 128_000]


def test_an_input_that_s3_does_not_take_is_returned(aws: LocalAws, submit: Build) -> None:
    aws.refuse_object = lambda method, name: service_error(503, "SlowDown") if name.endswith("m1") else None
    assert returned(submit().process(make_event(texts(2)), FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0"}


def test_a_notification_becomes_the_same_event_as_a_synchronous_result(
    aws: LocalAws, notifications: Notifications
) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    notifications.process(_notification(), FakeContext())
    event = aws.results()["m0"]
    assert (event["type"], event["source"]) == ("sagemaker.inference.result", QUEUE_ARN)
    assert event["data"] == {"endpoint": "dev-language", "result": {"label": "de"}}


def test_a_result_too_large_for_the_sink_stays_where_the_endpoint_put_it(
    aws: LocalAws, notifications: Notifications
) -> None:
    aws.objects["payloads/out/m0.out"] = json.dumps([{"label": "x" * 1_048_576}]).encode()
    notifications.process(_notification(), FakeContext())
    data = aws.results()["m0"]["data"]
    assert data == {"endpoint": "dev-language", "resultLocation": "s3://payloads/out/m0.out"}


@pytest.mark.parametrize(
    ("changes", "output", "reason", "detail"),
    [
        ({"invocationStatus": "Failed", "failureReason": "model said no"}, b"", "model-error", "model said no"),
        ({}, b"nonsense", "unprocessable", "s3://payloads/out/m0.out: the response is not JSON"),
    ],
)
def test_a_failure_is_dead_lettered_with_a_pointer_to_its_input(
    aws: LocalAws, notifications: Notifications, changes: dict[str, Any], output: bytes, reason: str, detail: str
) -> None:
    aws.objects["payloads/out/m0.out"] = output
    notifications.process(_notification(**changes), FakeContext())
    letter = aws.dead_letters()["m0"]
    assert letter["reason"] == reason
    assert letter["detail"].startswith(detail)
    assert json.loads(letter["body"]) == {"s3": "s3://payloads/in/m0"}


def test_what_no_sink_takes_is_notified_again(aws: LocalAws, notifications: Notifications) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    aws.refuse = lambda queue, entry: {"Code": "InternalError", "SenderFault": False}
    with pytest.raises(NotDeliveredError, match="1 of 1: InternalError"):
        notifications.process(_notification(), FakeContext())
