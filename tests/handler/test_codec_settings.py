"""Settings of codecs: keys, further members, a header line, content types, lone records, micro-batches of like size."""

import json
from typing import Any

import pytest

from handler.settings import ConfigurationError, HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request
from tests.handler.conftest import SUCCEEDED, Build, dead_lettered, each, make_event, outcomes, returned_for, texts


def bodies(aws: LocalAws) -> list[Any]:
    return [json.loads(request.body) for request in aws.requests]


@pytest.mark.parametrize(
    ("request_key", "response_key", "request_body", "answer"),
    [
        ("instances", "predictions", {"instances": [1, 2]}, {"predictions": ["a", "b"], "more": 1}),
        ("inputs", "predictions", {"inputs": [1, 2]}, {"predictions": ["a", "b"]}),
        ("inputs", "outputs", {"inputs": [1, 2]}, {"outputs": ["a", "b"]}),
        ("instances", "scores", {"instances": [1, 2]}, {"scores": ["a", "b"]}),
        ("dataframe_records", "", {"dataframe_records": [1, 2]}, ["a", "b"]),
        ("", "", [1, 2], ["a", "b"]),
        ("", 'a "key"', [1, 2], {'a "key"': ["a", "b"]}),
    ],
)
def test_keys_are_those_of_the_container(
    aws: LocalAws, inference: Build, request_key: str, response_key: str, request_body: Any, answer: Any
) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(answer).encode())
    handler = inference(codec="instances", request_key=request_key, response_key=response_key)
    assert outcomes(aws, handler, make_event(["1", "2"])) == each(range(2), SUCCEEDED)
    assert bodies(aws) == [request_body]
    assert [event["data"]["result"] for event in aws.results().values()] == ["a", "b"]


@pytest.mark.parametrize("answer", [b'{"predictions": ["a"]}', b'["a"]', b'{"outputs": null}', b'{"outputs": {}}'])
def test_an_answer_with_another_key_is_unexpected(aws: LocalAws, inference: Build, answer: bytes) -> None:
    aws.endpoint = lambda request: Answer(body=answer)
    handler = inference(codec="instances", request_key="inputs", response_key="outputs")
    assert outcomes(aws, handler, make_event(["1"])) == {"m0": returned_for("unexpected-response")}


@pytest.mark.parametrize(
    ("codec", "body", "members", "sent"),
    [
        ("instances", "[1]", {"signature_name": "score"}, {"signature_name": "score", "instances": [[1]]}),
        ("instances", "[1]", {"params": {"k": [1]}, "x": "ü"}, {"params": {"k": [1]}, "x": "ü", "instances": [[1]]}),
        ("single", '{"inputs": "a"}', {"parameters": {"k": 1}}, {"inputs": "a", "parameters": {"k": 1}}),
        ("single", '{"a": 1, "k": 2}', {"k": 1}, {"a": 1, "k": 2}),
    ],
)
def test_further_members_are_in_every_request(
    aws: LocalAws, inference: Build, codec: str, body: str, members: dict[str, Any], sent: Any
) -> None:
    aws.endpoint = lambda request: Answer(body=b'{"predictions": [1]}')
    handler = inference(codec=codec, request_members=members, max_records_per_request=1)
    assert outcomes(aws, handler, make_event([body, body])) == each(range(2), SUCCEEDED)
    assert bodies(aws) == [sent, sent]


@pytest.mark.parametrize("body", ["[1]", "text", '"text"'])
def test_members_need_an_object_to_be_added_to(aws: LocalAws, inference: Build, body: str) -> None:
    handler = inference(codec="single", request_members={"k": 1})
    assert outcomes(aws, handler, make_event([body])) == {"m0": dead_lettered("malformed")}


@pytest.mark.parametrize("codec", ["csv", "csv-row"])
def test_a_header_is_the_first_line_of_every_request(aws: LocalAws, inference: Build, codec: str) -> None:
    separator = b"," if codec == "csv-row" else b"\n"
    aws.endpoint = lambda request: Answer(body=separator.join([b"1"] * request.body.count(b"\n")))
    handler = inference(codec=codec, csv_header="a,b", max_records_per_request=2)
    assert outcomes(aws, handler, make_event(["1,2", "3,4", "5,6"])) == each(range(3), SUCCEEDED)
    assert sorted(request.body for request in aws.requests) == [b"a,b\n1,2\n3,4", b"a,b\n5,6"]


def test_content_types_are_those_that_are_set(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=b"1")
    handler = inference(codec="csv", content_type="text/csv; header=absent", accept="text/csv; charset=utf-8")
    assert outcomes(aws, handler, make_event(["1"])) == {"m0": SUCCEEDED}
    (request,) = aws.requests
    assert (request.content_type, request.accept) == ("text/csv; header=absent", "text/csv; charset=utf-8")


def takes_no_lone_row(request: Request) -> Answer:
    """Answer as scikit-learn's container: one row is a one-dimensional array to it."""
    rows = request.body.decode().split("\n")
    return Answer(status=500) if len(rows) == 1 else Answer(body="\n".join(row + ".5" for row in rows).encode())


@pytest.mark.parametrize("records", [1, 2, 3])
def test_a_lone_record_is_sent_twice_where_a_container_takes_no_single_row(
    aws: LocalAws, inference: Build, records: int
) -> None:
    aws.endpoint = takes_no_lone_row
    handler = inference(codec="csv", send_lone_record_twice=True, max_records_per_request=2)
    rows = [str(number) for number in range(records)]
    assert outcomes(aws, handler, make_event(rows)) == each(range(records), SUCCEEDED)
    results = {id_: event["data"]["result"] for id_, event in aws.results().items()}
    assert results == {f"m{number}": number + 0.5 for number in range(records)}
    assert all(len(request.body.split(b"\n")) == 2 for request in aws.requests)


def test_the_size_of_a_lone_record_counts_twice(aws: LocalAws, inference: Build) -> None:
    handler = inference(codec="csv", send_lone_record_twice=True, max_request_bytes=10)
    aws.endpoint = takes_no_lone_row
    assert outcomes(aws, handler, make_event(["1234", "12345"])) == {
        "m0": SUCCEEDED,
        "m1": dead_lettered("too-large"),
    }
    assert aws.dead_letters()["m1"]["detail"] == ("the record alone makes a request of 11 bytes, the limit is 10")


@pytest.mark.parametrize(
    ("records", "sizes"),
    [(32, [32]), (33, [16, 17]), (64, [32, 32]), (65, [16, 17, 32]), (70, [19, 19, 32]), (7, [7])],
)
def test_the_last_two_micro_batches_are_of_like_size(
    aws: LocalAws, inference: Build, records: int, sizes: list[int]
) -> None:
    assert outcomes(aws, inference(), make_event(texts(records))) == each(range(records), SUCCEEDED)
    assert sorted(len(request.inputs) for request in aws.requests) == sizes


def test_micro_batches_of_like_size_keep_to_the_bytes(aws: LocalAws, inference: Build) -> None:
    event = make_event([json.dumps({"inputs": "x" * size}) for size in [10] * 3 + [300]])
    handler = inference(max_records_per_request=3, max_request_bytes=340)
    assert outcomes(aws, handler, event) == each(range(4), SUCCEEDED)
    assert all(len(request.body) <= 340 for request in aws.requests)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"codec": "csv", "accept": "application/json"}, "ACCEPT='application/json': must be a content type that"),
        ({"codec": "huggingface", "accept": "*/*"}, "ACCEPT='*/*': must be a content type that"),
        ({"codec": "kserve", "csv_header": "a"}, "CSV_HEADER='a': must be empty with codec kserve"),
        ({"codec": "csv", "request_key": "inputs"}, "REQUEST_KEY='inputs': must be instances with codec csv"),
        ({"codec": "csv", "request_members": {"a": 1}}, "REQUEST_MEMBERS='{\"a\": 1}': must be empty with codec csv"),
        (
            {"codec": "single", "send_lone_record_twice": True},
            "SEND_LONE_RECORD_TWICE='true': must be False with codec single",
        ),
        (
            {"codec": "instances", "request_key": "", "request_members": {"a": 1}},
            "REQUEST_MEMBERS='{\"a\": 1}': must be empty with an empty request_key: a bare list has no members",
        ),
        (
            {"codec": "instances", "request_members": {"instances": 1}},
            "REQUEST_MEMBERS='{\"instances\": 1}': must be without instances, which holds the records",
        ),
        ({"codec": "csv", "csv_header": "a\nb"}, "CSV_HEADER='a\\nb': must be one line"),
    ],
)
def test_what_a_codec_has_no_use_for_is_refused(settings: dict[str, Any], text: str) -> None:
    rendered = HandlerSettings(
        endpoint_name="e", dead_letter_queue_url="d", result_target="r", **settings
    ).to_environment()
    with pytest.raises(ConfigurationError) as raised:
        HandlerSettings.from_environment(rendered)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    ("codec", "accept"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("jsonlines", "application/x-ndjson"),
        ("single", "text/plain"),
        ("kserve", "application/vnd.kserve+json"),
        ("my_layer:make", "anything/else"),
    ],
)
def test_what_a_codec_can_decode_may_be_asked_for(codec: str, accept: str) -> None:
    settings = HandlerSettings(
        endpoint_name="e", dead_letter_queue_url="d", result_target="r", codec=codec, accept=accept
    )
    assert HandlerSettings.from_environment(settings.to_environment()) == settings
