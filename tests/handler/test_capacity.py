"""The endpoint's capacity as the handler learns it: throttling, sizes that were refused, and the circuit."""

import json

import pytest

from handler.invocation import EndpointDownError
from tests.handler.aws import Answer, LocalAws, fails_on, model_error, scored, service_error
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, each, make_event, outcomes, returned_for, texts

THROTTLED = service_error(400, "ThrottlingException", None)


@pytest.mark.parametrize(("throttles", "limit"), [(1, 8 + 1), (2, 4 + 1), (3, 2 + 1)])
def test_requests_in_flight_are_halved_when_the_endpoint_throttles(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str], throttles: int, limit: int
) -> None:
    """From 16; the success at the end adds one."""
    aws.script(*[THROTTLED] * throttles)
    assert outcomes(aws, inference(requests_in_flight=16), make_event(texts(1))) == {"m0": SUCCEEDED}
    assert json.loads(capsys.readouterr().out)["ConcurrencyLimit"] == limit


def test_throttling_lowers_the_concurrency_and_success_raises_it_again(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_records_per_request=1, requests_in_flight=8)
    aws.endpoint = lambda request: THROTTLED
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), returned_for("throttled"))
    assert handler._executor.limit == 1
    aws.endpoint = scored
    handler.process(make_event(texts(4)), FakeContext())
    assert handler._executor.limit == 5


def test_a_size_the_container_refused_is_remembered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(413) if len(request.body) > 300 else scored(request)
    handler = inference(max_records_per_request=64)
    handler.process(make_event(texts(64)), FakeContext())
    first = len(aws.requests)
    aws.requests.clear()
    assert outcomes(aws, handler, make_event(texts(64))) == each(range(64), SUCCEEDED)
    assert len(aws.requests) < first


def test_the_limit_that_one_record_too_large_seemed_to_show_is_forgotten(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = fails_on("text 5", model_error(413))
    handler = inference(max_records_per_request=64)
    expected = each(range(64), SUCCEEDED) | {"m5": ("dead-lettered", "too-large")}
    assert outcomes(aws, handler, make_event(texts(64))) == expected
    aws.endpoint = scored
    aws.requests.clear()
    handler.process(make_event(texts(64)), FakeContext())
    assert len(aws.requests) == 1


def test_unrelated_micro_batches_that_fail_alike_open_a_circuit(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(500)
    handler = inference(max_records_per_request=10)
    with pytest.raises(EndpointDownError, match="failed-on-everything"):
        handler.process(make_event(texts(100)), FakeContext())
    # Each of the 10 is sent twice (one retry); few are halved before the bound for 100 records, 29, is reached.
    assert len(aws.requests) < 2 * 10 + 20


def test_the_circuit_stays_closed_while_something_succeeds(aws: LocalAws, inference: Build) -> None:
    bad = range(5, 105, 20)
    bad_texts = {f"text {number}" for number in bad}
    # No fault with a retry: after their pauses, all five might fail once more with no success in between.
    aws.endpoint = lambda request: Answer(body=b"[]") if bad_texts & set(request.inputs) else scored(request)
    handler = inference(max_records_per_request=10)
    expected = each(range(120), SUCCEEDED) | each(bad, returned_for("unexpected-response"))
    assert outcomes(aws, handler, make_event(texts(120))) == expected
