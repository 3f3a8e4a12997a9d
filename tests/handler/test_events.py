"""Events that are no batch of messages: one error that says what the function expects."""

import json
from typing import Any

import pytest

from handler.records import UnexpectedEventError, read_records
from tests.handler.aws import LocalAws
from tests.handler.conftest import Build, FakeContext, make_event, texts

EXPECTED = 'the function expects messages of an SQS queue, {"Records": [{"messageId": "…", "body": "…"}]}, and got '


def without(name: str) -> dict[str, Any]:
    event = make_event(texts(2))
    del event["Records"][1][name]
    return event


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"key1": "value1", "key2": "value2", "key3": "value3"}, "an object with key1, key2, key3"),
        ({f"k{number}": 1 for number in range(12)}, "an object with k0, k1, k2, k3, k4, k5, k6, k7, k8, k9"),
        ({}, "an object with no members"),
        ({"Records": {"messageId": "m"}}, "an object with Records"),
        ([], "a list"),
        ("text", "a str"),
        (None, "a NoneType"),
        ({"Records": ["text"]}, "a record that is a str"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "a"}}]}, "a record of aws:sns"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "a record of aws:s3"),
        ({"Records": [{"eventSource": "aws:kinesis", "kinesis": {}}]}, "a record of aws:kinesis"),
        ({"Records": [{"cf": {}}]}, "a record without messageId"),
        (without("messageId"), "a record without messageId"),
    ],
)  # fmt: skip
def test_the_error_says_what_is_expected_and_what_came(aws: LocalAws, inference: Build, event: Any, found: str) -> None:
    with pytest.raises(UnexpectedEventError) as raised:
        inference().process(event, FakeContext())
    assert str(raised.value) == EXPECTED + found
    assert (aws.requests, aws.queues) == ([], {})


def test_a_record_needs_no_more_than_its_id_and_its_body() -> None:
    (record,) = read_records({"Records": [{"messageId": "m0", "body": json.dumps({"inputs": "a"})}]})
    assert (record.message_id, record.receive_count, record.attributes) == ("m0", 1, {})
    assert read_records({"Records": []}) == []
