"""Records that mean the same: scored once, and their results have one id."""

import json
from typing import Any

import pytest

from tests.handler.aws import LocalAws, model_error
from tests.handler.conftest import (
    Build,
    Event,
    FakeContext,
    Items,
    make_event,
    make_fifo_event,
    outcomes,
    returned,
    returned_for,
    serve_table,
)
from tests.handler.test_envelopes import cloud_event, sns

KEYS = {"idempotency_table": "t", "idempotency_key": "correlation", "correlation": "/id"}


@pytest.fixture
def table(aws: LocalAws) -> Items:
    return serve_table(aws)


def body(text: str, id_: object = "o-1", **more: Any) -> str:
    return json.dumps({"inputs": text, "id": id_, **more})


def renamed(event: Event, prefix: str) -> Event:
    """Give its messages other ids, as those have that a producer sends once more, or that are redriven."""
    for record in event["Records"]:
        record["messageId"] = prefix + record["messageId"]
    return event


def ids(aws: LocalAws) -> list[str]:
    """Return the results' ids in the order of sending, and forget the results."""
    return [json.loads(message["MessageBody"])["id"] for message in aws.queues.pop("results", [])]


def test_a_producers_retry_is_scored_once_and_its_result_has_the_same_id(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    handler = inference(**KEYS)
    handler.process(make_event([body("a")]), FakeContext())
    (first,) = aws.queues.pop("results")
    handler.process(renamed(make_event([body("a")]), "again-"), FakeContext())
    (second,) = aws.queues["results"]
    one, other = json.loads(first["MessageBody"]), json.loads(second["MessageBody"])
    assert len(aws.requests) == 1, "the second message was scored, and paid for, too"
    assert {**one, "time": ""} == {**other, "time": ""}
    assert (one["subject"], len(one["id"])) == ("o-1", 40)
    assert set(table) == {one["id"]}


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({}, body("b")),
        ({}, body("a", "o-2")),
        ({}, body("a", parameters={"k": 1})),
        ({"keep_members": ("meta",)}, body("a", meta=1)),
    ],
    ids=["another body", "another correlation", "other parameters", "another kept member"],
)
def test_what_differs_shares_no_result(
    aws: LocalAws, inference: Build, table: Items, settings: dict[str, Any], other: str
) -> None:
    handler = inference(**KEYS, **settings)
    assert returned(handler.process(make_event([body("a"), other]), FakeContext())) == []
    sent = [json.loads(message["MessageBody"]) for message in aws.queues["results"]]
    assert len({event["id"] for event in sent}) == 2
    assert len(table) == 2
    assert sum(len(request.inputs) for request in aws.requests) == 2


def test_another_model_pipeline_or_version_shares_no_result(aws: LocalAws, inference: Build, table: Items) -> None:
    event = make_event([body("a")])
    targeted = make_event([body("a")])
    targeted["Records"][0]["messageAttributes"] = {"TargetModel": {"stringValue": "b.tar.gz", "dataType": "String"}}
    elsewhere = make_event([body("a")])
    elsewhere["Records"][0]["eventSourceARN"] += "-two"
    inference(**KEYS, targets_from_messages=True).process(event, FakeContext())
    inference(**KEYS, targets_from_messages=True).process(targeted, FakeContext())
    inference(**KEYS, model_version="2").process(event, FakeContext())
    inference(**KEYS).process(elsewhere, FakeContext())
    assert len({*ids(aws)}) == 4
    assert len(aws.requests) == 4


def test_what_only_the_way_has_added_makes_no_difference(aws: LocalAws, inference: Build, table: Items) -> None:
    """SNS gives each notification an id and a time; a first pipeline gives each of its events one."""
    handler = inference(**KEYS, envelope="sns")
    for stamp in ("10:00", "10:05"):
        handler.process(renamed(make_event([sns(body("a"), Timestamp=stamp, MessageId=stamp)]), stamp), FakeContext())
    assert len({*ids(aws)}) == 1
    handler = inference(**{**KEYS, "correlation": "/subject"}, envelope="cloudevents")
    for stamp in ("10:00", "10:05"):
        event = cloud_event('{"inputs": "a"}', subject="o-1", time=stamp)
        handler.process(renamed(make_event([event]), stamp), FakeContext())
    assert len({*ids(aws)}) == 1
    assert len(aws.requests) == 1, "both ways the model would have got the same"


def test_a_redriven_message_is_scored_once_and_has_the_same_id(aws: LocalAws, inference: Build, table: Items) -> None:
    handler = inference(**KEYS, max_receive_count=1)
    aws.script(model_error(400))
    handler.process(make_event([body("a")]), FakeContext())
    (letter,) = aws.queues.pop("dead")
    assert table == {}, "the claim of a record that was dead-lettered must be released"
    redriven = renamed(make_event([letter["MessageBody"]]), "redriven-")
    redriven["Records"][0]["messageAttributes"] = {
        name: {"stringValue": value["StringValue"], "dataType": "String"}
        for name, value in letter["MessageAttributes"].items()
    }
    handler.process(redriven, FakeContext())
    handler.process(renamed(make_event([body("a")]), "sent-again-"), FakeContext())
    redriven_id, again = ids(aws)
    assert redriven_id == again
    assert len(aws.requests) == 2, "once refused, and once scored"


def test_a_redriven_message_finds_its_correlation_in_the_dead_letters_attributes(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    handler = inference(**{**KEYS, "correlation": "orderId"}, max_receive_count=1)
    event = make_event([body("a")])
    event["Records"][0]["messageAttributes"] = {"orderId": {"stringValue": "o-1", "dataType": "String"}}
    handler.process(event, FakeContext())
    (scored,) = ids(aws)
    aws.script(model_error(400))
    table.clear()
    handler.process(event, FakeContext())
    (letter,) = aws.queues.pop("dead")
    redriven = renamed(make_event([letter["MessageBody"]]), "redriven-")
    redriven["Records"][0]["messageAttributes"] = {
        "orderId": {"stringValue": letter["MessageAttributes"]["orderId"]["StringValue"], "dataType": "String"}
    }
    handler.process(redriven, FakeContext())
    assert ids(aws) == [scored]


def test_of_two_in_one_batch_the_second_follows_the_first(aws: LocalAws, inference: Build, table: Items) -> None:
    handler = inference(**KEYS)
    event = make_event([body("a"), body("b"), body("a")])
    found = outcomes_of_batch(aws, handler, event)
    assert found == {"scored": 2, "returned": ["m2"]}
    event["Records"] = event["Records"][2:]
    assert outcomes_of_batch(aws, handler, event) == {"scored": 1, "returned": []}
    assert sum(len(request.inputs) for request in aws.requests) == 2


def outcomes_of_batch(aws: LocalAws, handler: Any, event: Event) -> dict[str, Any]:
    back = returned(handler.process(event, FakeContext()))
    return {"scored": len(ids(aws)), "returned": back}


def test_in_a_message_group_the_first_of_two_goes_first(aws: LocalAws, inference: Build, table: Items) -> None:
    event = make_fifo_event("aab", [body("a"), body("a"), body("c")])
    handler = inference(**KEYS, result_target=f"{aws.url}/123456789012/results.fifo")
    assert returned(handler.process(event, FakeContext())) == ["m1"]
    entries = aws.queues["results.fifo"]
    assert sorted(entry["MessageDeduplicationId"] for entry in entries) == sorted(table)


def test_without_a_correlation_the_message_s_id_is_the_key(aws: LocalAws, inference: Build, table: Items) -> None:
    inference(**KEYS).process(make_event(['{"inputs": "a"}', body("a", None)]), FakeContext())
    assert sorted(ids(aws)) == sorted(table) == ["m0", "m1"]


def test_a_result_over_the_limit_and_an_object_on_s3_are_named_by_the_same_id(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    aws.objects["payloads/inputs/a"] = b'{"inputs": "' + b"x" * 5 + b'"}'
    places = {"input_location": "s3://payloads/inputs/", "result_sink": "s3", "result_target": "s3://payloads/out/"}
    handler = inference(**KEYS, **places)
    pointer = '{"s3": "s3://payloads/inputs/a", "id": "o-1"}'
    for prefix in ("", "again-"):
        handler.process(renamed(make_event([pointer]), prefix), FakeContext())
    assert len([name for name in aws.objects if name.startswith("payloads/out/")]) == 1
    aws.objects["payloads/inputs/a"] = b'{"inputs": "another content"}'
    handler.process(renamed(make_event([pointer]), "later-"), FakeContext())
    assert len([name for name in aws.objects if name.startswith("payloads/out/")]) == 2, "contents differ, ids must too"


def test_what_is_in_progress_elsewhere_is_returned_whatever_its_message(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    handler = inference(**KEYS)
    handler.process(make_event([body("a")]), FakeContext())
    (key,) = table
    later = {"N": "99999999999"}
    table[key] = {"id": {"S": key}, "claimed_until": later, "expires_at": later}
    found = outcomes(aws, handler, renamed(make_event([body("a")]), "x"))
    assert found == {"xm0": returned_for("in-progress-elsewhere")}
