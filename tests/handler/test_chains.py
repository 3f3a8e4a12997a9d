"""Chains: the results of one pipeline are what the next one gets, and whose they are goes through."""

import base64
import json
from typing import Any

import pytest

from handler.batch import BatchInference
from tests.handler.aws import LocalAws
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    Event,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned,
    serve_table,
)
from tests.handler.sinks import EVENTBRIDGE, SNS, TRACE_HEADER, TRACEPARENT, traced
from tests.handler.test_envelopes import ANSWER, cloud_event, sns

SECOND_ARN = "arn:aws:sqs:eu-central-1:123456789012:dev-sentiment-work"
KEPT: dict[str, Any] = {
    "keep_members": ("inputs",),
    "correlation": "/orderId",
    "pass_attributes": ("tenant",),
    "pass_message_group": True,
}


def delivered(aws: LocalAws, way: str) -> Event:
    """Return the first pipeline's results as the second one's queue delivers them."""
    event: Event = {"Records": []}
    for number, entry in enumerate(aws.queues.pop("results")):
        record = make_event([_on_the_way(entry, way)])["Records"][0]
        record |= {"messageId": f"second-{number}", "receiptHandle": f"s{number}", "eventSourceARN": SECOND_ARN}
        if way in ("queue", "raw topic"):
            record["messageAttributes"] = {
                name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                for name, value in entry.get("MessageAttributes", {}).items()
            }
            record["attributes"] |= {name: entry[name] for name in ("MessageGroupId",) if name in entry}
        header = entry.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {}).get("StringValue")
        if header or "TraceHeader" in entry:
            record["attributes"]["AWSTraceHeader"] = header or entry["TraceHeader"]
        event["Records"].append(record)
    return event


def _on_the_way(entry: dict[str, Any], way: str) -> str:
    match way:
        case "queue":
            return str(entry["MessageBody"])
        case "raw topic":
            return str(entry["Message"])
        case "topic":
            return sns(entry["Message"])
        case "bus, its detail":
            return str(entry["Detail"])
        case _:
            whole = {"version": "0", "source": entry["Source"], "detail-type": entry["DetailType"]}
            return json.dumps({**whole, "detail": json.loads(entry["Detail"])})


WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "queue": ({}, "cloudevents"),
    "raw topic": (SNS.settings, "cloudevents"),
    "topic": (SNS.settings, "cloudevents"),
    "bus, its detail": (EVENTBRIDGE.settings, "cloudevents"),
    "bus": (EVENTBRIDGE.settings, "auto"),
}


@pytest.mark.parametrize(
    ("way", "lists"), [*((way, 1) for way in WAYS), *((way, 3) for way in WAYS if not way.startswith("bus"))]
)
def test_one_record_is_followed_by_its_identity_alone(aws: LocalAws, inference: Build, way: str, lists: int) -> None:
    """From its producer to the second pipeline's result, whatever lies between them."""
    sink, envelope = WAYS[way]
    first = inference(**KEPT, **sink, max_events_per_message=lists)
    second = inference(
        **{**KEPT, "correlation": ""}, envelope=envelope, endpoint_name="dev-sentiment", max_events_per_message=1
    )
    sent = traced(make_event([json.dumps({"inputs": f"text {n}", "orderId": f"o-{n}"}) for n in range(4)]))
    for number, record in enumerate(sent["Records"]):
        record["attributes"]["MessageGroupId"] = f"tenant-{number}"
        record["messageAttributes"] = {
            "tenant": {"stringValue": f"tenant-{number}", "dataType": "String"},
            "traceparent": {"stringValue": f"{TRACEPARENT[:-2]}0{number}", "dataType": "String"},
        }
    assert returned(first.process(sent, FakeContext())) == []
    assert returned(second.process(delivered(aws, way), FakeContext())) == []
    (mine,) = [event for event in map(_body, aws.queues["results"]) if event["subject"] == "o-2"]
    assert mine["data"]["result"] == {"label": "text 2"}
    assert mine["data"]["inputs"] == "text 2"
    assert mine["data"]["endpoint"] == "dev-sentiment"
    assert mine["data"]["attributes"] == {"tenant": "tenant-2"}
    assert (mine["source"], mine["causationid"], mine["messagegroupid"]) == (SECOND_ARN, "m2", "tenant-2")
    assert mine["traceparent"].endswith("02")
    entries = [entry for entry in aws.queues["results"] if _body(entry) == mine]
    assert entries[0]["MessageGroupId"] == "tenant-2"
    assert lists > 1 or entries[0].get("MessageSystemAttributes") or way in ("raw topic", "topic"), TRACE_HEADER
    assert len({event["id"] for event in map(_body, aws.queues["results"])}) == 4


def _body(entry: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(entry["MessageBody"])
    return body


def test_a_list_is_a_record_for_each_event_with_an_end_of_its_own(aws: LocalAws, inference: Build) -> None:
    events = [
        cloud_event('{"inputs": "a"}', subject="s-a"),
        cloud_event('{"no": "inputs"}', subject="s-b"),
        "5",
        cloud_event('{"inputs": "d"}', subject="s-d"),
    ]
    handler = inference(envelope="cloudevents")
    response = handler.process(make_event([f" [{','.join(events)}] ", f"[{events[0]}]"]), FakeContext())
    assert returned(response) == []
    assert {id_: event["subject"] for id_, event in aws.results().items()} == {
        "m0-1": "s-a",
        "m0-4": "s-d",
        "m1": "s-a",
    }
    letters = aws.dead_letters()
    assert {id_: letter["body"] for id_, letter in letters.items()} == {"m0-2": events[1], "m0-3": "5"}
    assert letters["m0-3"]["detail"] == 'the message is not a CloudEvent, as inference.envelope "cloudevents" expects'


def test_a_list_comes_again_as_a_whole_and_under_the_same_ids(aws: LocalAws, inference: Build) -> None:
    table = serve_table(aws)
    aws.refuse = lambda queue, entry: {"Code": "InternalError"} if "m0-2" in entry["MessageBody"] else None
    handler = inference(envelope="auto", idempotency_table="t")
    body = "[" + cloud_event('{"inputs": "a"}') + "," + cloud_event('{"inputs": "b"}') + "]"
    assert returned(handler.process(make_event([body]), FakeContext())) == ["m0"]
    aws.refuse = lambda queue, entry: None
    assert returned(handler.process(make_event([body]), FakeContext())) == []
    assert sorted(json.loads(entry["MessageBody"])["id"] for entry in aws.queues["results"]) == ["m0-1", "m0-1", "m0-2"]
    assert set(table) == {"m0-1", "m0-2"}
    assert sum(len(request.inputs) for request in aws.requests) == 2, "the table remembers what the list brought"


def test_what_is_in_a_list_keeps_its_spelling(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: ANSWER
    handler = inference(envelope="cloudevents", codec="single", max_records_per_request=1)
    data = ['{"x": 1.50}', '{"x": 1e2, "y": "\\u00e9"}']
    handler.process(make_event(["[" + ",\n ".join(map(cloud_event, data)) + "]"]), FakeContext())
    assert sorted(request.body.decode() for request in aws.requests) == sorted(data)


@pytest.mark.parametrize("envelope", ["refuse", "sns", "eventbridge", "s3"])
def test_a_list_is_refused_with_the_setting_that_opens_it(aws: LocalAws, inference: Build, envelope: str) -> None:
    body = "[" + cloud_event('{"inputs": "a"}') + "," + cloud_event('{"inputs": "b"}') + "]"
    handler = inference(envelope=envelope, input_location="s3://payloads/inputs/")
    assert outcomes(aws, handler, make_event([body])) == each([0], dead_lettered("malformed"))
    opened = f'inference.envelope "cloudevents" or "auto" opens it, and it is "{envelope}"'
    assert aws.dead_letters()["m0"]["detail"] == f"the message is a list of CloudEvents; {opened}"


def test_an_event_of_someone_else_has_its_subject_and_trace_too(aws: LocalAws, inference: Build) -> None:
    events = [
        cloud_event('{"inputs": "a"}', subject="photo-1", traceparent=TRACEPARENT, tracestate="a=b", id="their id"),
        cloud_event('{"inputs": "b"}', subject="x" * 257),
        cloud_event('{"inputs": "c"}'),
    ]
    assert outcomes(aws, inference(envelope="cloudevents"), make_event(events)) == each(range(3), SUCCEEDED)
    found = aws.results()
    assert [found[f"m{number}"]["subject"] for number in range(3)] == ["photo-1", "m1", "m2"]
    assert (found["m0"]["traceparent"], found["m0"]["tracestate"]) == (TRACEPARENT, "a=b")
    assert found["m0"]["causationid"] == "their id"
    assert aws.queues["results"][0]["MessageAttributes"]["traceparent"]["StringValue"] == TRACEPARENT


def test_a_messages_own_trace_goes_before_the_events(aws: LocalAws, inference: Build) -> None:
    event = traced(make_event([cloud_event('{"inputs": "a"}', traceparent="of the event")]), traceparent=TRACEPARENT)
    inference(envelope="cloudevents").process(event, FakeContext())
    assert aws.results()["m0"]["traceparent"] == TRACEPARENT


def test_bytes_in_an_event_have_a_subject_as_well(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: ANSWER
    head = json.loads(cloud_event("{}", subject="photo-1"))
    del head["data"]
    body = json.dumps({**head, "data_base64": base64.b64encode(b"\xff").decode()})
    handler = inference(envelope="cloudevents", codec="single", keep_members=("id",))
    assert outcomes(aws, handler, make_event([body])) == each([0], SUCCEEDED)
    assert aws.results()["m0"]["subject"] == "photo-1"


def test_a_group_that_sqs_would_not_take_is_refused(aws: LocalAws, inference: Build) -> None:
    bodies = [cloud_event('{"inputs": "a"}', messagegroupid="a b"), cloud_event('{"inputs": "b"}', messagegroupid="t")]
    handler = inference(envelope="cloudevents", pass_message_group=True)
    found = outcomes(aws, handler, make_event(bodies))
    assert found == {"m0": dead_lettered("malformed"), "m1": SUCCEEDED}
    assert aws.dead_letters()["m0"]["detail"] == "the CloudEvent's messagegroupid is no message group of SQS"


def test_the_next_pipeline_does_not_call_what_results_have_ignored(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    first: BatchInference = inference(keep_members=("inputs",))
    first.process(make_event(['{"inputs": "a"}']), FakeContext())
    inference(envelope="cloudevents").process(delivered(aws, "queue"), FakeContext())
    assert "ignored" not in caplog.text
