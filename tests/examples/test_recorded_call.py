"""The example with calls and a real WAV file: from the message by the example's own settings to the transcript."""

import io
import json
import wave
from collections.abc import Iterator

import pytest

from handler.batch import BatchInference
from handler.notify import Notifications
from handler.settings import HandlerSettings
from tests.examples.conftest import Example
from tests.examples.test_examples import environment
from tests.handler.aws import Answer, LocalAws, Request
from tests.handler.conftest import FakeContext, local_aws, make_event, returned

CALL = "s3://my-calls/incoming/4711.wav"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with local_aws(monkeypatch) as local:
        yield local


def settings_of(example: Example, aws: LocalAws, function: str) -> HandlerSettings:
    """Return what the function reads, with queues of the test in the stead of Terraform's references."""
    queues = {name: f"{aws.url}/123456789012/{queue}" for name, queue in QUEUES.items()}
    variables = environment(example("async_scale_to_zero"), function)
    return HandlerSettings.from_environment({**variables, **queues, "RESULT_TARGET": "transcripts"})


QUEUES = {"QUEUE_URL": "work", "DEAD_LETTER_QUEUE_URL": "dead"}


def recording() -> bytes:
    """Return three seconds of silence, in stereo."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0" * 4 * 8000 * 3)
    return file.getvalue()


def whisper(aws: LocalAws, request: Request) -> Answer:
    """Answer as the endpoint does, whose container reads the object that the request names."""
    location = request.sagemaker_headers["inputlocation"]
    assert (request.asynchronous, request.sagemaker_headers["content-type"]) == (True, "audio/wav")
    with wave.open(io.BytesIO(aws.objects[location.removeprefix("s3://")])) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    aws.objects["my-calls/answers/1.out"] = json.dumps({"text": "", "seconds": seconds}).encode()
    headers = {"X-Amzn-SageMaker-OutputLocation": "s3://my-calls/answers/1.out"}
    return Answer(status=202, body=b'{"InferenceId": "m0"}', headers=headers)


def test_a_call_is_transcribed_where_it_lies(example: Example, aws: LocalAws) -> None:
    aws.objects["my-calls/incoming/4711.wav"] = recording()
    aws.content_types["my-calls/incoming/4711.wav"] = "audio/wav"
    aws.endpoint = lambda request: whisper(aws, request)
    handler = BatchInference(settings_of(example, aws, "transcripts_function"))
    assert returned(handler.process(make_event([json.dumps({"s3": CALL})]), FakeContext())) == []
    message = {
        "inferenceId": "m0",
        "invocationStatus": "Completed",
        "requestParameters": {"endpointName": "calls-transcripts", "inputLocation": CALL},
        "responseParameters": {"contentType": "application/json", "outputLocation": "s3://my-calls/answers/1.out"},
    }
    notifications = Notifications(settings_of(example, aws, "notify_function"))
    notifications.process({"Records": [{"Sns": {"Message": json.dumps(message)}}]}, FakeContext())
    accepted, result = (json.loads(entry["Detail"]) for entry in aws.queues["transcripts"])
    assert accepted["data"]["inputLocation"] == CALL
    assert result["data"] == {
        "endpoint": "calls-transcripts",
        "inputLocation": CALL,
        "result": {"text": "", "seconds": 3.0},
    }
    assert aws.objects.keys() == {"my-calls/incoming/4711.wav", "my-calls/answers/1.out"}  # no copy


def test_pictures_by_their_notifications_are_the_endpoint_s_input(example: Example) -> None:
    variables = environment(example("images_from_s3"), "function")
    assert (variables["ENVELOPE"], variables["CODEC"]) == ("s3", "single")
    stack = example("images_from_s3")
    (statement,) = stack.policies("function")["read-inputs"]
    assert [stack.readable(resource) for resource in statement["Resource"]] == [
        "arn:PARTITION:s3:::shop-pictures/uploads/*"
    ]
