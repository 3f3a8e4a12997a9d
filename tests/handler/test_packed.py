"""Several results in one message: a list of CloudEvents, which succeed or fail together."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from handler.sinks import Entry, Outbox, SqsTransport
from handler.sinks.packed import PackedTransport
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned,
    texts,
)

TOPIC = {"result_sink": "sns", "result_target": "arn:aws:sns:eu-central-1:123456789012:results"}
SINKS = pytest.mark.parametrize(
    ("sink", "body", "limit"),
    [({}, "MessageBody", 1_048_576), (TOPIC, "Message", 262_144)],
    ids=["sqs", "sns"],
)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def lists(aws: LocalAws, body: str = "MessageBody") -> list[list[Any]]:
    return [json.loads(message[body]) for message in aws.queues.get("results", [])]


@SINKS
def test_a_message_holds_so_many_events_and_a_call_ten_messages(
    aws: LocalAws, inference: Build, sink: dict[str, str], body: str, limit: int
) -> None:
    handler = inference(**sink, max_events_per_message=3, max_records_per_request=50)
    assert outcomes(aws, handler, make_event(texts(34))) == each(range(34), SUCCEEDED)
    assert sorted(len(entries) for _, entries in aws.batches) == [2, 10]
    assert sorted(len(events) for events in lists(aws, body)) == [1, *[3] * 11]
    events = {event["id"]: event for message in lists(aws, body) for event in message}
    assert {id_: event["data"]["result"] for id_, event in events.items()} == {
        f"m{number}": {"label": f"text {number}"} for number in range(34)
    }
    assert events["m7"]["specversion"] == "1.0"


def test_one_result_is_a_list_too_and_an_event_keeps_its_trace(aws: LocalAws, inference: Build) -> None:
    event = make_event(texts(1))
    event["Records"][0]["messageAttributes"] = {"traceparent": {"stringValue": TRACEPARENT, "dataType": "String"}}
    event["Records"][0]["attributes"]["AWSTraceHeader"] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    inference(max_events_per_message=100).process(event, FakeContext())
    (message,) = aws.queues["results"]
    assert set(message) == {"Id", "MessageBody"}
    assert [event["traceparent"] for event in json.loads(message["MessageBody"])] == [TRACEPARENT]


def test_what_is_in_a_message_that_is_refused_comes_back_and_nothing_else(aws: LocalAws, inference: Build) -> None:
    refusal = {"Code": "InternalFailure", "Message": "try again", "SenderFault": False}
    aws.refuse = lambda queue, entry: refusal if "text 5" in entry["MessageBody"] else None
    handler = inference(max_events_per_message=4, max_records_per_request=50)
    assert returned(handler.process(make_event(texts(12)), FakeContext())) == ["m4", "m5", "m6", "m7"]
    assert [len(events) for events in lists(aws)] == [4, 4]
    # Only the refused message was sent again, unchanged.
    assert [[len(json.loads(entry["MessageBody"])) for entry in entries] for _, entries in aws.batches] == [
        [4, 4, 4], [4], [4],
    ]  # fmt: skip


@SINKS
def test_messages_keep_to_the_byte_limit_and_a_list_at_it_leaves(
    aws: LocalAws, inference: Build, sink: dict[str, str], body: str, limit: int
) -> None:
    handler = inference(**sink, max_events_per_message=100, max_request_bytes=10_000_000)
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * (limit * 2 // 5)] * 5).encode())
    assert outcomes(aws, handler, make_event(texts(5))) == each(range(5), SUCCEEDED)
    assert sorted(len(events) for events in lists(aws, body)) == [1, 2, 2]
    for message in aws.queues["results"]:
        assert len(message[body]) <= limit


@SINKS
def test_a_list_of_one_may_be_as_large_as_a_message(
    aws: LocalAws, inference: Build, sink: dict[str, str], body: str, limit: int
) -> None:
    handler, answers = inference(**sink, max_events_per_message=100, max_request_bytes=10_000_000), [""]
    aws.endpoint = lambda request: Answer(body=json.dumps(answers[-1:]).encode())
    handler.process(make_event(texts(1)), FakeContext())
    around = len(aws.queues.pop("results")[0][body])
    answers.append("x" * (limit - around))
    handler.process(make_event(texts(1)), FakeContext())
    assert [len(message[body]) for message in aws.queues.pop("results")] == [limit]
    answers.append("x" * (limit - around + 1))
    assert outcomes(aws, handler, make_event(texts(1))) == {"m0": dead_lettered("result-too-large")}
    assert set(aws.queues) == {"dead"}
    assert aws.dead_letters()["m0"]["reason"] == "result-too-large"


def test_with_an_overflow_location_the_event_in_the_list_has_the_location(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * 1_048_576, "small"]).encode())
    handler = inference(max_events_per_message=9, overflow_location="s3://payloads/large/")
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    events = {event["id"]: event["data"] for message in lists(aws) for event in message}
    assert events["m0"]["resultLocation"] == "s3://payloads/large/m0.json"
    assert events["m1"]["result"] == "small"
    assert json.loads(aws.objects["payloads/large/m0.json"]) == "x" * 1_048_576


def test_events_that_are_collected_during_a_call_leave_in_one_message(aws: LocalAws) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(queue: str, entry: dict[str, Any]) -> None:
        arrived.set()
        assert go_on.wait(5)

    aws.refuse = hold
    transport = PackedTransport(SqsTransport(boto3.client("sqs"), f"{aws.url}/123456789012/results"), 100)
    with ThreadPoolExecutor(4) as pool:
        outbox = Outbox(transport, pool, time.monotonic() + 10)
        for numbers in (range(2), range(2, 5), range(5, 9)):
            outbox.add_all(Entry(f"m{number}", f'{{"id":"m{number}"}}') for number in numbers)
            outbox.flush_if_idle()
            assert arrived.wait(5)
        go_on.set()
        assert [error for _, error in outbox.close()] == [None] * 9
    assert [len(events) for events in lists(aws)] == [2, 7]


def test_the_brackets_count_in_what_a_call_may_hold(aws: LocalAws) -> None:
    transport = PackedTransport(SqsTransport(boto3.client("sqs"), f"{aws.url}/123456789012/results"), 2)
    lengths = [52_427] * 19 + [52_437]
    assert sum(lengths) + len(lengths) + 10 > 1_048_576 > sum(lengths) + len(lengths)  # commas alone would fit
    with ThreadPoolExecutor(1) as pool:
        outbox = Outbox(transport, pool, time.monotonic() + 10)
        outbox.add_all(Entry(f"m{number}", json.dumps("x" * (size - 2))) for number, size in enumerate(lengths))
        assert [error for _, error in outbox.close()] == [None] * 20
    sizes = [sum(len(entry["MessageBody"]) for entry in entries) for _, entries in aws.batches]
    assert len(sizes) == 2
    assert max(sizes) <= 1_048_576


@pytest.mark.parametrize("overflow", ["", "s3://payloads/large/"])
def test_results_of_one_request_do_not_wait_for_the_next(aws: LocalAws, inference: Build, overflow: str) -> None:
    sent = threading.Event()
    aws.refuse = lambda queue, entry: sent.set()

    def endpoint(request: Request) -> Answer:
        return scored(request) if request.inputs == ["text 0"] or sent.wait(5) else model_error(500)

    aws.endpoint = endpoint
    handler = inference(
        max_events_per_message=100, max_records_per_request=1, requests_in_flight=2, overflow_location=overflow
    )
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert [[event["id"] for event in events] for events in lists(aws)] == [["m0"], ["m1"]]
