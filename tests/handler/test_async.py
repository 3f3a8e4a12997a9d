"""Asynchronous endpoints: a record is submitted, and its result comes by notification."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from handler import notify
from handler.batch import BatchInference
from handler.codecs import Codec, Item
from handler.codecs.json_formats import SingleCodec
from handler.entry import once_a_sandbox
from handler.notify import NotDeliveredError, Notifications
from handler.settings import CODECS, HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request, service_error
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, each, make_event, outcomes, returned, texts

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
        locations = {"request_location": "s3://payloads/in/", "output_location": "s3://payloads/out/"}
        return inference(asynchronous=True, **locations, **changes)

    return build


@pytest.fixture
def notifications(aws: LocalAws) -> Notifications:
    return Notifications(
        HandlerSettings(
            endpoint_name="dev-language",
            result_target=f"{aws.url}/123456789012/results",
            dead_letter_queue_url=f"{aws.url}/123456789012/dead",
            queue_url=f"{aws.url}/123456789012/work",
            asynchronous=True,
            request_location="s3://payloads/in/",
            output_location="s3://payloads/out/",
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
    assert outcomes(aws, submit(), make_event(texts(3))) == each(range(3), SUCCEEDED)
    assert len(aws.requests) == 3
    assert all(request.body == b"" for request in aws.requests)
    assert {request.sagemaker_headers["inputlocation"] for request in aws.requests} == {
        f"s3://payloads/in/m{number}" for number in range(3)
    }
    assert json.loads(aws.objects["payloads/in/m1"]) == {"inputs": ["text 1"]}
    event = aws.results()["m1/accepted"]
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


def test_a_record_over_the_limit_is_dead_lettered_before_anything_is_put(aws: LocalAws, submit: Build) -> None:
    bodies = [json.dumps({"inputs": "x" * 86}), json.dumps({"inputs": "x" * 87})]
    assert returned(submit(max_request_bytes=101).process(make_event(bodies), FakeContext())) == []
    assert set(aws.objects) == {"payloads/in/m0"}
    letter = aws.dead_letters()["m1"]
    assert (letter["reason"], letter["body"]) == ("too-large", bodies[1])
    assert letter["detail"] == "the record alone makes a request of 102 bytes, the limit is 101"


class Understating(SingleCodec):
    def encode(self, items: Sequence[Item]) -> bytes:
        return super().encode(items) + b" " * 100


def understating(settings: HandlerSettings) -> Codec:
    return Understating()


def test_a_request_that_came_out_over_the_limit_is_dead_lettered_too(aws: LocalAws, submit: Build) -> None:
    handler = submit(max_request_bytes=100, codec=f"{__name__}:understating")
    assert returned(handler.process(make_event(["a"]), FakeContext())) == []
    assert aws.objects == {}
    letter = aws.dead_letters()["m0"]
    assert (letter["reason"], letter["detail"]) == ("too-large", "the request has 101 bytes, the limit is 100")


BODIES = {
    "huggingface": '{"inputs": "a", "parameters": {"k": 1}}',
    "instances": "[1, 2.50]",
    "jsonlines": '{"a": 1}',
    "csv": "1,2,3",
    "csv-row": "1,2,3",
    "kserve": '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}',
    "single": '{"any": "thing"}',
    "chat": '{"prompt": "a"}',
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("location", ["", "s3://payloads/large/"])
def test_a_redriven_dead_letter_is_submitted_as_the_request_it_was(
    aws: LocalAws, submit: Build, notifications: Notifications, codec: str, location: str
) -> None:
    handler = submit(codec=codec, input_location=location, max_request_bytes=200)
    handler.process(make_event([BODIES[codec]]), FakeContext())
    request = aws.objects["payloads/in/m0"]
    notifications.process(_notification(invocationStatus="Failed"), FakeContext())
    event = make_event([aws.dead_letters()["m0"]["body"], BODIES[codec]])
    event["Records"][0]["messageId"] = "redriven"

    def no_object(method: str, name: str) -> Answer | None:
        return None if (method, name) == ("PUT", "payloads/in/m1") else service_error(403, "AccessDenied")

    aws.refuse_object = no_object  # a redriven dead letter needs no object to be read or put
    assert returned(handler.process(event, FakeContext())) == []
    assert aws.objects["payloads/in/m0"] == aws.objects["payloads/in/m1"] == request
    submitted = {sent.sagemaker_headers["inference-id"]: sent.sagemaker_headers for sent in aws.requests}
    assert submitted["redriven"]["inputlocation"] == "s3://payloads/in/m0"
    assert submitted["redriven"]["content-type"] == submitted["m1"]["content-type"]
    assert aws.results()["redriven/accepted"]["data"]["inputLocation"] == "s3://payloads/in/m0"


def test_a_pointer_to_anywhere_else_is_a_body_like_any_other(aws: LocalAws, submit: Build) -> None:
    bodies = ['{"s3": "s3://elsewhere/in/m0"}', r'{"s3": "s3://payloads/in/\x"}']
    assert returned(submit().process(make_event(bodies), FakeContext())) == []
    dead_letters = aws.dead_letters()
    assert {id_: letter["reason"] for id_, letter in dead_letters.items()} == {"m0": "malformed", "m1": "malformed"}


def test_an_input_that_s3_does_not_take_is_returned(aws: LocalAws, submit: Build) -> None:
    aws.refuse_object = lambda method, name: service_error(503, "SlowDown") if name.endswith("m1") else None
    assert returned(submit().process(make_event(texts(2)), FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0/accepted"}


def test_acceptance_and_result_are_events_of_their_own(
    aws: LocalAws, submit: Build, notifications: Notifications
) -> None:
    submit().process(make_event(texts(1)), FakeContext())
    aws.objects["payloads/out/m0.out"] = b'[{"label": "x"}]'
    notifications.process(_notification(), FakeContext())
    events = aws.results()
    assert {id_: (event["type"], event["subject"]) for id_, event in events.items()} == {
        "m0/accepted": ("sagemaker.inference.accepted", "m0"),
        "m0": ("sagemaker.inference.result", "m0"),
    }


@pytest.mark.parametrize("key", ["\\ud800", "\\u65e5", "a\\nb"])
def test_a_pointer_that_no_request_can_hold_is_dead_lettered_and_its_neighbours_go_on(
    aws: LocalAws, submit: Build, key: str
) -> None:
    event = make_event([*texts(1), f'{{"s3": "s3://payloads/in/{key}"}}'])
    assert returned(submit().process(event, FakeContext())) == []
    assert set(aws.results()) == {"m0/accepted"}
    assert aws.dead_letters()["m1"]["reason"] == "malformed"


def test_a_redriven_request_that_is_gone_is_not_taken_for_a_wrong_deployment(aws: LocalAws, submit: Build) -> None:
    accepted = aws.endpoint

    def endpoint(request: Request) -> Answer:
        if request.sagemaker_headers.get("inputlocation", "").endswith("gone"):
            return service_error(400, "ValidationError", "Could not access the object")
        return accepted(request)

    aws.endpoint = endpoint
    event = make_event([*texts(1), '{"s3": "s3://payloads/in/gone"}'])
    assert returned(submit().process(event, FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0/accepted"}


def test_an_instance_may_work_on_a_request_for_as_long_as_is_set(aws: LocalAws, submit: Build) -> None:
    assert outcomes(aws, submit(async_invocation_seconds=3600), make_event(texts(1))) == each(range(1), SUCCEEDED)
    (request,) = aws.requests
    assert request.sagemaker_headers["invocationtimeoutseconds"] == "3600"


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


def test_an_answer_too_large_to_hold_stays_where_it_is_whatever_the_sink_takes(
    aws: LocalAws,
) -> None:
    settings = HandlerSettings(
        endpoint_name="dev-language",
        result_sink="s3",
        result_target="s3://payloads/results/",
        dead_letter_queue_url=f"{aws.url}/123456789012/dead",
        queue_url=f"{aws.url}/123456789012/work",
        asynchronous=True,
        request_location="s3://payloads/in/",
    )
    aws.objects["payloads/out/m0.out"] = json.dumps([{"label": "x" * (notify.MAX_READ_BYTES + 1)}]).encode()
    Notifications(settings).process(_notification(), FakeContext())
    ((_, written),) = [(name, body) for name, body in aws.objects.items() if name.startswith("payloads/results/")]
    assert json.loads(written)["data"] == {
        "endpoint": "dev-language",
        "resultLocation": "s3://payloads/out/m0.out",
    }


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


def test_a_failure_of_an_inline_request_leaves_a_dead_letter_that_no_codec_accepts(
    aws: LocalAws, submit: Build, notifications: Notifications
) -> None:
    notifications.process(_notification(invocationStatus="Failed", requestParameters={}), FakeContext())
    letter = aws.dead_letters()["m0"]
    assert (letter["body"], letter["detail"]) == (" ", "the endpoint gave no reason")
    for codec in CODECS:
        aws.queues.clear()
        submit(codec=codec).process(make_event([letter["body"]]), FakeContext())
        assert aws.dead_letters()["m0"]["reason"] == "malformed"


@pytest.mark.parametrize("parameters", [["a list"], "a text", 7, None, {"inputLocation": ["s3://payloads/in/m0"]}])
def test_a_failure_whose_request_is_not_known_is_dead_lettered_and_the_others_leave(
    aws: LocalAws, notifications: Notifications, parameters: Any
) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    failed = _notification(inferenceId="m1", invocationStatus="Failed", requestParameters=parameters, failureReason=[1])
    notifications.process({"Records": [*failed["Records"], *_notification()["Records"]]}, FakeContext())
    letter = aws.dead_letters()["m1"]
    assert (letter["body"], letter["reason"], letter["detail"]) == (" ", "model-error", "[1]")
    assert set(aws.results()) == {"m0"}


@pytest.mark.parametrize("location", ["s3://payloads/in/m0", "s3://payloads/out", "s3://other/out/m0.out", "m0.out"])
def test_an_answer_that_is_not_at_the_output_location_is_not_read(
    aws: LocalAws, notifications: Notifications, location: str
) -> None:
    aws.objects[location.removeprefix("s3://")] = b'[{"label": "de"}]'
    with pytest.raises(NotDeliveredError) as raised:
        notifications.process(_notification(responseParameters={"outputLocation": location}), FakeContext())
    text = f"{location} is not below s3://payloads/out/"
    assert str(raised.value) == f"1 of 1: a notification is not this endpoint's: {text}"
    assert aws.results() == {}


@pytest.mark.parametrize("record", [None, [], {"Sns": "text"}, {"Sns": {"Message": None}}, {"Sns": {"Message": {}}}])
def test_what_is_no_notification_is_raised_and_the_others_leave(
    aws: LocalAws, notifications: Notifications, record: Any
) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    with pytest.raises(NotDeliveredError, match="its message is not a JSON object"):
        notifications.process({"Records": [record, *_notification()["Records"]]}, FakeContext())
    assert set(aws.results()) == {"m0"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello", "its message is not a JSON object"),
        ("[1]", "its message is not a JSON object"),
        ('{"a": 1}', "its message has no inferenceId, invocationStatus"),
        (
            '{"inferenceId": "m1", "invocationStatus": "Completed", "responseParameters": null}',
            "its message has no responseParameters.outputLocation",
        ),
    ],
)
def test_a_notification_that_can_t_be_understood_is_raised_and_the_others_leave(
    aws: LocalAws, notifications: Notifications, message: str, text: str
) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    event = {"Records": [{"Sns": {"Message": message}}, *_notification()["Records"]]}
    with pytest.raises(NotDeliveredError) as raised:
        notifications.process(event, FakeContext())
    assert str(raised.value) == f"1 of 2: a notification is not SageMaker's: {text}"
    assert set(aws.results()) == {"m0"}


def test_an_output_that_can_t_be_read_now_is_notified_again(aws: LocalAws, notifications: Notifications) -> None:
    with pytest.raises(NotDeliveredError, match=r"1 of 1: .*NoSuchKey"):
        notifications.process(_notification(), FakeContext())
    assert aws.queues == {}


def test_a_notification_delivered_twice_is_sent_twice_under_the_same_id(
    aws: LocalAws, notifications: Notifications
) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    for _ in range(2):
        notifications.process(_notification(), FakeContext())
        notifications.process(_notification(invocationStatus="Failed"), FakeContext())
    assert [json.loads(sent["MessageBody"])["id"] for sent in aws.queues["results"]] == ["m0", "m0"]
    dead_letters = [sent["MessageAttributes"]["sourceMessageId"]["StringValue"] for sent in aws.queues["dead"]]
    assert dead_letters == ["m0", "m0"]


def test_the_entry_point_reads_the_environment(
    aws: LocalAws, notifications: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in notifications._settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(notify, "_notifications", once_a_sandbox(Notifications))
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    notify.handler(_notification(), FakeContext())
    assert set(aws.results()) == {"m0"}


def test_what_no_sink_takes_is_notified_again(aws: LocalAws, notifications: Notifications) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"label": "de"}]'
    aws.refuse = lambda queue, entry: {"Code": "InternalError", "SenderFault": False}
    with pytest.raises(NotDeliveredError, match="1 of 1: InternalError"):
        notifications.process(_notification(), FakeContext())
