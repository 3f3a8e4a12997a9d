"""Built-in codecs: records become one request body, and its response one result per record."""

import json
import subprocess
import sys

import pytest

from handler.codecs import MalformedRecordError
from tests.handler.aws import Answer, LocalAws
from tests.handler.codecs import TENSOR, encoded, items_of, make_codec, parse
from tests.handler.conftest import Build, FakeContext, make_event, returned


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


@pytest.mark.parametrize(
    ("codec", "before", "after"),
    [
        ("huggingface", b'{"inputs":[', b"]}"),
        ("instances", b'{"instances":[', b"]}"),
        ("jsonlines", b"", b"\n"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        '{"z":123456789012345678901234567890,"a":1.10}',
        '{"b": [1E2, -0, 0.1e-7],  "a" : "grüß 🎈" }',
        '"a\\tb \\\\ ü"',
    ],
)
def test_what_is_json_already_is_sent_byte_for_byte(codec: str, before: bytes, after: bytes, value: str) -> None:
    body = f' {{ "inputs" :\t{value}\n}} ' if codec == "huggingface" else f"\n {value}\t"
    assert encoded(codec, body) == before + value.encode() + after


@pytest.mark.parametrize(
    ("codec", "body", "piece"),
    [
        ("huggingface", '{"inputs": "a", "inputs": "b"}', b'{"inputs":["b"]}'),
        ("huggingface", '{"inputs": {"a": 1, "a": 2}}', b'{"inputs":[{"a":2}]}'),
        ("huggingface", '{"inputs": "\\u00fc"}', '{"inputs":["ü"]}'.encode()),
        ("huggingface", '{"id": 1, "inputs": "a"}', b'{"inputs":["a"]}'),
        ("instances", '[{"a": 1, "a": 2}]', b'{"instances":[[{"a":2}]]}'),
        ("instances", '"\\ud83c\\udf88"', '{"instances":["🎈"]}'.encode()),
        ("jsonlines", "[1,\r2]", b"[1,2]\n"),
        # some servers split lines at these, which JSON allows in a text and in a name
        ("jsonlines", '{"a\u2028": "\u2029\x85ü"}', '{"a\\u2028": "\\u2029\\u0085ü"}\n'.encode()),
    ],
)
def test_what_could_be_read_in_two_ways_is_written_anew(codec: str, body: str, piece: bytes) -> None:
    assert encoded(codec, body) == piece


@pytest.mark.parametrize(
    ("codec", "body", "detail"),
    [
        ("huggingface", '{"inputs": "a"} {}', "the body is not JSON: Extra data: line 1 column 17 (char 16)"),
        ("huggingface", '{"inputs": "a"', "the body is not JSON: Expecting ',' delimiter: line 1 column 15 (char 14)"),
        ("huggingface", '{"inputs": "\ud800"}', "the body is not valid Unicode: surrogates not allowed"),
        ("instances", '"\\ud800"', "the body is not valid Unicode: surrogates not allowed"),
        ("instances", '"\ud800"', "the body is not valid Unicode: surrogates not allowed"),
        ("instances", "1 2", "the body is not JSON: Extra data: line 1 column 3 (char 2)"),
        ("instances", "\u00a01", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("jsonlines", "-Infinity", "the body is not JSON: -Infinity is not JSON"),
        ("instances", "[1e999]", "the body is not JSON: 1e999 is out of a number's range"),
    ],
)
def test_nothing_but_json_is_spliced(codec: str, body: str, detail: str) -> None:
    with pytest.raises(MalformedRecordError) as caught:
        parse(make_codec(codec), body)
    assert str(caught.value) == detail


@pytest.mark.parametrize("codec", ["huggingface", "instances", "jsonlines", "kserve"])
def test_json_nested_too_deeply_is_malformed_at_every_depth(codec: str) -> None:
    for depth in (*range(900, 1000), 100_000):
        nested = "[" * depth + "]" * depth
        bodies = [nested, f'{{"inputs": {{"a": {nested}}}}}', f'{{"inputs": {{"a": {nested}}}, "b": 1}}']
        for body in [*bodies, json.dumps({"inputs": [TENSOR], "parameters": {}}).replace("{}", f'{{"a": {nested}}}')]:
            try:
                item = parse(make_codec(codec), body)
            except MalformedRecordError:
                continue
            assert len(make_codec(codec).encode([item])) <= make_codec(codec).overhead(item.group_key) + item.size


def test_only_the_configured_codec_is_loaded() -> None:
    code = (
        "import sys; from handler.codecs import codec_for; from handler.settings import HandlerSettings;"
        "codec_for(HandlerSettings(endpoint_name='e', dead_letter_queue_url='d', codec='kserve'));"
        "print(sorted(name for name in sys.modules if name.startswith('handler.codecs.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.strip() == "['handler.codecs.base', 'handler.codecs.kserve']"


@pytest.mark.parametrize("answer", [b'\xef\xbb\xbf["a"]', '["a"]'.encode("utf-16"), '["a"]'.encode("utf-16-le")])
def test_a_json_answer_may_be_in_any_encoding_of_unicode(answer: bytes) -> None:
    assert make_codec("huggingface").decode(answer, "", items_of(1)) == ["a"]
