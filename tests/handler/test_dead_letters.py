"""Dead letters: attributes, trace, and room for the reason."""

import pytest

from handler.records import Reason, Record
from handler.settings import HandlerSettings
from handler.sinks import SqsTransport, dead_letter_entry
from tests.handler.aws import LocalAws
from tests.handler.conftest import Build, FakeContext, make_event, returned, texts
from tests.handler.sinks import ARN, TRACE_HEADER, traced

SETTINGS = HandlerSettings(endpoint_name="dev-language", dead_letter_queue_url="")
REASON = len("reason" + "String" + "malformed")
SOURCE_ID = len("sourceMessageId" + "String" + "m0")


def test_a_dead_letter_keeps_the_records_attributes_and_trace(aws: LocalAws, inference: Build) -> None:
    event = traced(make_event(["not json"]), TargetModel="a.tar.gz", reason="their own", **{"Amazon.x": "y"})
    inference().process(event, FakeContext())
    (message,) = aws.queues["dead"]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes.pop("detail").startswith("the body is not JSON")
    assert attributes == {
        "reason": "malformed",
        "sourceMessageId": "m0",
        "endpoint": "dev-language",
        "receiveCount": "1",
        "TargetModel": "a.tar.gz",
    }
    assert message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"] == TRACE_HEADER


def _letter(body: str, **attributes: str) -> dict[str, str]:
    record = Record("m0", "r0", body, 1, ARN, attributes=attributes)
    return dict(dead_letter_entry(record, SETTINGS, Reason.MALFORMED, "why").attributes)


def test_of_ten_attributes_a_dead_letter_keeps_those_that_are_read_again() -> None:
    names = [*(f"own{number}" for number in range(8)), "TargetVariant", "traceparent"]
    kept = list(_letter("x", **dict.fromkeys(names, "v")))
    assert kept[5:] == ["TargetVariant", "traceparent", "own0", "own1", "own2"]


def test_a_dead_letter_keeps_only_the_attributes_it_has_bytes_for() -> None:
    five = sum(len(name) + 6 + len(value) for name, value in _letter("x").items())
    body = "x" * (1_048_576 - five - 30)
    assert list(_letter(body, large="v" * 40, small="v" * 19))[5:] == ["small"]


@pytest.mark.parametrize(
    ("spare", "names"),
    [
        (REASON, ["reason"]),
        (REASON + SOURCE_ID, ["reason", "sourceMessageId"]),
        (REASON + SOURCE_ID + 37, ["reason", "sourceMessageId", "endpoint", "k"]),
        (REASON + SOURCE_ID + 60, ["reason", "sourceMessageId", "endpoint", "receiveCount", "detail"]),
    ],
)
def test_a_dead_letter_of_a_large_body_keeps_what_has_room(
    aws: LocalAws, inference: Build, spare: int, names: list[str]
) -> None:
    body = "x" * (1_048_576 - spare)
    assert returned(inference().process(traced(make_event([body]), k="v"), FakeContext())) == []
    (message,) = aws.queues["dead"]
    assert (list(message["MessageAttributes"]), message["MessageBody"]) == (names, body)


def test_a_detail_is_cut_between_characters() -> None:
    record = Record("m0", "r0", "x" * (1_048_576 - REASON - SOURCE_ID - 45 - 18), 1, ARN)
    letter = dead_letter_entry(record, SETTINGS, Reason.MALFORMED, "ä€ö")
    assert letter.attributes["detail"] == "ä€"
    assert SqsTransport(None, "").size(letter) == 1_048_575


def test_a_body_that_leaves_no_room_for_a_reason_is_returned_until_sqs_moves_it(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    body = "x" * (1_048_576 - REASON + 1)
    assert returned(inference().process(make_event([body, *texts(1)]), FakeContext())) == ["m0"]
    assert "dead" not in [queue for queue, _ in aws.batches]
    assert "bytes, an SQS message takes 1048576" in caplog.text
