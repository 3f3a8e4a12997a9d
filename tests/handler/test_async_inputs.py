"""Objects that messages point to, with an asynchronous endpoint: they are submitted where they lie."""

import io
import json
import wave
from typing import Any

import pytest

from handler.batch import BatchInference
from handler.notify import Notifications
from handler.records import UnexpectedEventError
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned,
    texts,
)
from tests.handler.test_async import _accept, _notification
from tests.handler.test_envelopes import extended, s3, sns

LOCATIONS: dict[str, Any] = {
    "request_location": "s3://payloads/in/",
    "output_location": "s3://payloads/out/",
    "input_location": "s3://calls/incoming/",
}


def wav() -> bytes:
    """Return a tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 800)
    return file.getvalue()


@pytest.fixture
def submit(aws: LocalAws, inference: Build) -> Build:
    aws.endpoint = _accept
    aws.objects["calls/incoming/4711.wav"] = wav()
    aws.content_types["calls/incoming/4711.wav"] = "audio/wav"

    def build(**changes: Any) -> BatchInference:
        return inference(asynchronous=True, **{"codec": "single", **LOCATIONS, **changes})

    return build


@pytest.fixture
def notifications(aws: LocalAws) -> Notifications:
    queues = {name: f"{aws.url}/123456789012/{name}" for name in ("results", "dead", "work")}
    return Notifications(
        HandlerSettings(
            endpoint_name="dev-language",
            result_target=queues["results"],
            dead_letter_queue_url=queues["dead"],
            queue_url=queues["work"],
            asynchronous=True,
            **LOCATIONS,
        )
    )


POINTER = '{"s3": "s3://calls/incoming/4711.wav"}'


HEAD = "HEAD calls/incoming/4711.wav"
NOTIFICATION = s3("incoming/4711.wav", bucket="calls")


@pytest.mark.parametrize(
    ("body", "envelope", "expected"),
    [
        (POINTER, "refuse", [HEAD]),
        (NOTIFICATION, "s3", [HEAD]),
        # What may be a CloudEvent has an identity of its own, which waits beside the request.
        (NOTIFICATION, "auto", [HEAD, "PUT payloads/in/m0.context.json"]),
    ],
)
@pytest.mark.parametrize("codec", ["single", "huggingface", "csv"])
def test_an_object_is_submitted_where_it_lies_with_its_type(
    aws: LocalAws, submit: Build, body: str, envelope: str, expected: list[str], codec: str
) -> None:
    calls: list[str] = []
    aws.refuse_object = lambda method, name: calls.append(f"{method} {name}")
    assert outcomes(aws, submit(envelope=envelope, codec=codec), make_event([body])) == each([0], SUCCEEDED)
    assert calls == expected
    (request,) = aws.requests
    assert request.sagemaker_headers["inputlocation"] == "s3://calls/incoming/4711.wav"
    assert request.sagemaker_headers["content-type"] == "audio/wav"
    assert request.sagemaker_headers["inference-id"] == "m0"
    assert aws.results()["m0/accepted"]["data"]["inputLocation"] == "s3://calls/incoming/4711.wav"


def test_an_object_without_a_type_has_the_codec_s(aws: LocalAws, submit: Build) -> None:
    del aws.content_types["calls/incoming/4711.wav"]
    submit().process(make_event([POINTER]), FakeContext())
    assert aws.requests[0].sagemaker_headers["content-type"] == "application/json"


def test_the_result_names_the_object(aws: LocalAws, notifications: Notifications) -> None:
    aws.objects["payloads/out/m0.out"] = b'[{"text": "hello"}]'
    parameters = {"endpointName": "dev-language", "inputLocation": "s3://calls/incoming/4711.wav"}
    notifications.process(_notification(requestParameters=parameters), FakeContext())
    assert aws.results()["m0"]["data"] == {
        "endpoint": "dev-language",
        "inputLocation": "s3://calls/incoming/4711.wav",
        "result": {"text": "hello"},
    }


def test_a_large_answer_s_event_names_the_object_too(aws: LocalAws, notifications: Notifications) -> None:
    aws.objects["payloads/out/m0.out"] = json.dumps([{"label": "x" * 1_048_576}]).encode()
    parameters = {"endpointName": "dev-language", "inputLocation": "s3://calls/incoming/4711.wav"}
    notifications.process(_notification(requestParameters=parameters), FakeContext())
    assert aws.results()["m0"]["data"] == {
        "endpoint": "dev-language",
        "inputLocation": "s3://calls/incoming/4711.wav",
        "resultLocation": "s3://payloads/out/m0.out",
    }


def test_the_dead_letter_of_a_failed_inference_is_submitted_again(
    aws: LocalAws, submit: Build, notifications: Notifications
) -> None:
    parameters = {"endpointName": "dev-language", "inputLocation": "s3://calls/incoming/4711.wav"}
    failed = _notification(invocationStatus="Failed", requestParameters=parameters)
    notifications.process(failed, FakeContext())
    body = aws.dead_letters()["m0"]["body"]
    assert outcomes(aws, submit(envelope="s3"), make_event([body])) == each([0], SUCCEEDED)
    assert aws.requests[0].sagemaker_headers["content-type"] == "audio/wav"


@pytest.mark.parametrize(
    ("key", "reason", "detail"),
    [
        ("other/a", "malformed", "s3://calls/other/a is not below s3://calls/incoming/"),
        ("incoming/日本.wav", "malformed", r"'s3://calls/incoming/\u65e5\u672c.wav' can't be named in a request"),
        (
            "incoming/a.gz",
            "malformed",
            "s3://calls/incoming/a.gz is compressed, and asynchronous endpoints get it as it lies there",
        ),
        (
            "incoming/huge",
            "too-large",
            "s3://calls/incoming/huge has 1073741825 bytes, asynchronous endpoints take 1073741824",
        ),
        (
            "incoming/gone",
            "input-unavailable",
            "s3://calls/incoming/gone: An error occurred (404) when calling the HeadObject operation: Not Found",
        ),
    ],
)
def test_an_object_that_can_t_be_submitted_is_dead_lettered_and_its_neighbours_go_on(
    aws: LocalAws, submit: Build, key: str, reason: str, detail: str
) -> None:
    aws.objects |= {"calls/incoming/a.gz": b"", "calls/incoming/huge": b""}
    aws.encodings["calls/incoming/a.gz"] = "gzip"
    sizes = {"calls/incoming/huge": Answer(headers={"Content-Length": str(1024**3 + 1)})}
    aws.refuse_object = lambda method, name: sizes.get(name)
    pointer = json.dumps({"s3": f"s3://calls/{key}"})
    found = outcomes(aws, submit(), make_event(["{}", pointer, POINTER], receive_count=5))
    assert found == {**each([0, 2], SUCCEEDED), **each([1], dead_lettered(reason))}
    assert aws.dead_letters()["m1"]["detail"] == detail


def test_a_notification_of_a_request_of_ours_is_not_scored_again(aws: LocalAws, submit: Build) -> None:
    """As they come if the whole bucket's notifications go to the queue."""
    keys = ["in/m0", "inputs/a"]
    bodies = [s3(keys[0]), sns(s3(*keys)), '{"s3": "s3://payloads/in/m0"}']
    found = outcomes(aws, submit(envelope="auto"), make_event(bodies))
    assert found == {**each([0, 1], dead_lettered("malformed")), **each([2], SUCCEEDED)}
    assert {letter["detail"] for letter in aws.dead_letters().values()} == {
        "s3://payloads/in/m0 is a request that was put here, and no input"
    }


def test_an_object_of_50_mb_is_submitted_whatever_a_request_may_have(aws: LocalAws, submit: Build) -> None:
    sizes = {"calls/incoming/4711.wav": Answer(headers={"Content-Length": "50000000"})}
    aws.refuse_object = lambda method, name: sizes.get(name)
    assert outcomes(aws, submit(max_request_bytes=1000), make_event([POINTER])) == each([0], SUCCEEDED)


def test_a_body_of_the_extended_client_is_encoded_and_put(aws: LocalAws, submit: Build) -> None:
    aws.objects["payloads/large/a"] = texts(1)[0].encode()
    handler = submit(codec="huggingface", envelope="extended-client", input_location="s3://payloads/large/")
    assert outcomes(aws, handler, make_event([extended("large/a")])) == each([0], SUCCEEDED)
    assert json.loads(aws.objects["payloads/in/m0"]) == {"inputs": ["text 0"]}


def test_an_object_that_s3_does_not_tell_of_comes_again(aws: LocalAws, submit: Build) -> None:
    aws.refuse_object = lambda method, name: service_error(503, "SlowDown") if method == "HEAD" else None
    assert returned(submit().process(make_event([*texts(1), POINTER]), FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0/accepted"}


@pytest.mark.parametrize(
    ("event", "found"),
    [({"key1": "value1"}, "an object with key1"), ([], "a list"), ({"Records": 7}, "an object with Records")],
)
def test_an_event_without_notifications_is_named(notifications: Notifications, event: Any, found: str) -> None:
    with pytest.raises(UnexpectedEventError) as raised:
        notifications.process(event, FakeContext())
    expected = 'the function expects notifications of an SNS topic, {"Records": [{"Sns": …}]}, and got '
    assert str(raised.value) == expected + found
