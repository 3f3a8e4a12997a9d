"""Envelopes that other services put around messages: opened by a setting, and never scored as data."""

import base64
import json
import logging
from typing import Any
from urllib.parse import quote_plus

import pytest

from handler.codecs import MalformedRecordError, Payload
from handler.envelopes import BucketTest, Envelopes, Pointer
from handler.settings import CODECS, ENVELOPES, HandlerSettings
from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    make_fifo_event,
    outcomes,
    returned,
    serve_table,
    texts,
    without_request,
)

LOCATION = "s3://payloads/inputs/"
PLAIN = '{"inputs": "text"}'
ANSWER = Answer(body=b'{"label": "x"}')


def sns(message: str, **changes: Any) -> str:
    notification = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:events",
        "Message": message,
        "Timestamp": "2026-11-26T10:00:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {"kind": {"Type": "String", "Value": "order"}},
    }
    return json.dumps({**notification, **changes})


def s3(*keys: str, event: str = "ObjectCreated:Put", bucket: str = "payloads") -> str:
    """Return a notification with these keys, URL-encoded as S3 does it."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventSource": "aws:s3",
                    "awsRegion": "eu-central-1",
                    "eventName": event,
                    "s3": {
                        "s3SchemaVersion": "1.0",
                        "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                        "object": {"key": quote_plus(key, safe="/"), "size": 7, "sequencer": "0055AED6DCD90281E5"},
                    },
                }
                for key in keys
            ]
        }
    )


def s3_by_eventbridge(key: str, detail_type: str = "Object Created") -> str:
    detail = {"version": "0", "bucket": {"name": "payloads"}, "object": {"key": key, "size": 7}, "reason": "PutObject"}
    return eventbridge(json.dumps(detail), source="aws.s3", detail_type=detail_type)


def eventbridge(detail: str, source: str = "shop.orders", detail_type: str = "order placed") -> str:
    return (
        f'{{"version": "0", "id": "6a7e8feb", "detail-type": "{detail_type}", "source": "{source}", '
        f'"account": "123456789012", "time": "2026-11-26T10:00:00Z", "region": "eu-central-1", "resources": [], '
        f'"detail": {detail}}}'
    )


def cloud_event(data: str, **more: str) -> str:
    head = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.placed", **more}
    return f'{json.dumps(head)[:-1]}, "data": {data}}}'


def extended(key: str, name: str = "software.amazon.payloadoffloading.PayloadS3Pointer") -> str:
    return json.dumps([name, {"s3BucketName": "payloads", "s3Key": key}])


OLD_CLIENT = "com.amazon.sqs.javamessaging.MessageS3Pointer"
TEST_EVENT = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-26T10:00:00.000Z", "Bucket": "payloads",
     "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"}
)  # fmt: skip
OF_EACH_KIND = {
    "sns": sns(PLAIN),
    "s3": s3("inputs/a"),
    "eventbridge": eventbridge(PLAIN),
    "cloudevents": cloud_event(PLAIN),
    "extended-client": extended("inputs/a"),
}
TITLES = {
    "sns": "an SNS notification",
    "s3": "an S3 notification",
    "eventbridge": "an EventBridge event",
    "cloudevents": "a CloudEvent",
    "extended-client": "a pointer of the SQS extended client",
}


def opened(setting: str, body: str, **changes: Any) -> str:
    """Return the text that remains of a body, or the location that it points to."""
    location = "" if changes.pop("nowhere", False) else LOCATION
    settings = HandlerSettings(
        endpoint_name="e", dead_letter_queue_url="d", envelope=setting, input_location=location, **changes
    )
    content = Envelopes(settings).open(body)
    if isinstance(content, Payload):
        return content.text
    return content.location if isinstance(content, Pointer) else f"test of {content.bucket}"


def refusal(setting: str, body: str) -> str:
    with pytest.raises(MalformedRecordError) as raised:
        opened(setting, body)
    return str(raised.value)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", OF_EACH_KIND)
def test_by_default_every_codec_refuses_every_envelope_and_names_it_and_the_setting(
    aws: LocalAws, inference: Build, kind: str, codec: str
) -> None:
    bodies = [OF_EACH_KIND[kind]]
    assert outcomes(aws, inference(codec=codec), make_event(bodies)) == each([0], dead_lettered("malformed"))
    letter = aws.dead_letters()["m0"]
    assert letter["detail"] == (
        f'the message is {TITLES[kind]}; inference.envelope "{kind}" or "auto" opens it, and it is "refuse"'
    )
    assert letter["body"] == bodies[0]
    assert aws.requests == []


@pytest.mark.parametrize("kind", OF_EACH_KIND)
@pytest.mark.parametrize("how", ["named", "auto"])
@pytest.mark.parametrize("in_sns", [False, True], ids=["bare", "in SNS"])
def test_an_envelope_is_opened_where_it_is_named_also_within_sns(
    aws: LocalAws, inference: Build, kind: str, how: str, in_sns: bool
) -> None:
    aws.objects["payloads/inputs/a"] = PLAIN.encode()
    setting = kind if how == "named" else "auto"
    body = sns(OF_EACH_KIND[kind]) if in_sns and kind != "sns" else OF_EACH_KIND[kind]
    handler = inference(envelope=setting, input_location=LOCATION)
    assert outcomes(aws, handler, make_event([body])) == each([0], SUCCEEDED)
    (request,) = aws.requests
    assert request.inputs == ["text"]


@pytest.mark.parametrize("kind", OF_EACH_KIND)
def test_as_it_is_an_envelope_is_never_looked_at(kind: str) -> None:
    assert opened("as-is", OF_EACH_KIND[kind]) == OF_EACH_KIND[kind]
    assert opened("as-is", TEST_EVENT) == TEST_EVENT


@pytest.mark.parametrize("kind", sorted(set(OF_EACH_KIND) - {"extended-client"}))
@pytest.mark.parametrize("body", [PLAIN, "1,2,3", "[1, 2]", '"TopicArn"', ""])
def test_a_message_without_the_envelope_that_is_named_is_refused(kind: str, body: str) -> None:
    expected = f'the message is not {TITLES[kind]}, as inference.envelope "{kind}" expects'
    assert refusal(kind, body) == expected
    if kind != "sns":
        assert refusal(kind, sns(body)) == expected


def test_the_extended_client_sends_small_bodies_without_an_envelope() -> None:
    assert opened("extended-client", PLAIN) == opened("extended-client", sns(PLAIN)) == PLAIN


def not_opened(where: str, kind: str, setting: str) -> str:
    how = f'inference.envelope "{kind}" or "auto" opens it, and it is "{setting}"'
    return f"{where} {TITLES[kind]}; {how}"


HEAD_ALONE = '{"specversion": "1.0", "type": "a", "source": "b"}'
NO_KEY = "the S3 notification names no bucket and key"
NO_KEY_OF_CLIENT = "the pointer of the SQS extended client names no bucket and key"
LIST = 'the message is a list of CloudEvents; inference.envelope "cloudevents" or "auto" opens it, and it is "refuse"'
MIXED = "the message is a list of CloudEvents, and some of it are none"


@pytest.mark.parametrize(
    ("setting", "body", "detail"),
    [
        ("sns", sns(s3("inputs/a")), not_opened("an SNS notification holds", "s3", "sns")),
        ("sns", sns(sns(PLAIN)), not_opened("an SNS notification holds", "sns", "sns")),
        (
            "eventbridge",
            eventbridge(cloud_event(PLAIN)),
            not_opened("an EventBridge event holds", "cloudevents", "eventbridge"),
        ),
        ("eventbridge", s3_by_eventbridge("inputs/a"), not_opened("the message is", "s3", "eventbridge")),
        ("extended-client", cloud_event(PLAIN), not_opened("the message is", "cloudevents", "extended-client")),
        (
            "auto",
            sns("Click the link", Type="SubscriptionConfirmation", Token="x"),
            "the message is SNS's SubscriptionConfirmation, which has no record",
        ),
        ("refuse", f"[{cloud_event(PLAIN)}, {cloud_event(PLAIN)}]", LIST),
        ("cloudevents", f"[{cloud_event(PLAIN)}, 5]", MIXED),
        ("cloudevents", HEAD_ALONE, "the CloudEvent has no data"),
        (
            "cloudevents",
            HEAD_ALONE[:-1] + ', "data_base64": "?"}',
            "data_base64 is not base64: Only base64 data is allowed",
        ),
        ("s3", s3(*"a" * 101), "the S3 notification is of 101 objects, 100 are taken"),
        (
            "s3",
            s3("a", event="ObjectRemoved:Delete"),
            "the S3 notification is of ObjectRemoved:Delete: there is no object to score",
        ),
        (
            "s3",
            s3_by_eventbridge("a", "Object Deleted"),
            "the S3 notification is of Object Deleted: there is no object to score",
        ),
        ("s3", '{"Records": [{"eventSource": "aws:s3"}]}', NO_KEY),
        ("s3", s3("a").replace('"key": "a"', '"key": "%FF"'), NO_KEY),
        ("s3", s3("a").replace('"key": "a"', '"key": 7'), NO_KEY),
        ("s3", s3("a\nb"), r"'s3://payloads/a\nb' holds what is not printable"),
        ("extended-client", f'["{OLD_CLIENT}", 1]', NO_KEY_OF_CLIENT),
        ("extended-client", f'["{OLD_CLIENT}", {{"s3Key": "a"}}]', NO_KEY_OF_CLIENT),
    ],
)
def test_what_an_open_envelope_may_not_hold_is_said(setting: str, body: str, detail: str) -> None:
    assert refusal(setting, body) == detail


@pytest.mark.parametrize("in_sns", [False, True], ids=["bare", "in SNS"])
@pytest.mark.parametrize(
    ("body", "location"),
    [
        (s3("inputs/red flower+1.jpg"), "s3://payloads/inputs/red flower+1.jpg"),
        (s3("inputs/100%25.jpg"), "s3://payloads/inputs/100%25.jpg"),
        (s3("inputs/日本(1).jpg"), "s3://payloads/inputs/日本(1).jpg"),
        (s3("inputs/a", event="ObjectRestore:Completed"), "s3://payloads/inputs/a"),
        (s3_by_eventbridge("inputs/red+flower%20.jpg"), "s3://payloads/inputs/red+flower%20.jpg"),
        (extended("a+b%20c"), "s3://payloads/a+b%20c"),
        (extended("a", OLD_CLIENT), "s3://payloads/a"),
    ],
)
def test_keys_are_decoded_where_s3_encodes_them(body: str, location: str, in_sns: bool) -> None:
    setting = "extended-client" if "S3Pointer" in body else "s3"
    assert opened(setting, sns(body) if in_sns else body) == opened("auto", body) == location


@pytest.mark.parametrize("spelled", ["1.50", "1" + "0" * 40, "1e400", '{"a": 1, "a": 2}', '"\\ud800"', "[ 1,2 ]"])
def test_what_is_within_an_event_keeps_its_spelling(spelled: str) -> None:
    assert opened("eventbridge", eventbridge(f'{{"x": {spelled}}}')) == f'{{"x": {spelled}}}'
    assert opened("cloudevents", cloud_event(spelled)) == spelled
    assert opened("sns", sns(spelled)) == spelled


def test_of_a_member_that_stands_twice_the_last_counts() -> None:
    body = eventbridge('{"x": 1}').replace('"detail":', ' "detail" : {"detail": {"x": 0}}\n,\t"detail":')
    assert opened("eventbridge", body) == '{"x": 1}'


@pytest.mark.parametrize(
    ("data", "content_type", "content"),
    [
        ('"1,2,3"', "text/csv", "1,2,3"),
        ('"1,2,3"', "application/json", '"1,2,3"'),
        ('"1,2,3"', "application/vnd.shop+json", '"1,2,3"'),
        ('{"a": 1}', "text/csv", '{"a": 1}'),
    ],
)
def test_a_cloud_event_s_data_is_text_if_its_type_is_not_json(data: str, content_type: str, content: str) -> None:
    assert opened("cloudevents", cloud_event(data, datacontenttype=content_type)) == content


def test_bytes_of_a_cloud_event_go_to_the_model_with_their_type(aws: LocalAws, inference: Build) -> None:
    encoded = base64.b64encode(b"\x89PNG\r\n\xff").decode()
    body = json.dumps(
        {"specversion": "1.0", "type": "a", "source": "b", "datacontenttype": "image/png", "data_base64": encoded}
    )
    aws.endpoint = lambda request: ANSWER
    handler = inference(codec="single", envelope="cloudevents")
    assert outcomes(aws, handler, make_event([body])) == each([0], SUCCEEDED)
    assert (aws.requests[0].body, aws.requests[0].content_type) == (b"\x89PNG\r\n\xff", "image/png")


@pytest.mark.parametrize("content_type", ["image/png\nX-Other: 1", "image/p\u00e4ng", "a" * 1025, 7, None, ""])
def test_a_type_that_no_request_can_have_is_not_passed_on(
    aws: LocalAws, inference: Build, content_type: str | int | None
) -> None:
    head = {"specversion": "1.0", "type": "a", "source": "b", "data_base64": "aGk=", "datacontenttype": content_type}
    aws.endpoint = lambda request: ANSWER
    handler = inference(codec="single", envelope="cloudevents")
    assert outcomes(aws, handler, make_event([json.dumps(head)])) == each([0], SUCCEEDED)
    assert (aws.requests[0].body, aws.requests[0].content_type) == (b"hi", "application/json")


@pytest.mark.parametrize(
    "body",
    [
        '{"inputs": "the \\"TopicArn\\" of SNS"}',
        '{"inputs": "x", "detail-type": "y"}',
        '{"inputs": "\\"aws:s3\\"", "specversion": 1}',
        '{"inputs": "x", "TopicArn": "a", "Message": "b"}',
        '{"inputs": "x", "Records": []}',
        '{"inputs": "x", "Event": "s3:TestEvent"}',
        '{"inputs": "x", "detail-type": "a", "source": "b", "detail": "no object"}',
    ],
)
@pytest.mark.parametrize("setting", ["refuse", "auto", "extended-client"])
def test_records_that_merely_look_alike_are_scored(aws: LocalAws, inference: Build, body: str, setting: str) -> None:
    handler = inference(envelope=setting, input_location=LOCATION)
    assert outcomes(aws, handler, make_event([body])) == each([0], SUCCEEDED)


def test_a_byte_order_mark_and_space_before_an_envelope_do_not_hide_it() -> None:
    assert "is an SNS notification" in refusal("refuse", "\ufeff \n" + sns(PLAIN))
    assert opened("sns", "\ufeff \n" + sns("\ufeff" + PLAIN)) == PLAIN


def _nested(depth: int) -> str:
    body = PLAIN
    for number in range(depth):
        body = sns(body) if number % 2 else cloud_event(body)
    return body


def test_three_envelopes_in_each_other_are_opened_and_ten_are_not(aws: LocalAws, inference: Build) -> None:
    bodies = [_nested(3), *texts(1), _nested(4), _nested(10)]
    found = outcomes(aws, inference(envelope="auto"), make_event(bodies))
    assert found == {**each([0, 1], SUCCEEDED), **each([2, 3], dead_lettered("malformed"))}
    assert {letter["detail"] for letter in aws.dead_letters().values()} == {"more than 3 envelopes are in each other"}


def test_a_body_that_is_nested_too_deeply_hurts_no_other(aws: LocalAws, inference: Build) -> None:
    deep = '{"specversion": ' + "[" * 100_000 + "]" * 100_000 + "}"
    found = outcomes(aws, inference(envelope="auto"), make_event([*texts(1), deep]))
    assert found == {**each([0], SUCCEEDED), **each([1], dead_lettered("malformed"))}


@pytest.mark.parametrize("setting", sorted(set(ENVELOPES) - {"as-is"}))
def test_the_test_event_of_a_bucket_is_acknowledged_and_counted_and_logged(
    aws: LocalAws,
    inference: Build,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    setting: str,
) -> None:
    caplog.set_level(logging.INFO, "handler")
    handler = inference(envelope=setting, input_location=LOCATION)
    assert returned(handler.process(make_event([TEST_EVENT]), FakeContext())) == []
    assert (aws.queues, aws.requests) == ({}, [])
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["RecordsSucceeded"], line["BucketTests"]) == (1, 1)
    assert "the bucket payloads sends its notifications here" in caplog.messages


def test_without_a_test_event_there_is_no_metric_to_pay_for(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    inference().process(make_event(texts(1)), FakeContext())
    assert "BucketTests" not in capsys.readouterr().out


def test_a_test_event_by_sns_is_acknowledged_once_sns_is_opened(aws: LocalAws, inference: Build) -> None:
    body = sns(TEST_EVENT, Subject="Amazon S3 Notification")
    for setting in ("s3", "sns", "auto"):
        assert opened(setting, body) == "test of payloads"
    assert refusal("refuse", body).startswith("the message is an SNS notification;")


def test_a_test_event_does_not_hold_its_message_group(aws: LocalAws, inference: Build) -> None:
    event = make_fifo_event("aa", [TEST_EVENT, PLAIN])
    assert returned(inference().process(event, FakeContext())) == []
    assert set(aws.results()) == {"m1"}


@pytest.mark.parametrize("setting", ["s3", "auto"])
def test_an_object_elsewhere_is_refused_and_its_neighbour_is_scored(
    aws: LocalAws, inference: Build, setting: str
) -> None:
    aws.objects["payloads/inputs/a"] = PLAIN.encode()
    handler = inference(envelope=setting, input_location=LOCATION)
    found = outcomes(aws, handler, make_event([s3("inputs/a"), s3("other/a"), s3("inputs/a", bucket="else")]))
    assert found == {**each([0], SUCCEEDED), **each([1, 2], dead_lettered("malformed"))}
    assert aws.dead_letters()["m1"]["detail"] == "s3://payloads/other/a is not below s3://payloads/inputs/"


def test_with_auto_and_no_place_an_object_is_not_read(aws: LocalAws, inference: Build) -> None:
    bodies = [s3("a"), s3("a", "b")]
    assert outcomes(aws, inference(envelope="auto"), make_event(bodies)) == each([0, 1], dead_lettered("malformed"))
    assert {id_: letter["detail"] for id_, letter in aws.dead_letters().items()} == {
        "m0": "the message points to s3://payloads/a, and there is no input_location",
        "m1": "the message points to 2 objects, and there is no input_location",
    }


def test_the_result_names_the_object_and_keeps_the_message_s_id(aws: LocalAws, inference: Build) -> None:
    aws.objects["payloads/inputs/a b"] = PLAIN.encode()
    inference(envelope="s3", input_location=LOCATION).process(make_event([s3("inputs/a b")]), FakeContext())
    event = aws.results()["m0"]
    assert (event["id"], event["subject"]) == ("m0", "m0")
    assert without_request(event)["data"] == {
        "endpoint": "dev-language",
        "inputLocation": "s3://payloads/inputs/a b",
        "result": {"label": "text"},
    }


@pytest.mark.parametrize("setting", ["s3", "auto"])
@pytest.mark.parametrize("in_sns", [False, True], ids=["bare", "in SNS"])
def test_each_object_of_a_notification_of_several_has_a_result(
    aws: LocalAws, inference: Build, setting: str, in_sns: bool
) -> None:
    keys = ["inputs/a b+", "inputs/日本", "inputs/c"]
    aws.objects |= {f"payloads/{key}": json.dumps({"inputs": key}).encode() for key in keys}
    handler = inference(envelope=setting, input_location=LOCATION)
    body = s3(*keys)
    event = make_event([sns(body) if in_sns else body, s3("inputs/c")])
    assert returned(handler.process(event, FakeContext())) == []
    found = {id_: result["data"]["inputLocation"] for id_, result in aws.results().items()}
    assert found == {
        **{f"m0-{number}": f"s3://payloads/{key}" for number, key in enumerate(keys, 1)},
        "m1": "s3://payloads/inputs/c",
    }


def test_if_one_object_comes_again_the_whole_message_does(aws: LocalAws, inference: Build) -> None:
    aws.objects["payloads/inputs/a"] = PLAIN.encode()
    handler = inference(envelope="s3", input_location=LOCATION)
    event = make_event([s3("inputs/a", "inputs/late", "inputs/later", "other/x"), s3("inputs/a")])
    assert returned(handler.process(event, FakeContext())) == ["m0"]
    assert set(aws.results()) == {"m0-1", "m1"}
    letters = aws.dead_letters()
    assert {id_: (letter["reason"], letter["body"]) for id_, letter in letters.items()} == {
        "m0-4": ("malformed", '{"s3": "s3://payloads/other/x"}')
    }
    aws.queues.clear()
    aws.objects |= {f"payloads/inputs/{key}": PLAIN.encode() for key in ("late", "later")}
    assert returned(handler.process(event, FakeContext())) == []
    assert set(aws.results()) == {"m0-1", "m0-2", "m0-3", "m1"}  # under the same ids, as of any message


def test_with_a_table_what_is_scored_of_a_message_is_scored_once(aws: LocalAws, inference: Build) -> None:
    serve_table(aws)
    aws.objects["payloads/inputs/a"] = PLAIN.encode()
    handler = inference(envelope="s3", input_location=LOCATION, idempotency_table="t")
    event = make_event([s3("inputs/a", "inputs/late")])
    assert returned(handler.process(event, FakeContext())) == ["m0"]
    aws.objects["payloads/inputs/late"] = PLAIN.encode()
    assert returned(handler.process(event, FakeContext())) == []
    assert sum(len(request.inputs) for request in aws.requests) == 2
    assert aws.queues["results"][-1]["MessageBody"].count("inputLocation") == 1


def test_a_message_with_an_object_that_can_t_be_named_is_refused_as_a_whole(aws: LocalAws, inference: Build) -> None:
    aws.objects["payloads/inputs/a"] = PLAIN.encode()
    handler = inference(envelope="s3", input_location=LOCATION)
    bodies = [s3("inputs/a", "inputs/b\nc"), s3("inputs/a")]
    assert outcomes(aws, handler, make_event(bodies)) == {
        **each([0], dead_lettered("malformed")),
        **each([1], SUCCEEDED),
    }
    assert aws.dead_letters()["m0"]["body"] == bodies[0]


def test_a_body_of_the_extended_client_is_a_body(aws: LocalAws, inference: Build) -> None:
    """The client puts it as text/plain, which is not the body's type; and an envelope in it is no data."""
    aws.objects.update({"payloads/inputs/a": b'\xef\xbb\xbf{"x": 1}', "payloads/inputs/b": sns(PLAIN).encode()})
    aws.content_types["payloads/inputs/a"] = "text/plain; charset=UTF-8"
    aws.endpoint = lambda request: ANSWER
    handler = inference(codec="single", envelope="extended-client", input_location=LOCATION)
    found = outcomes(aws, handler, make_event([extended("inputs/a"), extended("inputs/b")]))
    assert found == {**each([0], SUCCEEDED), **each([1], dead_lettered("malformed"))}
    assert (aws.requests[0].body, aws.requests[0].content_type) == (b'{"x": 1}', "application/json")
    assert aws.dead_letters()["m1"]["detail"] == (
        "the body on S3 is an SNS notification, and envelopes there are not opened"
    )


def test_a_bucket_test_is_told_apart() -> None:
    settings = HandlerSettings(endpoint_name="e", dead_letter_queue_url="d")
    assert Envelopes(settings).open(TEST_EVENT) == BucketTest("payloads")
