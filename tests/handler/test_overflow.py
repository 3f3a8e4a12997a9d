"""Results over the sink's limit: to the overflow location, or dead-lettered without one."""

import json
import time

import pytest

from handler.settings import ConfigurationError
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
    without_request,
)
from tests.handler.sinks import (
    SINKS,
    SQS,
    Sink,
    grouped,
    one_large,
)


@SINKS
def test_with_an_overflow_location_a_result_over_the_limit_goes_there(
    aws: LocalAws, inference: Build, sink: Sink
) -> None:
    aws.endpoint = lambda request: one_large(sink)
    handler = inference(overflow_location="s3://my-results/large/", **sink.settings)
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert aws.objects == {"my-results/large/m0.json": json.dumps("x" * sink.limit).encode()}
    assert aws.content_types == {"my-results/large/m0.json": "application/json"}
    data = without_request(sink.events(aws)["m0"])["data"]
    assert data == {"endpoint": "dev-language", "resultLocation": "s3://my-results/large/m0.json"}
    assert sink.events(aws)["m1"]["data"]["result"] == "small"
    assert aws.dead_letters() == {}


def test_a_result_that_s3_refuses_is_put_again_and_then_its_record_is_returned(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: one_large(SQS)
    attempts: list[str] = []

    def refuse(method: str, name: str) -> Answer | None:
        attempts.append(name)
        return service_error(503, "SlowDown") if len(attempts) != 5 else None

    aws.refuse_object = refuse
    handler = inference(overflow_location="s3://my-results/large/")
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == ["m0"]
    assert set(aws.results()) == {"m1"}
    assert len(attempts) == 3
    assert len(aws.batches) == 1
    aws.queues.clear()
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert set(aws.results()) == {"m0", "m1"}


def test_several_results_are_put_to_s3_at_the_same_time(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * SQS.limit] * 4).encode())
    aws.refuse_object = lambda method, name: aws.objects.update({name: b""}) or Answer(delay_seconds=0.5)
    started = time.monotonic()
    handler = inference(overflow_location="s3://my-results/large/")
    assert outcomes(aws, handler, make_event(texts(4))) == each(range(4), SUCCEEDED)
    assert time.monotonic() - started < 1.5
    assert len(aws.objects) == len(aws.results()) == 4


def test_an_overflow_location_that_is_denied_blames_no_record(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: one_large(SQS)
    aws.refuse_object = lambda method, name: service_error(403, "AccessDenied")
    handler = inference(overflow_location="s3://my-results/large/")
    with pytest.raises(ConfigurationError, match=r"^s3://my-results/large/m0\.json: .*AccessDenied"):
        handler.process(make_event(texts(2)), FakeContext())


def test_a_result_on_s3_keeps_its_place_in_its_message_group(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: one_large(SQS)
    handler = inference(overflow_location="s3://my-results/large/")
    assert returned(handler.process(grouped(make_event(texts(2)), "AA"), FakeContext())) == []
    assert [json.loads(message["MessageBody"])["id"] for message in aws.queues["results"]] == ["m0", "m1"]


@SINKS
def test_a_result_over_the_limit_is_dead_lettered_with_it(aws: LocalAws, inference: Build, sink: Sink) -> None:
    aws.endpoint = lambda request: one_large(sink)
    assert outcomes(aws, inference(**sink.settings), make_event(texts(2))) == {
        "m0": dead_lettered("result-too-large"),
        "m1": SUCCEEDED,
    }
    letter = aws.dead_letters()["m0"]
    assert letter["reason"] == "result-too-large"
    assert letter["detail"].startswith("the result has ")
    assert letter["detail"].endswith(f" bytes, {sink.what} takes {sink.limit}")
    assert set(sink.events(aws)) == {"m1"}
