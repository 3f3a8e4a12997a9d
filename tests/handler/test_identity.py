"""Whose message a record is: attributes, subjects and members that come back on results and dead letters."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    Event,
    FakeContext,
    dead_lettered,
    make_event,
    make_fifo_event,
    outcomes,
    returned,
    texts,
)
from tests.handler.sinks import EVENTBRIDGE, S3, SNS
from tests.handler.test_async import _accept
from tests.handler.test_envelopes import cloud_event, eventbridge, extended, s3, sns

LOCATION = "s3://payloads/inputs/"


def attributed(event: Event, attributes: Mapping[str, Mapping[str, str]]) -> Event:
    """Give every record message attributes of any type."""
    for record in event["Records"]:
        record["messageAttributes"] = {
            name: {"stringListValues": [], "binaryListValues": [], **attribute}
            for name, attribute in attributes.items()
        }
    return event


def text(value: str, type_: str = "String") -> dict[str, str]:
    return {"stringValue": value, "dataType": type_}


def detail(aws: LocalAws, id_: str = "m0") -> str:
    return aws.dead_letters()[id_]["detail"]


MANY = {
    "orderId": text("o-17", "String.uuid"),
    "amount": text("17.50", "Number.eur"),
    "signature": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), "dataType": "Binary"},
    "other": text("not asked for"),
}
NAMES = ("orderId", "amount", "signature", "absent")


def test_named_attributes_come_back_with_their_types_and_in_the_event(aws: LocalAws, inference: Build) -> None:
    inference(pass_attributes=NAMES).process(attributed(make_event(texts(1)), MANY), FakeContext())
    (message,) = aws.queues["results"]
    assert message["MessageAttributes"] == {
        "orderId": {"DataType": "String.uuid", "StringValue": "o-17"},
        "amount": {"DataType": "Number.eur", "StringValue": "17.50"},
        "signature": {"DataType": "Binary", "BinaryValue": "AP8="},
    }
    event = json.loads(message["MessageBody"])
    assert event["data"]["attributes"] == {"orderId": "o-17", "amount": "17.50", "signature": "AP8="}
    assert event["subject"] == "m0", "the subject is the message's id unless a correlation is set"


def test_a_topic_takes_no_labels_of_types(aws: LocalAws, inference: Build) -> None:
    handler = inference(pass_attributes=NAMES[:2], **SNS.settings)
    handler.process(attributed(make_event(texts(1)), MANY), FakeContext())
    (message,) = aws.queues["results"]
    assert message["MessageAttributes"] == {
        "orderId": {"DataType": "String", "StringValue": "o-17"},
        "amount": {"DataType": "Number", "StringValue": "17.50"},
    }


@pytest.mark.parametrize("settings", [EVENTBRIDGE.settings, S3, {"max_events_per_message": 5}], ids=str)
def test_where_messages_have_no_attributes_the_event_has_them(
    aws: LocalAws, inference: Build, settings: dict[str, Any]
) -> None:
    inference(pass_attributes=NAMES, **settings).process(attributed(make_event(texts(2)), MANY), FakeContext())
    objects = [json.loads(line) for content in aws.objects.values() for line in content.splitlines()]
    contents = [json.loads(entry.get("MessageBody") or entry["Detail"]) for entry in aws.queues.get("results", ())]
    events = [
        event for content in (objects or contents) for event in (content if isinstance(content, list) else [content])
    ]
    assert [event["data"]["attributes"]["orderId"] for event in events] == ["o-17", "o-17"]
    assert all("MessageAttributes" not in entry for entry in aws.queues.get("results", ()))


def test_a_dead_letter_has_the_named_attributes_before_facts_that_only_inform(aws: LocalAws, inference: Build) -> None:
    needed = {"TargetModel": text("a"), "TargetVariant": text("b"), "traceparent": text("c"), "tracestate": text("d")}
    named = {f"named{number}": text(str(number)) for number in range(4)} | {"signature": MANY["signature"]}
    handler = inference(pass_attributes=tuple(named))
    handler.process(attributed(make_event(["not json"]), {"other": text("x"), **needed, **named}), FakeContext())
    (letter,) = aws.queues["dead"]
    attributes = letter["MessageAttributes"]
    assert len(attributes) == 10
    assert {"reason", "sourceMessageId", "TargetModel", "TargetVariant", "traceparent", *named} <= set(attributes)
    assert attributes["signature"] == {"DataType": "Binary", "BinaryValue": "AP8="}


def test_attributes_within_an_sns_notification_count_where_the_message_has_none(
    aws: LocalAws, inference: Build
) -> None:
    within = {"orderId": {"Type": "String", "Value": "by SNS"}, "amount": {"Type": "Number", "Value": "no number"}}
    body = sns(texts(1)[0], MessageAttributes=within)
    handler = inference(envelope="sns", pass_attributes=("orderId", "amount"), correlation="orderId")
    event = make_event([body, body])
    event["Records"][1]["messageAttributes"] = {"orderId": text("by SQS")}
    handler.process(event, FakeContext())
    events = aws.results()
    assert [events[id_]["subject"] for id_ in ("m0", "m1")] == ["by SNS", "by SQS"]
    attributes = {entry["MessageAttributes"]["amount"]["DataType"] for entry in aws.queues["results"]}
    assert attributes == {"String"}, "SQS would refuse a Number that is none"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"Type": "Binary", "Value": "?"}, "the message attribute a is not base64: Only base64 data is allowed"),
        ({"Type": "String", "Value": "x\x00"}, "the message attribute a has a character that SQS does not take"),
    ],
)
def test_what_no_message_can_have_is_refused_and_harms_no_other_result(
    aws: LocalAws, inference: Build, value: dict[str, str], said: str
) -> None:
    bodies = [sns(texts(1)[0], MessageAttributes={"a": value}), sns(texts(1)[0])]
    handler = inference(envelope="sns", pass_attributes=("a",))
    found = outcomes(aws, handler, make_event(bodies))
    assert found == {"m0": dead_lettered("malformed"), "m1": SUCCEEDED}
    assert detail(aws) == said


ORDER = {"inputs": "text", "order": {"id": "o-17", "a/b": {"~": 17}, "lines": [{"id": 1234567890123456789012}]}}


@pytest.mark.parametrize(
    ("pointer", "subject"),
    [
        ("/order/id", "o-17"),
        ("/order/a~1b/~0", "17"),
        ("/order/lines/0/id", "1234567890123456789012"),
        ("/order/none", "m0"),
        ("/order/lines/1/id", "m0"),
        ("/order/lines/-/id", "m0"),
        ("/order/lines/00/id", "m0"),
        ("/order/id/0", "m0"),
        ("/missing", "m0"),
    ],
)
def test_a_pointer_leads_to_the_subject_and_what_is_absent_leaves_the_message_s_id(
    aws: LocalAws, inference: Build, pointer: str, subject: str
) -> None:
    inference(correlation=pointer).process(make_event([json.dumps(ORDER)]), FakeContext())
    event = aws.results()["m0"]
    assert (event["id"], event["subject"]) == ("m0", subject)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "is a boolean, and a subject is text or a whole number"),
        (1.5, "is a fraction, and a subject is text or a whole number"),
        ({}, "is a JSON object, and a subject is text or a whole number"),
        ([1], "is a list, and a subject is text or a whole number"),
        ("", "has 0 characters, and a subject has 1 to 256"),
        ("x" * 257, "has 257 characters, and a subject has 1 to 256"),
        ("a\nb", "has a control character or half of a surrogate pair"),
        ("\ud800", "has a control character or half of a surrogate pair"),
    ],
)
def test_a_subject_of_another_type_or_length_is_refused(
    aws: LocalAws, inference: Build, value: object, said: str
) -> None:
    bodies = [json.dumps({"inputs": "a", "id": value}), json.dumps({"inputs": "b", "id": "x" * 256})]
    found = outcomes_by_id(aws, inference(correlation="/id"), make_event(bodies))
    assert found == {"m0": "malformed", "m1": "scored"}
    assert detail(aws) == f"the correlation /id {said}"


def outcomes_by_id(aws: LocalAws, handler: Any, event: Event) -> dict[str, str]:
    assert returned(handler.process(event, FakeContext())) == []
    return dict.fromkeys(aws.results(), "scored") | {
        id_: letter["reason"] for id_, letter in aws.dead_letters().items()
    }


def test_a_body_that_is_not_json_has_nothing_to_point_to(aws: LocalAws, inference: Build) -> None:
    outcomes(aws, inference(correlation="/id", codec="single"), make_event(["plain text"]))
    assert detail(aws) == "the body is not JSON: Expecting value: line 1 column 1 (char 0)"


def test_an_attribute_is_the_subject_and_a_binary_one_is_refused(aws: LocalAws, inference: Build) -> None:
    event = attributed(make_event(texts(3)), {})
    event["Records"][0]["messageAttributes"] = {"orderId": text("17", "Number")}
    event["Records"][1]["messageAttributes"] = {"orderId": MANY["signature"]}
    handler = inference(correlation="orderId")
    assert outcomes_by_id(aws, handler, event) == {"m0": "scored", "m1": "malformed", "m2": "scored"}
    assert [aws.results()[id_]["subject"] for id_ in ("m0", "m2")] == ["17", "m2"]
    assert aws.results()["m0"]["data"]["attributes"] == {"orderId": "17"}
    letter = aws.queues["dead"][0]["MessageAttributes"]
    assert letter["detail"]["StringValue"] == "the correlation orderId is Binary, and a subject is text"
    assert letter["orderId"] == {"DataType": "Binary", "BinaryValue": "AP8="}


def test_a_pointer_is_into_the_body_as_its_sender_sent_it(aws: LocalAws, inference: Build) -> None:
    aws.objects |= {"payloads/inputs/a b": b'{"inputs": "a"}', "payloads/inputs/big": b'{"inputs": "b", "id": "in S3"}'}
    cases = [
        ("s3", "/Records/0/s3/object/key", s3("inputs/a b"), "inputs/a+b"),
        ("sns", "/id", sns('{"inputs": "a", "id": 7}'), "7"),
        ("cloudevents", "/id", cloud_event('{"inputs": "a", "id": 8}', id="e-1"), "e-1"),
        ("eventbridge", "/detail/id", eventbridge('{"inputs": "a", "id": 9}'), "9"),
        ("refuse", "/id", '{"s3": "s3://payloads/inputs/a b", "id": 10}', "10"),
        ("extended-client", "/id", extended("inputs/big"), "in S3"),
        ("auto", "/id", sns('{"inputs": "a", "id": 11}'), "11"),
        ("refuse", "/id", '\ufeff{"inputs": "a", "id": 12}', "12"),
    ]
    for envelope, pointer, body, subject in cases:
        aws.queues.clear()
        handler = inference(envelope=envelope, correlation=pointer, input_location=LOCATION)
        handler.process(make_event([body]), FakeContext())
        assert aws.results()["m0"]["subject"] == subject, f"{envelope} {pointer}"


def test_kept_members_come_back_and_are_not_called_ignored(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [
        json.dumps({"inputs": "a", "id": 7, "meta": {"x": [1, None]}, "more": 1}),
        '{"s3": "s3://payloads/inputs/a", "id": 8}',
        json.dumps({"inputs": "c"}),
    ]
    aws.objects["payloads/inputs/a"] = b'{"inputs": "b", "id": "of the object"}'
    handler = inference(keep_members=("inputs", "id", "meta"), input_location=LOCATION)
    handler.process(make_event(bodies), FakeContext())
    data = {id_: event["data"] for id_, event in aws.results().items()}
    kept = {
        id_: {name: value for name, value in found.items() if name in ("inputs", "id", "meta")}
        for id_, found in data.items()
    }
    assert kept == {
        "m0": {"inputs": "a", "id": 7, "meta": {"x": [1, None]}},
        "m1": {"id": 8},
        "m2": {"inputs": "c"},
    }
    warned = [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]
    assert warned == ['members beside "inputs" are ignored: more']


@pytest.mark.parametrize("asynchronous", [False, True])
def test_members_that_are_nested_too_deeply_harm_no_other_record(
    aws: LocalAws, inference: Build, asynchronous: bool
) -> None:
    places = {"request_location": "s3://payloads/in/", "output_location": "s3://payloads/out/"} if asynchronous else {}
    if asynchronous:
        aws.endpoint = _accept
    depths = (10, 500, 850, 900, 950, 970, 980, 990)
    bodies = [json.dumps({"inputs": "a"})[:-1] + ', "meta": ' + "[" * n + "]" * n + "}" for n in depths]
    handler = inference(keep_members=("meta",), asynchronous=asynchronous, **places)
    found = outcomes(aws, handler, make_event(bodies))
    assert set(found.values()) == {SUCCEEDED, dead_lettered("malformed")}
    assert (found["m0"], found["m7"]) == (SUCCEEDED, dead_lettered("malformed"))


def test_members_that_are_too_large_for_any_event_are_a_dead_letter(aws: LocalAws, inference: Build) -> None:
    handler = inference(keep_members=("meta",), overflow_location="s3://payloads/large/", **SNS.settings)
    bodies = [json.dumps({"inputs": "a", "meta": "x" * 262_144}), texts(1)[0]]
    assert outcomes(aws, handler, make_event(bodies)) == {"m0": dead_lettered("result-too-large"), "m1": SUCCEEDED}
    assert detail(aws).startswith("without the result, which is on S3, the event has 26")
    assert detail(aws).endswith(" bytes of what is passed on, an SNS message takes 262144")


def test_kept_members_count_for_the_limit_and_stay_beside_the_place_of_a_large_result(
    aws: LocalAws, inference: Build
) -> None:
    handler = inference(keep_members=("meta",), overflow_location="s3://payloads/large/", **SNS.settings)
    aws.endpoint = lambda request: Answer(body=json.dumps(["y" * 2000]).encode())
    handler.process(make_event([json.dumps({"inputs": "x", "meta": "m" * 261_000})]), FakeContext())
    data = SNS.events(aws)["m0"]["data"]
    assert data["resultLocation"] == "s3://payloads/large/m0.json"
    assert len(data["meta"]) == 261_000
    assert json.loads(aws.objects["payloads/large/m0.json"]) == "y" * 2000


def test_without_a_setting_nothing_of_it_is_there(aws: LocalAws, inference: Build) -> None:
    event = attributed(make_event([json.dumps({"inputs": "a", "id": 7})]), MANY)
    event["Records"][0]["attributes"]["MessageGroupId"] = "tenant"
    inference().process(event, FakeContext())
    (message,) = aws.queues["results"]
    assert set(message) == {"Id", "MessageBody"}
    found = json.loads(message["MessageBody"])
    assert set(found) == {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
    assert set(found["data"]) == {"endpoint", "inferenceId", "recordIndex", "result"}


def test_on_a_fifo_queue_identity_and_order_go_together(aws: LocalAws, inference: Build) -> None:
    handler = inference(correlation="/id", keep_members=("id",))
    event = make_fifo_event("aabb", [json.dumps({"inputs": "x", "id": number}) for number in range(4)])
    assert returned(handler.process(event, FakeContext())) == []
    sent = [json.loads(entry["MessageBody"]) for entry in aws.queues["results"]]
    assert sorted(found["subject"] for found in sent) == ["0", "1", "2", "3"]
    places = {found["subject"]: place for place, found in enumerate(sent)}
    assert places["0"] < places["1"]
    assert places["2"] < places["3"]


def test_every_outcome_is_still_the_message_s_own(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: {"Code": "InternalError"} if '"subject":"3"' in entry["MessageBody"] else None
    bodies = [json.dumps({"inputs": "x", "id": number if number % 2 else {}}) for number in range(6)]
    response = inference(correlation="/id").process(make_event(bodies), FakeContext())
    assert returned(response) == ["m3"]
    assert set(aws.results()) == {"m1", "m5"}
    assert set(aws.dead_letters()) == {"m0", "m2", "m4"}
