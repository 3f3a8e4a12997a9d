"""The pause until a returned record is delivered again."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.backoff import VisibilityBackoff, pause_seconds
from handler.clients import new_client
from handler.faults import Fault
from handler.invocation import EndpointDownError
from handler.records import Record
from tests.handler.aws import Answer, LocalAws, model_error, service_error
from tests.handler.conftest import Build, FakeContext, make_event, returned, texts


@pytest.mark.parametrize(
    ("fault", "receive_count", "low", "high"),
    [
        (Fault.THROTTLED, 1, 0, 10),
        (Fault.THROTTLED, 4, 0, 80),
        (Fault.THROTTLED, 1000, 0, 900),
        (Fault.NOT_READY, 1, 30, 60),
        (Fault.NOT_READY, 3, 30, 150),
        (Fault.CONTAINER_TIMEOUT, 1, 60, 70),
        (Fault.DEADLINE, 1, 0, 10),
    ],
)
def test_the_pause_is_jittered_over_what_the_fault_asks_for(
    fault: Fault, receive_count: int, low: int, high: int
) -> None:
    pauses = {pause_seconds(fault, receive_count) for _ in range(2000)}
    assert min(pauses) >= low
    assert max(pauses) <= high
    assert max(pauses) - min(pauses) >= (high - low) * 0.8


def test_returned_records_are_hidden_each_for_its_own_pause(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(429, "ModelNotReadyException")
    response = inference().process(make_event(["not json", *texts(25)], receive_count=2), FakeContext())
    assert len(returned(response)) == 25
    assert set(aws.hidden) == {f"r{number}" for number in range(1, 26)}
    assert all(30 <= pause <= 90 for pause in aws.hidden.values())
    assert len(set(aws.hidden.values())) > 5


def test_when_the_endpoint_is_down_records_come_again_after_a_pause_too(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(503, "ServiceUnavailable")
    with pytest.raises(EndpointDownError):
        inference().process(make_event(texts(2)), FakeContext())
    assert set(aws.hidden) == {"r0", "r1"}


def test_a_record_that_is_done_is_not_hidden(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(500) if "text 1" in request.inputs else Answer(body=b"[1]")
    inference(max_records_per_request=1).process(make_event(texts(3)), FakeContext())
    assert set(aws.hidden) == {"r1"}


@pytest.mark.parametrize("answer", [service_error(403, "AccessDenied"), service_error(500, "InternalError")])
def test_a_pause_that_cannot_be_set_loses_nothing(
    aws: LocalAws, inference: Build, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    aws.refuse_hiding = answer
    aws.endpoint = lambda request: service_error(429, "ThrottlingException")
    assert returned(inference().process(make_event(texts(1)), FakeContext())) == ["m0"]
    assert "visibility timeout not changed" in caplog.text


def test_without_the_queues_url_nothing_is_hidden(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(429, "ThrottlingException")
    assert returned(inference(queue_url="").process(make_event(texts(1)), FakeContext())) == ["m0"]
    assert aws.hidden == {}


def test_past_the_deadline_no_time_is_spent_on_pauses(aws: LocalAws) -> None:
    """Otherwise 10,000 records of a hung sink would be prepared for calls that are never made."""
    pool = ThreadPoolExecutor(1)
    returned = {Record(f"m{number}", "r", "", 1, "arn"): Fault.NOT_SENT for number in range(30)}
    is_idle = VisibilityBackoff(new_client("sqs"), f"{aws.url}/1/work").hide(returned, pool, time.monotonic())
    assert is_idle
    assert pool._work_queue.empty()
    assert not pool._threads
