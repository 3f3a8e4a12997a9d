"""Inputs that are bytes: objects with their type, compressed ones, base64; and the places they may come from."""

import base64
import gzip
import json
import logging
import struct
import zlib
from typing import Any

import pytest

from handler.batch import BatchInference
from tests.handler.aws import Answer, LocalAws, Request, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned,
    without_request,
)

LOCATION = "s3://payloads/inputs/"
OK = Answer(body=b'{"label": "cat"}')


def png() -> bytes:
    """Return a picture of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def pointer(key: str, **more: Any) -> str:
    return json.dumps({"s3": f"s3://payloads/{key}", **more})


@pytest.fixture
def single(aws: LocalAws, inference: Build) -> Build:
    aws.endpoint = lambda request: OK

    def build(**changes: Any) -> BatchInference:
        return inference(**{"codec": "single", "input_location": LOCATION, **changes})

    return build


def put(aws: LocalAws, key: str, content: bytes, content_type: str = "", encoding: str = "") -> None:
    name = f"payloads/{key}"
    aws.objects[name] = content
    if content_type:
        aws.content_types[name] = content_type
    if encoding:
        aws.encodings[name] = encoding


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("image/png", "image/png"),
        ("image/svg+xml; charset=utf-8", "image/svg+xml; charset=utf-8"),
        ("application/octet-stream", "application/octet-stream"),
        ("binary/octet-stream", "application/json"),
        ("", "application/json"),
        ("image/p\xe4ng", "application/json"),
    ],
)
def test_single_sends_an_object_s_bytes_with_its_type(
    aws: LocalAws, single: Build, content_type: str, sent: str
) -> None:
    put(aws, "inputs/a.png", png(), content_type)
    assert outcomes(aws, single(), make_event([pointer("inputs/a.png")])) == each([0], SUCCEEDED)
    assert (aws.requests[0].body, aws.requests[0].content_type) == (png(), sent)
    assert aws.results()["m0"]["data"]["inputLocation"] == "s3://payloads/inputs/a.png"


def test_a_message_s_own_body_has_the_codec_s_type(aws: LocalAws, single: Build) -> None:
    put(aws, "inputs/a", b"a", "text/plain")
    single().process(make_event(["{}", pointer("inputs/a")]), FakeContext())
    assert {request.body: request.content_type for request in aws.requests} == {
        b"{}": "application/json",
        b"a": "text/plain",
    }
    data = without_request(aws.results()["m0"])["data"]
    assert data == {"endpoint": "dev-language", "result": {"label": "cat"}}


@pytest.mark.parametrize("codec", ["huggingface", "instances", "jsonlines", "csv"])
def test_bytes_that_are_no_text_are_malformed_for_formats_of_text(aws: LocalAws, single: Build, codec: str) -> None:
    put(aws, "inputs/a.png", png(), "image/png")
    handler = single(codec=codec)
    assert outcomes(aws, handler, make_event([pointer("inputs/a.png")])) == each([0], dead_lettered("malformed"))
    assert aws.dead_letters()["m0"]["detail"] == ("s3://payloads/inputs/a.png is not text in UTF-8: invalid start byte")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "gzip,aws-chunked", "aws-chunked, gzip"])
def test_a_compressed_object_is_inflated(aws: LocalAws, single: Build, encoding: str) -> None:
    put(aws, "inputs/a.json.gz", gzip.compress(b"[1, ") + gzip.compress(b"2]"), "application/json", encoding)
    assert outcomes(aws, single(), make_event([pointer("inputs/a.json.gz")])) == each([0], SUCCEEDED)
    assert aws.requests[0].body == b"[1, 2]"


@pytest.mark.parametrize("encoding", ["", "utf-8", "aws-chunked", "identity", "br"])
def test_without_gzip_in_its_encoding_an_object_is_sent_as_it_is(aws: LocalAws, single: Build, encoding: str) -> None:
    content = gzip.compress(b"x")
    put(aws, "inputs/a.gz", content, "application/gzip", encoding)
    assert outcomes(aws, single(), make_event([pointer("inputs/a.gz")])) == each([0], SUCCEEDED)
    assert (aws.requests[0].body, aws.requests[0].content_type) == (content, "application/gzip")


NO_HEADER = "Error -3 while decompressing data: incorrect header check"
BOMB = gzip.compress(b"\0" * 100_000_000, 9)
MANY = gzip.compress(b"\0" * 100) * 1000


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (BOMB, "too-large", "s3://payloads/inputs/b inflates to more than 1000000 bytes"),
        (MANY * 11, "too-large", "s3://payloads/inputs/b inflates to more than 1000000 bytes"),
        (gzip.compress(b"x" * 1_000_001), "too-large", "s3://payloads/inputs/b inflates to more than 1000000 bytes"),
        (b"no gzip", "malformed", f"s3://payloads/inputs/b is not gzip: {NO_HEADER}"),
        (gzip.compress(b"x" * 1000)[:-9], "malformed", "s3://payloads/inputs/b is not gzip: it has no end"),
        (b"", "malformed", "the body must not be empty"),
        (b"\0" * 1_000_001, "too-large", "s3://payloads/inputs/b has 1000001 bytes, a request may have 1000000"),
    ],
    ids=["bomb", "many streams", "a byte too many", "no gzip", "cut off", "empty", "too large"],
)  # fmt: skip
def test_bad_compressed_objects_are_dead_lettered_and_their_neighbours_scored(
    aws: LocalAws, single: Build, content: bytes, reason: str, detail: str
) -> None:
    put(aws, "inputs/a", gzip.compress(b"x" * 1_000_000), encoding="gzip")
    put(aws, "inputs/b", content, encoding="gzip")
    handler = single(max_request_bytes=1_000_000)
    found = outcomes(aws, handler, make_event([pointer("inputs/a"), pointer("inputs/b"), "{}"]))
    assert found == {**each([0, 2], SUCCEEDED), **each([1], dead_lettered(reason))}
    assert aws.dead_letters()["m1"]["detail"] == detail


@pytest.mark.parametrize("spelled", ["{}", "\ufeff{}", " {}\r\n"])
def test_a_body_in_base64_is_sent_as_bytes(aws: LocalAws, single: Build, spelled: str) -> None:
    body = spelled.format(base64.encodebytes(png()).decode())
    assert outcomes(aws, single(body_encoding="base64"), make_event([body])) == each([0], SUCCEEDED)
    assert aws.requests[0].body == png()


def test_a_text_in_base64_is_read_by_every_codec(aws: LocalAws, inference: Build) -> None:
    body = base64.b64encode('{"inputs": "Grüße"}'.encode()).decode()
    assert outcomes(aws, inference(body_encoding="base64"), make_event([body])) == each([0], SUCCEEDED)
    assert aws.requests[0].inputs == ["Grüße"]


def test_an_object_is_never_taken_for_base64(aws: LocalAws, single: Build) -> None:
    put(aws, "inputs/a", b"aGk=")
    assert outcomes(aws, single(body_encoding="base64"), make_event([pointer("inputs/a")])) == each([0], SUCCEEDED)
    assert aws.requests[0].body == b"aGk="


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("aGk", "the body is not base64: Incorrect padding"),
        ('{"inputs": "a"}', "the body is not base64: Only base64 data is allowed"),
        ("data:image/png;base64,aGk=", "the body is not base64: Only base64 data is allowed"),
        ("Grüße", "the body is not base64: string argument should contain only ASCII characters"),
        ("aGk_", "the body is not base64: Only base64 data is allowed"),
        (" \n", "the body must not be empty"),
    ],
)
def test_a_body_that_is_not_base64_is_dead_lettered_and_its_neighbour_scored(
    aws: LocalAws, single: Build, body: str, detail: str
) -> None:
    found = outcomes(aws, single(body_encoding="base64"), make_event([body, "aGk="]))
    assert found == {**each([0], dead_lettered("malformed")), **each([1], SUCCEEDED)}
    assert aws.dead_letters()["m0"]["detail"] == detail


def test_further_places_are_read_too(aws: LocalAws, single: Build) -> None:
    aws.objects |= {"payloads/inputs/a": b"a", "partner/x/b": b"b", "partner/y/c": b"c"}
    handler = single(more_input_locations=("s3://partner/x/", "s3://third/"))
    bodies = [json.dumps({"s3": f"s3://{name}"}) for name in aws.objects]
    assert outcomes(aws, handler, make_event(bodies)) == {
        **each([0, 1], SUCCEEDED),
        **each([2], dead_lettered("malformed")),
    }
    assert aws.dead_letters()["m2"]["detail"] == (
        "s3://partner/y/c is not below s3://payloads/inputs/ or s3://partner/x/ or s3://third/"
    )


def test_a_bucket_of_another_account_is_read_only_if_the_settings_name_its_owner(aws: LocalAws, single: Build) -> None:
    """A bucket that was deleted may be created anew by anybody."""
    put(aws, "inputs/a", b"a")
    aws.owners["payloads"] = "210987654321"
    event = make_event([pointer("inputs/a"), "{}"], receive_count=5)
    assert outcomes(aws, single(), event) == {
        **each([0], dead_lettered("input-unavailable")),
        **each([1], SUCCEEDED),
    }
    assert aws.dead_letters()["m0"]["detail"] == (
        "s3://payloads/inputs/a, in a bucket that account 123456789012 owns: An error occurred (AccessDenied) when "
        "calling the GetObject operation: Access Denied"
    )
    aws.queues.clear()
    handler = single(input_bucket_owners={"payloads": "210987654321"})
    assert outcomes(aws, handler, make_event([pointer("inputs/a")])) == each([0], SUCCEEDED)


def test_an_arn_without_an_account_expects_no_owner(aws: LocalAws, single: Build) -> None:
    put(aws, "inputs/a", b"a")
    aws.owners["payloads"] = "210987654321"
    context = FakeContext(invoked_function_arn="local")
    assert returned(single().process(make_event([pointer("inputs/a")]), context)) == []
    assert set(aws.results()) == {"m0"}


def test_a_pointer_with_further_members_is_a_pointer_and_they_are_logged_once_by_name(
    aws: LocalAws, single: Build, caplog: pytest.LogCaptureFixture
) -> None:
    put(aws, "inputs/a", b"a")
    handler = single()
    bodies = [pointer("inputs/a"), pointer("inputs/a", id=7, tenant="secret"), pointer("inputs/a", more=1)]
    assert outcomes(aws, handler, make_event(bodies)) == each(range(3), SUCCEEDED)
    assert [request.body for request in aws.requests] == [b"a"] * 3
    lines = [message for message in caplog.messages if "ignored" in message]
    assert lines == ['members beside "s3" are ignored: id, tenant']


@pytest.mark.parametrize(
    "body",
    [
        '{"s3": "s3://payloads/inputs/a", "inputs": "x"}',
        '{"s3": "not there", "id": 7}',
        '{"s3": {"bucket": "payloads"}}',
        '{"s3": 7}',
        '["s3"]',
    ],
)
def test_what_is_no_pointer_is_data(aws: LocalAws, single: Build, body: str) -> None:
    assert outcomes(aws, single(), make_event([body])) == each([0], SUCCEEDED)
    assert aws.requests[0].body == body.encode()


def test_members_beside_inputs_are_logged_once_by_name_and_the_record_is_scored(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "handler")
    handler = inference()
    names = {f"name {number:02}": "secret" for number in range(12)}
    bodies = [
        '{"inputs": "a"}',
        '{"inputs": "a", "parameters": {}}',
        '{"inputs": "a", "id": "secret", "x\\u000ay": 1}',
        json.dumps({"inputs": "a", **names}),
    ]
    for _ in range(2):
        handler.process(make_event(bodies), FakeContext())
    assert len(aws.queues["results"]) == 8
    assert [message for message in caplog.messages if "ignored" in message] == [
        r'members beside "inputs" are ignored: id, x\ny'
    ]


TWICE = 'the body must be a JSON object with "inputs"; it is JSON within a JSON text, encoded twice'
WRAPPED = 'the body is a request, {"instances": [ … ]}, and must be one record of it'


@pytest.mark.parametrize(
    ("codec", "body", "detail"),
    [
        ("huggingface", '"{\\"inputs\\": 1}"', TWICE),
        ("huggingface", '"[1]"', TWICE),
        ("huggingface", '"text"', 'the body must be a JSON object with "inputs"'),
        ("instances", '{"instances": [[1, 2]]}', WRAPPED),
        ("instances", ' { "instances" :[]}', WRAPPED),
    ],
)  # fmt: skip
def test_what_was_encoded_or_wrapped_twice_is_said(
    aws: LocalAws, inference: Build, codec: str, body: str, detail: str
) -> None:
    assert outcomes(aws, inference(codec=codec), make_event([body])) == each([0], dead_lettered("malformed"))
    assert aws.dead_letters()["m0"]["detail"] == detail


@pytest.mark.parametrize(
    ("codec", "body", "sent"),
    [
        ("instances", '"{\\"inputs\\": 1}"', b'{"instances":["{\\"inputs\\": 1}"]}'),
        ("jsonlines", '"{\\"inputs\\": 1}"', b'"{\\"inputs\\": 1}"\n'),
        ("single", '"{\\"inputs\\": 1}"', b'"{\\"inputs\\": 1}"'),
        ("instances", '{"instances": 3}', b'{"instances":[{"instances": 3}]}'),
        ("instances", '{"instances": [1], "b": 2}', b'{"instances":[{"instances": [1], "b": 2}]}'),
        ("jsonlines", '{"instances": [[1, 2]]}', b'{"instances": [[1, 2]]}\n'),
    ],
)
def test_what_may_be_data_stays_data(aws: LocalAws, inference: Build, codec: str, body: str, sent: bytes) -> None:
    bodies: list[bytes] = []

    def endpoint(request: Request) -> Answer:
        bodies.append(request.body)
        return Answer(body=b'{"predictions": [{"a": 1}]}' if codec == "instances" else b'{"a": 1}')

    aws.endpoint = endpoint
    assert outcomes(aws, inference(codec=codec), make_event([body])) == each([0], SUCCEEDED)
    assert bodies == [sent]


def test_an_object_that_is_missing_or_not_given_out_comes_again_and_its_neighbours_are_scored(
    aws: LocalAws, single: Build
) -> None:
    put(aws, "inputs/a", b"a")

    def refuse(method: str, name: str) -> Answer | None:
        return service_error(403, "AccessDenied") if name.endswith("denied") else None

    aws.refuse_object = refuse
    bodies = [pointer(f"inputs/{key}") for key in ("a", "missing", "denied")]
    assert sorted(returned(single().process(make_event(bodies), FakeContext()))) == ["m1", "m2"]
    assert set(aws.results()) == {"m0"}
