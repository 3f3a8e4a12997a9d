"""Time: hung requests, hung sinks, and the end of an invocation."""

import gc
import threading
import time
from dataclasses import replace

import pytest

from handler.invocation import EndpointDownError
from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, fails_on, model_error, scored, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    each,
    make_event,
    outcomes,
    returned,
    returned_for,
    texts,
)


def test_a_record_that_hangs_does_not_take_its_neighbours_along_for_good(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = fails_on("text 0", Answer(delay_seconds=2))
    handler = inference(requests_in_flight=2, request_timeout_seconds=1)
    waiting = set(range(4))
    for receive_count in range(1, 6):
        event = make_event(texts(4), receive_count)
        event["Records"] = [event["Records"][number] for number in sorted(waiting)]
        try:
            back = returned(handler.process(event, FakeContext(remaining_ms=4000)))
        except EndpointDownError:  # no other record was left
            continue
        waiting = {int(message_id[1:]) for message_id in back}
    assert set(aws.results()) == {"m1", "m2", "m3"}
    assert aws.dead_letters()["m0"]["reason"] == "unprocessable"


@pytest.mark.parametrize(("request_timeout_seconds", "remaining_ms"), [(70, 1000), (3, 5000)])
def test_a_hung_endpoint_is_down(
    aws: LocalAws, inference: Build, request_timeout_seconds: int, remaining_ms: int
) -> None:
    """Also if a request times out just when no other may start any more, as with the derived timeout."""
    aws.endpoint = lambda request: Answer(delay_seconds=6)
    handler = inference(max_records_per_request=6, request_timeout_seconds=request_timeout_seconds)
    with pytest.raises(EndpointDownError, match="read-timeout"):
        handler.process(make_event(texts(6)), FakeContext(remaining_ms=remaining_ms))
    assert min(aws.hidden.values()) >= 60


def test_a_hung_request_is_halved_not_repeated(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(delay_seconds=3) if len(request.inputs) > 1 else scored(request)
    assert outcomes(aws, inference(request_timeout_seconds=1), make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert [len(request.inputs) for request in aws.requests] == [2, 1, 1]


@pytest.mark.parametrize("status", [0])
def test_a_container_that_ran_out_of_time_is_not_sent_the_same_again(
    aws: LocalAws, inference: Build, status: int
) -> None:
    aws.endpoint = lambda request: model_error(status) if len(request.inputs) > 1 else scored(request)
    assert outcomes(aws, inference(), make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert [len(request.inputs) for request in aws.requests] == [2, 1, 1]


def test_a_retry_that_time_ran_out_for_keeps_its_fault(aws: LocalAws, inference: Build) -> None:
    slow = replace(service_error(503, "ServiceUnavailable"), delay_seconds=1.795)
    aws.endpoint = lambda request: slow
    with pytest.raises(EndpointDownError, match="service-unavailable"):
        inference().process(make_event(texts(3)), FakeContext(remaining_ms=3000))


def test_near_the_deadline_unfinished_records_are_returned(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(delay_seconds=0.0 if "text 0" in request.inputs else 5.0, body=b"[0]")
    handler = inference(max_records_per_request=1, requests_in_flight=2)
    found = outcomes(aws, handler, make_event(texts(6)), remaining_ms=2000)
    assert {id_: outcome for id_, (outcome, _) in found.items()} == {
        "m0": "succeeded",
        **dict.fromkeys(("m1", "m2", "m3", "m4", "m5"), "returned"),
    }
    assert {reason for _, reason in found.values()} == {"", "read-timeout", "deadline"}
    aws.endpoint = scored
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)


def test_a_request_cut_off_by_the_deadline_is_no_proof_against_its_record(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=scored(request).body, delay_seconds=1.7)
    handler = inference(requests_in_flight=1, max_records_per_request=1, max_receive_count=5)
    event = make_event(texts(2), receive_count=5)
    assert outcomes(aws, handler, event, remaining_ms=3000) == {"m0": SUCCEEDED, "m1": returned_for("read-timeout")}
    assert aws.hidden["r1"] >= 60


def test_a_wrong_deployment_leaves_no_busy_thread_to_the_next_invocation(aws: LocalAws, inference: Build) -> None:
    aws.script(service_error(403, "AccessDeniedException"), Answer(delay_seconds=3))
    handler = inference(max_records_per_request=1, requests_in_flight=2)
    with pytest.raises(ConfigurationError):
        handler.process(make_event(texts(2)), FakeContext())
    started = time.monotonic()
    assert outcomes(aws, handler, make_event(texts(4))) == each(range(4), SUCCEEDED)
    assert time.monotonic() - started < 2


def test_a_pause_that_hangs_leaves_the_next_invocations_sinks_alone(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_records_per_request=50)
    aws.endpoint = lambda request: service_error(429, "ThrottlingException")
    aws.refuse_hiding = Answer(delay_seconds=4, body=b"{}")
    handler.process(make_event(texts(50)), FakeContext(remaining_ms=2000))
    aws.endpoint, aws.refuse_hiding = scored, None
    assert outcomes(aws, handler, make_event(texts(60)), remaining_ms=2000) == each(range(60), SUCCEEDED)


def test_a_sink_that_hangs_does_not_outlive_the_invocation(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: Answer(delay_seconds=4)
    started = time.monotonic()
    response = inference().process(make_event(texts(2)), FakeContext(remaining_ms=2000))
    assert returned(response) == ["m0", "m1"]
    assert time.monotonic() - started < 2.0


def test_an_answer_that_stops_halfway_keeps_no_thread_after_the_deadline(aws: LocalAws, inference: Build) -> None:
    before = set(threading.enumerate())
    aws.endpoint = lambda request: Answer(body=b"[", headers={"Content-Length": "100"})
    handler = inference(request_timeout_seconds=30)
    with pytest.raises(EndpointDownError):
        handler.process(make_event(texts(2)), FakeContext(remaining_ms=1500))
    gc.collect()  # an idle thread ends with its pool
    threads = [t for t in threading.enumerate() if t.name.startswith("inference") and t not in before]
    for thread in threads:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in threads)
