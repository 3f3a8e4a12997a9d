"""Records that can't be scored: they are isolated and dead-lettered, and the others in their batch are scored."""

import json
from typing import Any

import pytest

from tests.handler.aws import Answer, LocalAws, fails_on, model_error, scored, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned,
    returned_for,
    texts,
)

MALFORMED = [
    ("not json", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ("", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ("[" * 100_000, "the body is not JSON: maximum recursion depth exceeded"),
    ("{}", 'the body must be a JSON object with "inputs"'),
    ('["a"]', 'the body must be a JSON object with "inputs"'),
    ('{"inputs": ""}', '"inputs" must be a text, an object or a list of messages, and not empty'),
    ('{"inputs": 7}', '"inputs" must be a text, an object or a list of messages, and not empty'),
    ('{"inputs": ["a", "b"]}', '"inputs" must be a text, an object or a list of messages, and not empty'),
    ('{"inputs": {"score": NaN}}', "the body is not JSON: NaN is not JSON"),
    ('{"inputs": {"score": 1e999}}', "the body is not JSON: 1e999 is out of a number's range"),
    ('{"inputs": "a", "parameters": 3}', '"parameters" must be an object'),
    ('{"inputs": "\\ud800"}', "the body is not valid Unicode: surrogates not allowed"),
    ('{"inputs": "a", "parameters": {"x": "\\ud800"}}', "the body is not valid Unicode: surrogates not allowed"),
]


@pytest.mark.parametrize(("body", "detail"), MALFORMED)
def test_a_malformed_record_is_dead_lettered_and_its_neighbours_are_scored(
    aws: LocalAws, inference: Build, body: str, detail: str
) -> None:
    event = make_event([*texts(2), body], receive_count=2)
    assert outcomes(aws, inference(), event) == each(range(2), SUCCEEDED) | {"m2": dead_lettered("malformed")}
    letter = aws.dead_letters()["m2"]
    assert letter.pop("detail").startswith(detail)
    assert letter == {
        "reason": "malformed",
        "sourceMessageId": "m2",
        "endpoint": "dev-language",
        "receiveCount": "2",
        "body": body,
    }


def test_a_record_too_large_by_itself_never_reaches_the_endpoint(aws: LocalAws, inference: Build) -> None:
    event = make_event([*texts(1), json.dumps({"inputs": "x" * 989})])
    assert outcomes(aws, inference(max_request_bytes=1000), event) == {
        "m0": SUCCEEDED,
        "m1": dead_lettered("too-large"),
    }
    detail = aws.dead_letters()["m1"]["detail"]
    assert detail == "the record alone makes a request of 1004 bytes, the limit is 1000"
    assert all(len(request.body) <= 1000 for request in aws.requests)


@pytest.mark.parametrize("status", [400, 422])
def test_one_bad_record_does_not_take_its_neighbours_along(aws: LocalAws, inference: Build, status: int) -> None:
    aws.endpoint = fails_on("text 5", model_error(status))
    expected = each(range(10), SUCCEEDED) | {"m5": dead_lettered("model-error")}
    assert outcomes(aws, inference(), make_event(texts(10))) == expected
    assert "bad input" in aws.dead_letters()["m5"]["detail"]
    assert len(aws.requests) <= 1 + 2 * 4


def test_a_model_that_refuses_everything_is_not_believed_until_the_last_receive(
    aws: LocalAws, inference: Build
) -> None:
    """Containers answer 4xx for troubles of their own too, such as a model that can't be loaded."""
    aws.endpoint = lambda request: model_error(400, "cannot load the model")
    handler = inference(max_receive_count=3)
    second, third = (make_event(texts(4), receive_count=count) for count in (2, 3))
    assert outcomes(aws, handler, second) == each(range(4), returned_for("model-refused"))
    assert outcomes(aws, handler, third) == each(range(4), dead_lettered("model-error"))


def test_records_that_keep_coming_back_share_requests_with_fewer_in_the_end(aws: LocalAws, inference: Build) -> None:
    sizes = {}
    for receive_count in (1, 2, 3, 4, 5):
        aws.requests.clear()
        inference(max_records_per_request=8).process(make_event(texts(8), receive_count), FakeContext())
        aws.queues.clear()
        sizes[receive_count] = [len(request.inputs) for request in aws.requests]
    assert sizes == {1: [8], 2: [8], 3: [8], 4: [2] * 4, 5: [1] * 8}


def test_a_record_that_breaks_the_container_is_returned_and_dead_lettered_at_its_last_receive(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = fails_on("text 2", model_error(500))
    handler = inference(max_receive_count=3)
    second, third = (make_event(texts(4), receive_count=count) for count in (2, 3))
    assert outcomes(aws, handler, second) == each(range(4), SUCCEEDED) | {"m2": returned_for("model-failed")}
    assert outcomes(aws, handler, third) == each(range(4), SUCCEEDED) | {"m2": dead_lettered("unprocessable")}


def test_a_request_too_large_for_the_container_is_halved(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(413) if len(request.inputs) > 3 else scored(request)
    assert outcomes(aws, inference(), make_event(texts(10))) == each(range(10), SUCCEEDED)


@pytest.mark.parametrize(
    "message",
    [
        "Request 1234 has oversize body.",
        "1 validation error detected: Value at 'body' failed to satisfy constraint: "
        "Member must have length less than or equal to 6291456",
    ],
)
def test_a_request_that_sagemaker_finds_too_large_is_halved(aws: LocalAws, inference: Build, message: str) -> None:
    oversize = service_error(400, "ValidationError", message)
    aws.endpoint = lambda request: oversize if len(request.inputs) > 2 else scored(request)
    assert outcomes(aws, inference(), make_event(texts(8))) == each(range(8), SUCCEEDED)


def test_a_record_too_large_for_the_container_is_dead_lettered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = fails_on("text 1", model_error(413))
    expected = each(range(3), SUCCEEDED) | {"m1": dead_lettered("too-large")}
    assert outcomes(aws, inference(), make_event(texts(3))) == expected


def test_past_its_bound_halving_returns_the_rest(aws: LocalAws, inference: Build) -> None:
    bad = {f"text {number}" for number in range(1, 200)}
    aws.endpoint = lambda request: model_error(400) if bad & set(request.inputs) else scored(request)
    handler = inference(max_records_per_request=200, requests_in_flight=1)
    found = outcomes(aws, handler, make_event(texts(200)))
    assert found["m0"] == SUCCEEDED
    halvings = 100
    assert {"requests": len(aws.requests)} == {"requests": 1 + 2 * halvings}
    assert set(found.values()) == {SUCCEEDED, dead_lettered("model-error"), returned_for("model-refused")}


def test_many_bad_records_in_a_large_batch_are_all_isolated(aws: LocalAws, inference: Build) -> None:
    bad = range(0, 1000, 20)
    bad_texts = {f"text {number}" for number in bad}
    aws.endpoint = lambda request: model_error(400) if bad_texts & set(request.inputs) else scored(request)
    expected = each(range(1000), SUCCEEDED) | each(bad, dead_lettered("model-error"))
    assert outcomes(aws, inference(requests_in_flight=8), make_event(texts(1000))) == expected


def test_bad_records_that_come_first_may_use_the_whole_bound_on_halving(aws: LocalAws, inference: Build) -> None:
    bad = {f"text {number}" for number in range(140)}
    aws.endpoint = lambda request: model_error(400) if bad & set(request.inputs) else scored(request)
    handler = inference(max_records_per_request=10, requests_in_flight=1)
    expected = each(range(140), dead_lettered("model-error")) | each(range(140, 400), SUCCEEDED)
    assert outcomes(aws, handler, make_event(texts(400)), remaining_ms=120_000) == expected


WRONG_RESPONSES = [
    b"[]",
    b'[{"label":"only one"}]',
    b"[1e999]",
    b"[NaN, NaN, NaN, NaN]",
    b"not json",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", WRONG_RESPONSES)
def test_a_response_that_does_not_fit_is_never_matched_to_records(aws: LocalAws, inference: Build, body: bytes) -> None:
    """A count that differs, and everything else that is not one result per record, is halved down to one."""
    aws.endpoint = fails_on("text 0", Answer(body=body))
    lone_fits = body == b'[{"label":"only one"}]'
    first = SUCCEEDED if lone_fits else returned_for("unexpected-response")
    assert outcomes(aws, inference(), make_event(texts(4))) == each(range(4), SUCCEEDED) | {"m0": first}
    for number in (1, 2, 3):
        assert aws.results()[f"m{number}"]["data"]["result"] == {"label": f"text {number}"}


@pytest.mark.parametrize(
    ("response", "result"), [(b'{"answer": "c"}', {"answer": "c"}), (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}])]
)
def test_a_lone_result_may_come_without_its_list(
    aws: LocalAws, inference: Build, response: bytes, result: object
) -> None:
    aws.endpoint = lambda request: Answer(body=response)
    assert outcomes(aws, inference(), make_event(texts(1))) == {"m0": SUCCEEDED}
    assert aws.results()["m0"]["data"]["result"] == result


def test_a_result_nested_as_deeply_as_python_reads_reaches_one_outcome(aws: LocalAws, inference: Build) -> None:
    handler = inference()
    for depth in range(960, 1000):
        aws.queues.clear()
        aws.script(Answer(body=b"[" * depth + b"]" * depth))
        response: Any = handler.process(make_event(texts(1)), FakeContext())
        assert len(aws.results()) + len(aws.dead_letters()) + len(returned(response)) == 1


@pytest.mark.parametrize(
    ("odd", "outcome"),
    [
        ({"body": None}, dead_lettered("malformed")),
        ({"body": {"inputs": "a"}}, dead_lettered("malformed")),
        ({"body": "\ud800"}, dead_lettered("malformed")),
        ({"attributes": None, "messageAttributes": None, "eventSourceARN": None, "receiptHandle": None}, SUCCEEDED),
        ({"attributes": {"ApproximateReceiveCount": "x", "AWSTraceHeader": 5}}, SUCCEEDED),
        ({"attributes": {"ApproximateReceiveCount": "9" * 5000}}, SUCCEEDED),
        ({"messageAttributes": {"a": "b", "c": None, "d": {"stringValue": 5}}}, SUCCEEDED),
    ],
)
def test_a_record_of_odd_types_concerns_no_other(
    aws: LocalAws, inference: Build, odd: dict[str, Any], outcome: tuple[str, str]
) -> None:
    event = make_event(texts(3))
    event["Records"][1].update(odd)
    assert outcomes(aws, inference(), event) == each((0, 2), SUCCEEDED) | {"m1": outcome}
