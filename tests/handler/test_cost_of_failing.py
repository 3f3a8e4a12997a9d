"""A server that fails on everything is asked a few times; bad records among good ones are still isolated."""

import json

import pytest

from handler.invocation import EndpointDownError
from tests.handler.aws import Answer, LocalAws, model_error, scored
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned_for,
    texts,
)

MOST_REQUESTS = {32: 24, 500: 60}
FAILURES = {
    "500": model_error(500, "out of memory"),
    "400": model_error(400, "bad input"),
    "wrong count": Answer(body=b"[]"),
    "not JSON": Answer(body=b"<html>"),
}


@pytest.mark.parametrize("records", MOST_REQUESTS)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("requests_in_flight", [1, 8])
def test_an_endpoint_that_fails_on_everything_counts_as_down_after_a_few_requests(
    aws: LocalAws, inference: Build, records: int, failure: str, requests_in_flight: int
) -> None:
    aws.endpoint = lambda request: FAILURES[failure]
    handler = inference(requests_in_flight=requests_in_flight)
    with pytest.raises(EndpointDownError, match="endpoint dev-language: failed-on-everything"):
        handler.process(make_event(texts(records)), FakeContext())
    assert len(aws.requests) <= MOST_REQUESTS[records]
    assert len(aws.hidden) == records
    assert min(aws.hidden.values()) >= 0


@pytest.mark.parametrize("records", MOST_REQUESTS)
@pytest.mark.parametrize(("failure", "reason"), [("500", "unprocessable"), ("400", "model-error")])
def test_on_the_last_receive_the_bound_holds_and_costs_no_reason(
    aws: LocalAws, inference: Build, records: int, failure: str, reason: str
) -> None:
    aws.endpoint = lambda request: FAILURES[failure]
    found = outcomes(aws, inference(), make_event(texts(records), receive_count=5))
    assert len(aws.requests) <= MOST_REQUESTS[records]
    assert set(found.values()) <= {dead_lettered(reason), dead_lettered("unprocessable")}
    said = {"500": "out of memory (the container's status 500)", "400": "bad input (the container's status 400)"}
    details = {letter["detail"] for letter in aws.dead_letters().values()}
    assert details == {said[failure], "the endpoint failed on every request, so this record was not tried alone"}


def test_records_that_wait_and_those_on_their_last_receive_have_their_own_outcomes(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = lambda request: model_error(500)
    event = make_event(texts(64))
    for record in event["Records"][32:]:
        record["attributes"]["ApproximateReceiveCount"] = "5"
    found = outcomes(aws, inference(), event)
    assert {outcome for outcome, _ in (found[f"m{n}"] for n in range(32))} == {"returned"}
    assert {found[f"m{n}"] for n in range(32, 64)} == {dead_lettered("unprocessable")}


@pytest.mark.parametrize("bad", [{0}, {31}, {13}])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("requests_in_flight", [1, 2, 8])
def test_one_bad_record_among_32_is_isolated_in_one_receive(
    aws: LocalAws, inference: Build, bad: set[int], failure: str, requests_in_flight: int
) -> None:
    isolate(aws, inference(requests_in_flight=requests_in_flight), bad, 32, failure)


@pytest.mark.parametrize("bad", [{0, 1, 2}, {0, 14, 29}, {4, 12, 22}, {27, 28, 29}])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("requests_in_flight", [1, 8])
def test_three_bad_records_among_30_are_isolated_in_one_receive(
    aws: LocalAws, inference: Build, bad: set[int], failure: str, requests_in_flight: int
) -> None:
    isolate(aws, inference(requests_in_flight=requests_in_flight), bad, 30, failure)


def isolate(aws: LocalAws, handler: object, bad: set[int], records: int, failure: str) -> None:
    bad_texts = {f"text {number}" for number in bad}
    aws.endpoint = lambda request: FAILURES[failure] if bad_texts & set(request.inputs) else scored(request)
    found = outcomes(aws, handler, make_event(texts(records)))  # type: ignore[arg-type]
    isolated = {
        "500": returned_for("model-failed"),
        "400": dead_lettered("model-error"),
        "wrong count": returned_for("unexpected-response"),
        "not JSON": returned_for("unexpected-response"),
    }[failure]
    assert found == each(range(records), SUCCEEDED) | each(bad, isolated)


def test_many_bad_records_in_a_row_do_not_look_like_an_endpoint_that_is_down(aws: LocalAws, inference: Build) -> None:
    """Micro-batches that were not tried yet go before halves, until something succeeds."""
    bad_texts = {f"text {number}" for number in range(200)}
    aws.endpoint = lambda request: model_error(400) if bad_texts & set(request.inputs) else scored(request)
    found = outcomes(aws, inference(), make_event(texts(500)), remaining_ms=120_000)
    assert {found[f"m{number}"] for number in range(224, 500)} == {SUCCEEDED}


@pytest.mark.parametrize("requests_in_flight", [1, 8])
def test_bad_records_in_every_micro_batch_do_not_look_like_an_endpoint_that_is_down(
    aws: LocalAws, inference: Build, requests_in_flight: int
) -> None:
    isolate(aws, inference(requests_in_flight=requests_in_flight), set(range(7, 500, 31)), 500, "500")


@pytest.mark.parametrize("requests_in_flight", [1, 8])
def test_the_smallest_parts_go_first_until_one_succeeds(
    aws: LocalAws, inference: Build, requests_in_flight: int
) -> None:
    """Every third record is bad, so that no part with more than two records can succeed."""
    bad = {f"text {number}" for number in range(0, 1000, 3)}
    aws.endpoint = lambda request: model_error(400) if bad & set(request.inputs) else scored(request)
    handler = inference(requests_in_flight=requests_in_flight)
    found = outcomes(aws, handler, make_event(texts(1000)), remaining_ms=120_000)
    assert list(found.values()).count(SUCCEEDED) > 250


def test_an_endpoint_that_begins_to_fail_on_everything_is_not_asked_in_halves_for_long(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = lambda request: scored(request) if len(aws.requests) == 1 else model_error(500)
    found = outcomes(aws, inference(), make_event(texts(500)))
    assert found == each(range(32), SUCCEEDED) | each(range(32, 500), returned_for("model-failed"))
    untried = 15  # micro-batches, each with one retry
    # Each request that fails before the circuit opens may leave two halves, which are sent still.
    assert len(aws.requests) <= 1 + 2 * untried + 2 * MOST_REQUESTS[500]


def test_throttling_is_no_reason_to_count_the_endpoint_as_failing(aws: LocalAws, inference: Build) -> None:
    throttled = {"__type": "ThrottlingException", "message": None}
    aws.endpoint = lambda request: Answer(400, json.dumps(throttled).encode(), "ThrottlingException")
    assert outcomes(aws, inference(), make_event(texts(500))) == each(range(500), returned_for("throttled"))
    assert len(aws.requests) <= MOST_REQUESTS[500]
