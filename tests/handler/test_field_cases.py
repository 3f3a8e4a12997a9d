"""Messages that went wrong for people elsewhere, and relatives of each: they end rightly, and neighbours are scored."""

import base64
import json
from typing import Any

import pytest

from handler.codecs import Codec, Item, Payload
from handler.records import Record
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, dead_lettered, each, make_event, outcomes
from tests.handler.test_bytes import png
from tests.handler.test_envelopes import LOCATION, PLAIN, cloud_event, eventbridge, extended, s3, sns

MALFORMED = dead_lettered("malformed")


def answer(request: Request) -> Answer:
    """Answer in the format of the request."""
    if request.content_type == "text/csv":
        return Answer(body=b"0.5\n" * len(request.body.splitlines()))
    if request.content_type == "application/jsonlines":
        return Answer(body=b'{"y": 1}\n' * request.body.count(b"\n"))
    try:
        body: Any = json.loads(request.body)
    except ValueError:
        return Answer(body=b'{"y": 1}')
    if isinstance(body, dict) and "instances" in body:
        return Answer(body=json.dumps({"predictions": [{"y": 1}] * len(body["instances"])}).encode())
    if isinstance(body, dict) and isinstance(body.get("inputs"), list) and "role" not in str(body["inputs"]):
        return Answer(body=json.dumps([{"y": 1}] * len(body["inputs"])).encode())
    return Answer(body=b'{"y": 1}')


GOOD = {"huggingface": PLAIN, "instances": "[1]", "jsonlines": "[1]", "csv": "1,2", "single": "{}"}
RESULT = cloud_event('{"endpoint": "e", "result": {"label": "de"}}', datacontenttype="application/json")


@pytest.mark.parametrize(
    ("settings", "body", "outcome", "sent"),
    [
        # a byte order mark
        ({"codec": "csv"}, "\ufeff1.5,2.5", SUCCEEDED, b"1.5,2.5"),
        ({"codec": "huggingface"}, '\ufeff{"inputs": "a"}', SUCCEEDED, b'"a"'),
        ({"codec": "instances"}, "\ufeff[7]", SUCCEEDED, b"[7]"),
        ({"codec": "csv"}, s3("inputs/bom.csv"), SUCCEEDED, b"3.5,4.5"),
        # S3's notification, without a place to read from, and with one
        ({"codec": "jsonlines", "envelope": "refuse", "input_location": ""}, s3("inputs/a"), MALFORMED, b""),
        ({"codec": "jsonlines", "envelope": "refuse"}, s3("inputs/a"), MALFORMED, b""),
        ({"codec": "jsonlines"}, s3("inputs/list"), SUCCEEDED, b"[8]"),
        ({"codec": "jsonlines"}, sns(s3("inputs/list")), SUCCEEDED, b"[8]"),
        # results of one pipeline into another
        ({"codec": "jsonlines"}, RESULT, SUCCEEDED, b'{"endpoint": "e", "result": {"label": "de"}}'),
        ({"codec": "jsonlines"}, f"[{RESULT}]", SUCCEEDED, b'"result"'),
        ({"codec": "jsonlines", "envelope": "refuse"}, f"[{RESULT}]", MALFORMED, b""),
        ({"codec": "jsonlines"}, sns(RESULT), SUCCEEDED, b'"result"'),
        ({"codec": "jsonlines"}, eventbridge(RESULT), SUCCEEDED, b'"result"'),
        # pictures: in base64 within JSON, by pointer, by notification, by the extended client
        ({}, json.dumps({"inputs": base64.b64encode(png()).decode()}), SUCCEEDED, base64.b64encode(png())),
        ({"codec": "single"}, '{"s3": "s3://payloads/inputs/a.png"}', SUCCEEDED, png()),
        ({"codec": "single"}, s3("inputs/a.png"), SUCCEEDED, png()),
        ({"codec": "single"}, extended("inputs/a.png"), MALFORMED, b""),
        # keys of pointers are not URL-encoded
        ({"codec": "single"}, '{"s3": "s3://payloads/inputs/a+b%20c"}', SUCCEEDED, b"plus"),
        ({"codec": "single"}, s3("inputs/a+b%20c"), SUCCEEDED, b"plus"),
        # chats
        ({}, '{"inputs": [{"role": "user", "content": "hello"}]}', SUCCEEDED, b'"hello"'),
        ({}, sns('{"inputs": [{"role": "user", "content": "hello"}]}'), SUCCEEDED, b'"hello"'),
        ({}, eventbridge('{"inputs": [{"role": "user", "content": "hello"}]}'), SUCCEEDED, b'"hello"'),
        # encoded twice, in an envelope too
        ({}, '"{\\"inputs\\": 1}"', MALFORMED, b""),
        ({}, sns('"{\\"inputs\\": 1}"'), MALFORMED, b""),
        ({}, cloud_event('"{\\"inputs\\": 1}"'), MALFORMED, b""),
        # 1 MiB, and half of a surrogate pair
        ({"codec": "single"}, "x" * 1_048_576, SUCCEEDED, b"x" * 1_048_576),
        ({"codec": "jsonlines"}, sns('"\\ud800"'), MALFORMED, b""),
        (
            {"codec": "jsonlines"},
            eventbridge('{"id": 1234567890123456789012345678901234567890}'),
            SUCCEEDED,
            b"567890}",
        ),
    ],
)
def test_a_case_has_its_outcome_and_its_neighbours_are_scored(
    aws: LocalAws, inference: Build, settings: dict[str, Any], body: str, outcome: tuple[str, str], sent: bytes
) -> None:
    aws.endpoint = answer
    aws.objects |= {
        "payloads/inputs/bom.csv": b"\xef\xbb\xbf3.5,4.5",
        "payloads/inputs/list": b"[8]",
        "payloads/inputs/a.png": png(),
        "payloads/inputs/a+b%20c": b"plus",
    }
    handler = inference(**{"envelope": "auto", "input_location": LOCATION, **settings})
    good = GOOD[settings.get("codec", "huggingface")]
    found = outcomes(aws, handler, make_event([good, body, good]))
    assert found == {**each([0, 2], SUCCEEDED), **each([1], outcome)}
    assert any(sent in request.body for request in aws.requests)


class Sizes:
    """A codec of the user's own that takes whatever comes."""

    content_type = accept = "application/json"
    max_records = 1

    def parse(self, record: Record, payload: Payload) -> Item:
        return Item(record, (f"{len(payload.content)} {payload.content_type}".encode(),), content_type="text/plain")

    def overhead(self, group_key: str) -> int:
        return 0

    def encode(self, items: Any) -> bytes:
        part: bytes = items[0].parts[0]
        return part

    def decode(self, body: bytes, content_type: str, items: Any) -> list[Any]:
        return [json.loads(body)]


def sizes(settings: HandlerSettings) -> Codec:
    return Sizes()


def test_a_codec_of_ones_own_gets_bytes_with_their_type_and_may_name_the_request_s(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = lambda request: Answer(body=b'{"y": 1}')
    aws.objects["payloads/inputs/a.png"], aws.content_types["payloads/inputs/a.png"] = png(), "image/png"
    handler = inference(codec=f"{__name__}:sizes", envelope="as-is", input_location=LOCATION)
    bodies = ['{"s3": "s3://payloads/inputs/a.png"}', sns("x")]
    assert outcomes(aws, handler, make_event(bodies)) == each([0, 1], SUCCEEDED)
    assert {(request.body, request.content_type) for request in aws.requests} == {
        (f"{len(png())} image/png".encode(), "text/plain"),
        (f"{len(sns('x'))} ".encode(), "text/plain"),
    }


class Shared(Sizes):
    max_records = 10

    def parse(self, record: Record, payload: Payload) -> Item:
        return Item(record, (payload.content,), content_type=f"text/{payload.text}")

    def encode(self, items: Any) -> bytes:
        return b",".join(item.parts[0] for item in items)

    def decode(self, body: bytes, content_type: str, items: Any) -> list[Any]:
        return [{"y": 1} for _ in items]


def shared(settings: HandlerSettings) -> Codec:
    return Shared()


def test_only_records_of_one_content_type_share_a_request(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=b"{}")
    inference(codec=f"{__name__}:shared").process(make_event(["a", "b", "a", "b", "a"]), FakeContext())
    assert {(request.body, request.content_type) for request in aws.requests} == {
        (b"a,a,a", "text/a"),
        (b"b,b", "text/b"),
    }
