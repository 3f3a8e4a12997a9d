import json
from collections.abc import Callable

import pytest

from handler.index import BatchInference
from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import FakeContext, make_event, returned

Build = Callable[..., BatchInference]


@pytest.mark.parametrize(
    ("codec", "bodies", "request_body", "content_type", "response", "results"),
    [
        (
            "huggingface",
            ['{"inputs": "grüß dich"}', '{"inputs": {"question": "q", "context": "c"}, "id": 1}'],
            '{"inputs":["grüß dich",{"question":"q","context":"c"}]}'.encode(),
            "application/json",
            b'[[{"label": "de"}], {"answer": "c"}]',
            [[{"label": "de"}], {"answer": "c"}],
        ),
        (
            "instances",
            ["[1, 2]", '{"x": 3}'],
            b'{"instances":[[1, 2],{"x": 3}]}',
            "application/json",
            b'{"predictions": [[0.1], [0.9]]}',
            [[0.1], [0.9]],
        ),
        (
            "jsonlines",
            ['{"a":\n 1}', "2"],
            b'{"a":1}\n2\n',
            "application/jsonlines",
            b'{"s": 1}\n\n{"s": 2}\n',
            [{"s": 1}, {"s": 2}],
        ),
        ("csv", ["1,2,3\n", "4,5,6"], b"1,2,3\n4,5,6", "text/csv", b"0.25\n0.75\n", [0.25, 0.75]),
        ("csv-row", ["1", "2", "3"], b"1\n2\n3", "text/csv", b"0.1,0.2,0.3", [0.1, 0.2, 0.3]),
        (
            "csv",
            ["1", "2", "3"],
            b"1\n2\n3",
            "text/csv",
            b'"Smith, J",0.9\n007,nan\n1_000,1e999\n',
            [["Smith, J", 0.9], ["007", "nan"], ["1_000", "1e999"]],
        ),
        ("csv", ["1", "2"], b"1\n2", "text/csv", "a\u2028b\nc".encode(), ["a\u2028b", "c"]),
        ("csv", ["1", "2"], b"1\n2", "text/csv", b"0.1,0.9\n0.8,0.2", [[0.1, 0.9], [0.8, 0.2]]),
        ("csv", ["1", "2"], b"1\n2", "text/csv", b"yes\nno", ["yes", "no"]),
    ],
)
def test_records_become_one_request_and_its_response_one_result_each(
    aws: LocalAws,
    inference: Build,
    codec: str,
    bodies: list[str],
    request_body: bytes,
    content_type: str,
    response: bytes,
    results: list[object],
) -> None:
    aws.endpoint = lambda request: Answer(body=response)
    assert returned(inference(codec=codec).process(make_event(bodies), FakeContext())) == []
    (request,) = aws.requests
    assert (request.body, request.content_type, request.accept) == (request_body, content_type, content_type)
    assert [aws.results()[f"m{number}"]["data"]["result"] for number in range(len(bodies))] == results


@pytest.mark.parametrize(("response", "result"), [(b'{"text": "x"}', {"text": "x"}), (b"plain", "plain")])
def test_single_sends_each_body_as_it_is(aws: LocalAws, inference: Build, response: bytes, result: object) -> None:
    aws.endpoint = lambda request: Answer(body=response)
    bodies = [' {"any":  "thing"}', "<xml/>"]
    assert returned(inference(codec="single").process(make_event(bodies), FakeContext())) == []
    assert {request.body.decode() for request in aws.requests} == set(bodies)
    assert [event["data"]["result"] for event in aws.results().values()] == [result, result]


@pytest.mark.parametrize(
    ("codec", "body", "detail"),
    [
        ("instances", "{", "the body is not JSON: "),
        ("jsonlines", "Infinity", "the body is not JSON: Infinity is not JSON"),
        ("csv", " \n", "the body must be a CSV row, and not empty"),
        ("csv", "1,2\n3,4", "the body must be one CSV row, without line breaks"),
        ("single", "  ", "the body must not be empty"),
    ],
)
def test_what_a_codec_does_not_take_is_dead_lettered(
    aws: LocalAws, inference: Build, codec: str, body: str, detail: str
) -> None:
    assert returned(inference(codec=codec).process(make_event([body]), FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "malformed"
    assert aws.dead_letters()["m0"]["detail"].startswith(detail)
    assert aws.requests == []


@pytest.mark.parametrize(
    ("codec", "response"),
    [
        ("instances", b"[1, 2]"),
        ("instances", b'{"outputs": [1, 2]}'),
        ("jsonlines", b"1\n2\n3\n"),
        ("csv", b"1\n2\n3\n"),
        ("csv", b"\xff\xfe"),
        ("csv-row", b"0.1\n0.9"),
    ],
)
def test_a_response_with_another_count_is_never_matched(
    aws: LocalAws, inference: Build, codec: str, response: bytes
) -> None:
    aws.endpoint = lambda request: Answer(body=response)
    assert returned(inference(codec=codec).process(make_event(["1", "2"]), FakeContext())) == ["m0", "m1"]
    assert aws.results() == {}


def test_results_with_half_surrogates_are_sent_as_escapes(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["\ud800"]).encode())
    assert returned(inference().process(make_event(['{"inputs": "a"}']), FakeContext())) == []
    assert aws.results()["m0"]["data"]["result"] == "\ud800"
