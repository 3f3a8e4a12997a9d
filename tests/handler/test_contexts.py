"""Asynchronous endpoints: whose message it was is kept on S3 beside the request, for the notification's function."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handler.batch import BatchInference
from handler.notify import NotDeliveredError, Notifications
from handler.settings import HandlerSettings
from tests.handler.aws import LocalAws, service_error
from tests.handler.conftest import Build, Event, FakeContext, make_event, returned, serve_table
from tests.handler.test_async import _accept, _notification

PLACES: dict[str, Any] = {
    "asynchronous": True,
    "request_location": "s3://payloads/in/",
    "output_location": "s3://payloads/out/",
    "input_location": "s3://payloads/inputs/",
}
IDENTITY: dict[str, Any] = {
    "correlation": "/orderId",
    "pass_attributes": ("tenant", "signature"),
    "keep_members": ("meta",),
    "pass_message_group": True,
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BODY = json.dumps({"inputs": "a", "orderId": 17, "meta": {"x": 1}})


@pytest.fixture
def submit(aws: LocalAws, inference: Build) -> Callable[..., BatchInference]:
    aws.endpoint = _accept
    return lambda **changes: inference(**{**PLACES, **IDENTITY, **changes})


@pytest.fixture
def notify(aws: LocalAws) -> Callable[..., None]:
    settings = HandlerSettings(
        endpoint_name="dev-language",
        result_target=f"{aws.url}/123456789012/results",
        dead_letter_queue_url=f"{aws.url}/123456789012/dead",
        queue_url=f"{aws.url}/123456789012/work",
        **PLACES,
        **IDENTITY,
    )

    def run(id_: str = "m0", request: str = "s3://payloads/in/m0", **changes: Any) -> None:
        aws.objects[f"payloads/out/{id_}.out"] = b'[{"label": "de"}]'
        message = _notification(
            inferenceId=id_,
            requestParameters={"inputLocation": request} if request else {},
            responseParameters={"outputLocation": f"s3://payloads/out/{id_}.out"},
            **changes.pop("message", {}),
        )
        Notifications(replace(settings, **changes)).process(message, FakeContext())

    return run


def sent(body: str = BODY) -> Event:
    event = make_event([body])
    record = event["Records"][0]
    record["attributes"] |= {"MessageGroupId": "acme", "AWSTraceHeader": "Root=1-5759e988"}
    record["messageAttributes"] = {
        "tenant": {"stringValue": "acme", "dataType": "String.id"},
        "signature": {"binaryValue": "AP8=", "dataType": "Binary"},
        "traceparent": {"stringValue": TRACEPARENT, "dataType": "String"},
    }
    return event


def test_the_result_of_a_notification_is_of_its_message(
    aws: LocalAws, submit: Build, notify: Callable[..., None]
) -> None:
    assert returned(submit().process(sent(), FakeContext())) == []
    assert set(aws.objects) == {"payloads/in/m0", "payloads/in/m0.context.json"}
    assert aws.content_types["payloads/in/m0.context.json"] == "application/json"
    (accepted,) = aws.queues.pop("results")
    notify()
    (entry,) = aws.queues["results"]
    event = json.loads(entry["MessageBody"])
    assert event["data"] == {
        "endpoint": "dev-language",
        "meta": {"x": 1},
        "attributes": {"tenant": "acme", "signature": "AP8="},
        "result": {"label": "de"},
    }
    told = {name: event[name] for name in ("id", "subject", "messagegroupid", "traceparent")}
    assert told == {"id": "m0", "subject": "17", "messagegroupid": "acme", "traceparent": TRACEPARENT}
    for name in ("MessageAttributes", "MessageGroupId", "MessageSystemAttributes"):
        assert entry[name] == accepted[name], f"{name} differs from that of the event that it was accepted"
    assert entry["MessageAttributes"]["tenant"]["DataType"] == "String.id"


def test_so_is_the_dead_letter_of_a_failed_inference(aws: LocalAws, submit: Build, notify: Callable[..., None]) -> None:
    submit().process(sent(), FakeContext())
    notify(message={"invocationStatus": "Failed", "failureReason": "no"})
    (letter,) = aws.queues["dead"]
    assert letter["MessageAttributes"]["signature"] == {"DataType": "Binary", "BinaryValue": "AP8="}
    assert letter["MessageGroupId"] == "acme"


def test_redriven_it_is_still_the_same_message_s(aws: LocalAws, submit: Build, notify: Callable[..., None]) -> None:
    handler = submit()
    handler.process(sent(), FakeContext())
    contexts = aws.objects["payloads/in/m0.context.json"]
    redriven = make_event(['{"s3": "s3://payloads/in/m0"}'])
    redriven["Records"][0]["messageId"] = "redriven"
    handler.process(redriven, FakeContext())
    assert aws.objects["payloads/in/m0.context.json"] == contexts
    aws.queues.clear()
    notify("redriven", "s3://payloads/in/m0")
    event = aws.results()["redriven"]
    assert (event["subject"], event["data"]["meta"], event["messagegroupid"]) == ("17", {"x": 1}, "acme")


@pytest.mark.parametrize(
    ("settings", "body", "request_"),
    [
        ({"async_inline": True}, BODY, ""),
        ({}, '{"s3": "s3://payloads/inputs/a.wav", "orderId": 17, "meta": {"x": 1}}', "s3://payloads/inputs/a.wav"),
    ],
    ids=["inline", "an object where it lies"],
)
def test_without_a_request_of_the_handlers_own_the_context_is_by_id(
    aws: LocalAws, submit: Build, notify: Callable[..., None], settings: dict[str, Any], body: str, request_: str
) -> None:
    aws.objects["payloads/inputs/a.wav"] = b"RIFF"
    submit(**settings).process(sent(body), FakeContext())
    aws.queues.clear()
    notify(request=request_)
    event = aws.results()["m0"]
    assert (event["subject"], event["data"]["meta"]) == ("17", {"x": 1})


@pytest.mark.parametrize("content", [None, b"[]", b"{", b'{"unknown": 1}', b"\xff"])
def test_a_context_that_is_gone_or_none_takes_no_result_with_it(
    aws: LocalAws, notify: Callable[..., None], caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    if content is not None:
        aws.objects["payloads/in/m0.context.json"] = content
    with caplog.at_level(logging.WARNING, "handler"):
        notify()
    assert aws.results()["m0"]["subject"] == "m0"
    assert "no context of a record: s3://payloads/in/m0.context.json: " in caplog.text


def test_one_that_may_not_be_listed_counts_as_gone_and_one_that_fails_comes_again(
    aws: LocalAws, notify: Callable[..., None]
) -> None:
    answers = [service_error(403, "AccessDenied"), service_error(503, "SlowDown")]
    aws.refuse_object = lambda method, name: answers.pop(0) if "context" in name else None
    notify()
    assert set(aws.results()) == {"m0"}
    with pytest.raises(NotDeliveredError, match=r"^1 of 1: s3://payloads/in/m0.context.json: .*SlowDown"):
        notify()
    assert len(aws.queues["results"]) == 1


def test_what_is_kept_may_be_too_large_for_the_sink(aws: LocalAws, submit: Build, notify: Callable[..., None]) -> None:
    submit().process(sent(json.dumps({"inputs": "a", "orderId": 17, "meta": "x" * 262_144})), FakeContext())
    aws.queues.clear()
    notify(result_sink="sns", result_target="arn:aws:sns:eu-central-1:123456789012:results")
    (letter,) = aws.queues["dead"]
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "result-too-large"


def test_with_keys_requests_are_named_by_them_and_a_redriven_one_keeps_its_id(
    aws: LocalAws, submit: Build, notify: Callable[..., None]
) -> None:
    table = serve_table(aws)
    handler = submit(idempotency_table="t", idempotency_key="correlation")
    for id_ in ("m0", "sent-again"):
        event = sent()
        event["Records"][0]["messageId"] = id_
        handler.process(event, FakeContext())
    (key,) = table
    assert [request.sagemaker_headers["inference-id"] for request in aws.requests] == [key]
    assert f"payloads/in/{key}" in aws.objects
    table.clear()  # the inference has failed, and its dead letter is redriven
    redriven = make_event([json.dumps({"s3": f"s3://payloads/in/{key}"})])
    redriven["Records"][0]["messageId"] = "redriven"
    handler.process(redriven, FakeContext())
    assert [request.sagemaker_headers["inference-id"] for request in aws.requests] == [key, key]
    aws.queues.clear()
    notify(key, f"s3://payloads/in/{key}")
    assert aws.results()[key]["subject"] == "17"


def test_a_message_that_has_nothing_of_it_has_an_empty_context(
    aws: LocalAws, submit: Build, notify: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    submit().process(make_event(['{"inputs": "a"}']), FakeContext())
    assert aws.objects["payloads/in/m0.context.json"] == b"{}"
    aws.queues.clear()
    notify()
    assert aws.results()["m0"]["subject"] == "m0"
    assert "no context" not in caplog.text


def test_without_a_setting_nothing_is_put_and_nothing_read(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _accept
    inference(**PLACES).process(sent(), FakeContext())
    assert set(aws.objects) == {"payloads/in/m0"}
