"""Message groups of standard queues: they go on with results and dead letters, and keep no order."""

import json
from typing import Any

import pytest

from tests.handler.aws import LocalAws, model_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    Event,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    make_fifo_event,
    outcomes,
    returned,
    texts,
)
from tests.handler.sinks import EVENTBRIDGE, S3, SNS, SQS, Sink

PASSED = {"pass_message_group": True}


def of_tenants(tenants: str, bodies: list[str] | None = None) -> Event:
    """Return an event of a standard queue; a dash is a message without a group."""
    event = make_event(bodies or texts(len(tenants)))
    for record, tenant in zip(event["Records"], tenants, strict=True):
        if tenant != "-":
            record["attributes"]["MessageGroupId"] = tenant
    return event


@pytest.mark.parametrize("sink", [SQS, SNS], ids=lambda sink: sink.name)
def test_a_result_is_of_its_messages_group(aws: LocalAws, inference: Build, sink: Sink) -> None:
    inference(**PASSED, **sink.settings).process(of_tenants("ab-a"), FakeContext())
    groups = {json.loads(entry[sink.body])["id"]: entry.get("MessageGroupId") for entry in aws.queues["results"]}
    assert groups == {"m0": "a", "m1": "b", "m2": None, "m3": "a"}
    assert {sink.events(aws)[id_].get("messagegroupid") for id_ in ("m0", "m2")} == {"a", None}
    assert all("MessageDeduplicationId" not in entry for entry in aws.queues["results"])


def test_other_sinks_have_it_in_the_event(aws: LocalAws, inference: Build) -> None:
    inference(**PASSED, **EVENTBRIDGE.settings).process(of_tenants("a"), FakeContext())
    inference(**PASSED, **S3).process(of_tenants("b"), FakeContext())
    (lines,) = aws.objects.values()
    assert (EVENTBRIDGE.events(aws)["m0"]["messagegroupid"], json.loads(lines)["messagegroupid"]) == ("a", "b")


def test_a_dead_letter_is_of_its_messages_group_too(aws: LocalAws, inference: Build) -> None:
    inference(**PASSED).process(of_tenants("a-", ["not json", "nor this"]), FakeContext())
    assert [letter.get("MessageGroupId") for letter in aws.queues["dead"]] == ["a", None]


def test_by_default_no_group_goes_on(aws: LocalAws, inference: Build) -> None:
    inference().process(of_tenants("aa", [texts(1)[0], "not json"]), FakeContext())
    sent = [*aws.queues["results"], *aws.queues["dead"]]
    assert not any("MessageGroupId" in entry for entry in sent), "a group makes a queue's requests cost more"
    assert "messagegroupid" not in aws.results()["m0"]


@pytest.mark.parametrize("settings", [PASSED, {}], ids=["passed on", "not passed on"])
def test_no_order_is_kept_and_nobody_is_held(aws: LocalAws, inference: Build, settings: dict[str, Any]) -> None:
    """On a FIFO queue all of these would be held behind the first."""
    aws.script(model_error(413))
    handler = inference(max_records_per_request=1, requests_in_flight=1, **settings)
    found = outcomes(aws, handler, of_tenants("aaaa"))
    assert found == {"m0": dead_lettered("too-large"), **each(range(1, 4), SUCCEEDED)}


def test_records_of_several_groups_share_a_request(aws: LocalAws, inference: Build) -> None:
    inference(**PASSED, max_records_per_request=9, requests_in_flight=4).process(of_tenants("abcabcabc"), FakeContext())
    assert [len(request.inputs) for request in aws.requests] == [9]


@pytest.mark.parametrize("sink", [SQS, SNS], ids=lambda sink: sink.name)
def test_a_list_of_results_is_of_one_group(aws: LocalAws, inference: Build, sink: Sink) -> None:
    handler = inference(**PASSED, **sink.settings, max_events_per_message=3)
    assert outcomes(aws, handler, of_tenants("abababab-")) == each(range(9), SUCCEEDED)
    lists = {
        tuple(event["id"] for event in json.loads(entry[sink.body])): entry.get("MessageGroupId")
        for entry in aws.queues["results"]
    }
    assert lists == {("m0", "m2", "m4"): "a", ("m6",): "a", ("m1", "m3", "m5"): "b", ("m7",): "b", ("m8",): None}


def test_more_groups_than_a_call_takes_leave_in_several_calls(aws: LocalAws, inference: Build) -> None:
    """A call that fails returns its own lists' records alone."""
    calls: list[int] = []

    def refuse(_: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        if entry["MessageGroupId"] in "xyz":
            calls.append(1)
            return {"Code": "InternalError"}
        return None

    aws.refuse = refuse
    handler = inference(**PASSED, max_events_per_message=100)
    tenants = "abcdefghijklmnopqrstuvwxyz"
    back = returned(handler.process(of_tenants(tenants), FakeContext()))
    assert back == ["m23", "m24", "m25"]
    assert len(calls) == 9, "refused entries are tried three times each"
    assert max(len(entries) for _, entries in aws.batches) == 10
    sent = [event["id"] for entry in aws.queues["results"] for event in json.loads(entry["MessageBody"])]
    assert sorted(sent) == sorted(f"m{number}" for number in range(23))


def test_a_fifo_queues_group_is_in_the_event_as_well(aws: LocalAws, inference: Build) -> None:
    inference(**PASSED, **EVENTBRIDGE.settings).process(make_fifo_event("ab"), FakeContext())
    assert [EVENTBRIDGE.events(aws)[id_]["messagegroupid"] for id_ in ("m0", "m1")] == ["a", "b"]
