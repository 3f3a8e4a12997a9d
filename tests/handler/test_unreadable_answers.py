"""Answers of sinks, the table and S3 that botocore can't read concern their own records alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    Items,
    each,
    make_event,
    make_fifo_event,
    outcomes,
    returned_for,
    serve_table,
    texts,
)

# Each is the answer to one call; the next one is as it should be.
UNREADABLE = [
    Answer(body=b"null"),
    Answer(body=b"[]"),
    Answer(body=b"7"),
    Answer(body=b"\xff\xfe\x00"),
    Answer(body=b'{"Successful": [{}], "Failed": [{}]}'),
    Answer(body=b'{"Successful": null}'),
    Answer(body=b'{"Successful": [null], "Failed": [5]}'),
    Answer(body=b'{"Successful": [{"Id": ["a"]}], "Failed": [{"Id": {}, "Code": 5}]}'),
    Answer(status=400, body=b'{"code": 5, "message": {}}'),
    Answer(body=b"<html>", headers={"Content-Length": "abc", "Connection": "close"}),
    Answer(status=500, body=b"null"),
    Answer(status=503, body=b'"x"'),
    Answer(status=400, body=b"<html>Zu gro\xdf</html>"),
    Answer(status=204),
    Answer(status=103),
    Answer(status=206, body=b"{}"),
]


def once(answer: Answer, queue: str) -> Callable[[str, dict[str, Any]], Answer | None]:
    """Return what answers so to the first call for this queue."""
    left = [answer]
    return lambda name, entry: left.pop() if name == queue and left else None


@pytest.mark.parametrize("answer", UNREADABLE, ids=lambda answer: f"{answer.status}-{answer.body[:12]!r}")
@pytest.mark.parametrize("queue", ["results", "dead"])
def test_an_unreadable_answer_of_a_sink_is_sent_again(
    aws: LocalAws, inference: Build, answer: Answer, queue: str
) -> None:
    aws.refuse = once(answer, queue)
    event = make_event([*texts(3), "malformed"])
    found = outcomes(aws, inference(), event)
    assert {id_: names.split(" and ")[0] for id_, (names, _) in found.items()} == {
        "m0": "succeeded",
        "m1": "succeeded",
        "m2": "succeeded",
        "m3": "dead-lettered",
    }


@pytest.mark.parametrize(
    "entries", [[None], [{"ErrorCode": 5}], [{"EventId": "e"}], [{"EventId": "e"}] * 4, [{"EventId": "e"}] * 9]
)
def test_an_answer_of_eventbridge_to_another_number_of_events_acknowledges_nothing(
    aws: LocalAws, inference: Build, entries: list[object]
) -> None:
    """The sends are repeated, so that each event reaches the bus in the end."""
    aws.refuse = once(Answer(body=json.dumps({"FailedEntryCount": 0, "Entries": entries}).encode()), "results")
    handler = inference(result_sink="eventbridge", result_target="results")
    assert outcomes(aws, handler, make_event(texts(3))) == each(range(3), SUCCEEDED)


@pytest.mark.parametrize("answer", UNREADABLE, ids=lambda answer: f"{answer.status}-{answer.body[:12]!r}")
def test_an_unreadable_answer_of_the_table_returns_its_record_alone(
    aws: LocalAws, inference: Build, answer: Answer
) -> None:
    serve_table(aws)
    serve = aws.dynamodb
    # A claim's answer is empty, so that only an error, or what is not JSON, is none. An answer without a length is
    # tried once more.
    is_claim = answer.body in (b"null", b"[]", b"7") or answer.body.startswith(b"{") or bool(answer.headers)
    left = [answer]

    def dynamodb(operation: str, call: dict[str, Any]) -> dict[str, Any] | Answer:
        is_first = operation == "PutItem" and call["Item"]["id"]["S"] == "m1" and left
        return left.pop() if is_first else serve(operation, call)

    aws.dynamodb = dynamodb
    found = outcomes(aws, inference(idempotency_table="t"), make_event(texts(3)))
    assert found["m0"] == found["m2"] == SUCCEEDED
    if not is_claim:
        assert found["m1"] == returned_for("idempotency-unavailable")


@pytest.mark.parametrize("status", [102, 103])
def test_after_an_interim_answer_of_the_table_no_result_is_another_records(
    aws: LocalAws, inference: Build, status: int
) -> None:
    """The final answer, with the first record's result, comes while the second is claimed."""
    table: Items = serve_table(aws)
    table["m0"] = {"id": {"S": "m0"}, "result": {"S": '"of m0"'}, "expires_at": {"N": "99999999999"}}
    serve, invoked = aws.dynamodb, inference(idempotency_table="t")

    def dynamodb(operation: str, call: dict[str, Any]) -> dict[str, Any] | Answer:
        answer = serve(operation, call)
        return replace(answer, interim=status, interim_seconds=0.5) if isinstance(answer, Answer) else answer

    aws.dynamodb = dynamodb
    assert outcomes(aws, invoked, make_event(texts(1))) == {"m0": returned_for("idempotency-unavailable")}
    event = make_event(texts(2))
    del event["Records"][0]
    assert outcomes(aws, invoked, event) == {"m1": SUCCEEDED}
    assert aws.results()["m1"]["data"]["result"] == {"label": "text 1"}


@pytest.mark.parametrize("result", [{}, {"S": "not JSON"}, {"N": "1"}, {"S": "[" * 100_000}])
def test_a_remembered_result_that_is_not_one_returns_its_record_alone(
    aws: LocalAws, inference: Build, result: dict[str, str]
) -> None:
    table = serve_table(aws)
    table["m1"] = {"id": {"S": "m1"}, "result": result, "expires_at": {"N": "99999999999"}}
    found = outcomes(aws, inference(idempotency_table="t"), make_event(texts(3)))
    assert found["m0"] == found["m2"] == SUCCEEDED
    assert found["m1"][0] == "returned"


@pytest.mark.parametrize(
    "answer", [Answer(status=206, body=b'{"inputs": "a"}'), Answer(status=500, body=b"\xff"), Answer(status=102)]
)
def test_an_unreadable_answer_of_s3_returns_its_record_alone(aws: LocalAws, inference: Build, answer: Answer) -> None:
    aws.refuse_object = lambda method, name: answer
    bodies = [*texts(1), json.dumps({"s3": "s3://inputs/a.json"}), *texts(1)]
    found = outcomes(aws, inference(input_location="s3://inputs/"), make_event(bodies))
    assert found == {"m0": SUCCEEDED, "m1": returned_for("input-unavailable"), "m2": SUCCEEDED}


def test_claims_of_records_that_are_held_are_released(aws: LocalAws, inference: Build) -> None:
    """The first of the group lacks its input; the others can be claimed again by the next delivery."""
    table: Items = serve_table(aws)
    bodies = [json.dumps({"s3": "s3://inputs/missing.json"}), *texts(4)]
    event = make_fifo_event("aaaab", bodies)
    handler = inference(idempotency_table="t", input_location="s3://inputs/")
    found = outcomes(aws, handler, event)
    assert found == {
        "m0": returned_for("input-unavailable"),
        **each((1, 2, 3), returned_for("held-behind-its-group")),
        "m4": SUCCEEDED,
    }
    assert set(table) == {"m4"}
    aws.objects["inputs/missing.json"] = texts(1)[0].encode()
    aws.queues.clear()
    assert outcomes(aws, handler, make_fifo_event("aaaab", bodies, receive_count=2)) == each(range(5), SUCCEEDED)


def test_an_error_of_a_sink_is_logged_once_with_its_messages(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    aws.refuse = lambda queue, entry: {"Code": "InternalError", "Message": "down", "SenderFault": False}
    handler = inference()
    handler.process(make_event(texts(50)), FakeContext())
    lines = [record for record in caplog.records if record.getMessage().startswith("result not sent")]
    assert [record.getMessage() for record in lines] == ["result not sent: InternalError: down"]
    assert sorted(lines[0].__dict__["message_ids"]) == sorted(f"m{number}" for number in range(50))
