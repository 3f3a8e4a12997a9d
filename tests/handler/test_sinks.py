"""Every sink: contents of messages, retries, returned records, and faults of the deployment."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import pytest

from handler.settings import ConfigurationError
from handler.sinks import Entry as SentEntry
from handler.sinks import Outbox, Transport
from handler.sinks.transports import S3Transport, SnsTransport
from tests.handler.aws import Answer, LocalAws, scored, service_error
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
    without_request,
)
from tests.handler.sinks import (
    ARN,
    EVENTBRIDGE,
    S3,
    SINKS,
    SNS,
    SQS,
    TRACE_HEADER,
    TRACEPARENT,
    Entry,
    Sink,
    event_of,
    refused,
    traced,
)


@SINKS
def test_results_leave_as_cloudevents_ten_a_call(aws: LocalAws, inference: Build, sink: Sink) -> None:
    assert outcomes(aws, inference(**sink.settings), make_event(texts(25))) == each(range(25), SUCCEEDED)
    assert sorted(len(entries) for _, entries in aws.batches) == [5, 10, 10]
    for number in range(25):
        event = sink.events(aws)[f"m{number}"]
        assert event.pop("time").endswith("Z")
        assert without_request(event) == event_of(f"m{number}", {"label": f"text {number}"})


def test_what_surrounds_the_event_on_sqs(aws: LocalAws, inference: Build) -> None:
    inference().process(make_event(texts(1)), FakeContext())
    (entry,) = aws.queues["results"]
    assert entry == {"Id": entry["Id"], "MessageBody": entry["MessageBody"]}


def test_what_surrounds_the_event_on_eventbridge(aws: LocalAws, inference: Build) -> None:
    inference(**EVENTBRIDGE.settings).process(make_event(texts(1)), FakeContext())
    (entry,) = aws.queues["results"]
    assert entry == {
        "EventBusName": "results",
        "Source": "sagemaker.inference",
        "DetailType": "sagemaker.inference.result",
        "Detail": entry["Detail"],
        "Resources": [ARN],
    }


def test_traces_leave_with_the_event_on_sqs(aws: LocalAws, inference: Build) -> None:
    event = traced(make_event(texts(1)), traceparent=TRACEPARENT, tracestate="a=b", other="x")
    inference().process(event, FakeContext())
    (entry,) = aws.queues["results"]
    assert entry["MessageSystemAttributes"] == {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE_HEADER}}
    assert entry["MessageAttributes"] == {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    body = json.loads(entry["MessageBody"])
    del body["time"]
    expected = event_of("m0", {"label": "text 0"}, traceparent=TRACEPARENT, tracestate="a=b")
    assert without_request(body) == expected


def test_traces_leave_with_the_event_on_sns(aws: LocalAws, inference: Build) -> None:
    inference(**SNS.settings).process(traced(make_event(texts(1)), traceparent=TRACEPARENT), FakeContext())
    (entry,) = aws.queues["results"]
    assert entry["MessageAttributes"] == {"traceparent": {"DataType": "String", "StringValue": TRACEPARENT}}
    assert SNS.events(aws)["m0"]["traceparent"] == TRACEPARENT


def test_traces_leave_with_the_event_on_eventbridge(aws: LocalAws, inference: Build) -> None:
    inference(**EVENTBRIDGE.settings).process(traced(make_event(texts(1)), traceparent=TRACEPARENT), FakeContext())
    (entry,) = aws.queues["results"]
    assert entry["TraceHeader"] == TRACE_HEADER
    assert EVENTBRIDGE.events(aws)["m0"]["traceparent"] == TRACEPARENT


def test_a_tracestate_without_its_traceparent_says_nothing(aws: LocalAws, inference: Build) -> None:
    inference().process(traced(make_event(texts(1)), tracestate="a=b"), FakeContext())
    assert "tracestate" not in aws.results()["m0"]


@SINKS
def test_a_call_waits_until_it_is_full_however_slowly_results_come(aws: LocalAws, inference: Build, sink: Sink) -> None:
    aws.endpoint = lambda request: replace(scored(request), delay_seconds=0.02)
    inference(**sink.settings, max_records_per_request=5).process(make_event(texts(20)), FakeContext())
    assert [len(entries) for _, entries in aws.batches] == [10, 10]


@SINKS
def test_what_was_refused_is_sent_again_by_itself(aws: LocalAws, inference: Build, sink: Sink) -> None:
    left = {"text 1": 1, "text 4": 2}

    def refuse(queue: str, entry: Entry) -> Entry | None:
        label = json.loads(entry[sink.body])["data"]["result"]["label"]
        left[label] = left.get(label, 0) - 1
        return refused() if left[label] >= 0 else None

    aws.refuse = refuse
    assert outcomes(aws, inference(**sink.settings), make_event(texts(6))) == each(range(6), SUCCEEDED)
    assert [len(entries) for _, entries in aws.batches] == [6, 2, 1]
    assert set(sink.events(aws)) == {f"m{number}" for number in range(6)}


@SINKS
def test_what_is_refused_for_good_is_returned(
    aws: LocalAws, inference: Build, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    aws.refuse = lambda queue, entry: refused() if "text 1" in entry[sink.body] else None
    assert returned(inference(**sink.settings).process(make_event(texts(12)), FakeContext())) == ["m1", "m10", "m11"]
    assert len(sink.events(aws)) == 9
    assert "result not sent: InternalFailure: try again" in caplog.text


@SINKS
@pytest.mark.parametrize(
    "answer",
    [
        service_error(400, "ThrottlingException"),
        service_error(403, "RequestThrottled"),
        service_error(503, "ServiceUnavailable"),
        Answer(drop=True),
    ],
    ids=["throttled", "throttled-403", "unavailable", "dropped"],
)
def test_a_call_that_fails_as_a_whole_is_made_again(
    aws: LocalAws, inference: Build, sink: Sink, answer: Answer
) -> None:
    answers = [answer, answer]
    aws.refuse = lambda queue, entry: answers.pop() if answers else None
    assert outcomes(aws, inference(**sink.settings), make_event(texts(3))) == each(range(3), SUCCEEDED)
    assert len(sink.events(aws)) == 3
    aws.refuse = lambda queue, entry: answer
    assert returned(inference(**sink.settings).process(make_event(texts(3)), FakeContext())) == ["m0", "m1", "m2"]


@pytest.mark.parametrize(
    ("sink", "status", "code"),
    [
        (SQS, 400, "AWS.SimpleQueueService.NonExistentQueue"),
        (SQS, 400, "QueueDoesNotExist"),
        (SQS, 403, "AccessDenied"),
        (SQS, 400, "KMS.AccessDeniedException"),
        (SNS, 404, "NotFound"),
        (SNS, 403, "AuthorizationError"),
        (SNS, 400, "KMSNotFound"),
        (EVENTBRIDGE, 400, "ResourceNotFoundException"),
        (EVENTBRIDGE, 400, "AccessDeniedException"),
    ],
)
def test_a_target_that_is_missing_or_denied_blames_no_record(
    aws: LocalAws, inference: Build, sink: Sink, status: int, code: str
) -> None:
    aws.refuse = lambda queue, entry: service_error(status, code)
    target = sink.target or f"{aws.url}/123456789012/results"
    with pytest.raises(ConfigurationError, match=f"^{target}: .*{code}"):
        inference(**sink.settings).process(make_event(["not json", *texts(1)]), FakeContext())
    assert len(aws.batches) == 1


def test_an_event_that_the_bus_denies_blames_no_record(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: refused("NotAuthorizedForSourceException")
    with pytest.raises(ConfigurationError, match=r"^results: NotAuthorizedForSourceException: try again$"):
        inference(**EVENTBRIDGE.settings).process(make_event(texts(1)), FakeContext())


@SINKS
def test_calls_keep_to_the_byte_limit_and_results_at_it_leave(aws: LocalAws, inference: Build, sink: Sink) -> None:
    part = sink.limit * 2 // 5
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * part] * 5).encode())
    assert outcomes(aws, inference(**sink.settings), make_event(texts(5))) == each(range(5), SUCCEEDED)
    assert sorted(len(entries) for _, entries in aws.batches) == [1, 2, 2]
    around = len(aws.batches[0][1][0][sink.body]) - part
    if sink is EVENTBRIDGE:
        around += len("sagemaker.inference") + len("sagemaker.inference.result") + len(ARN)
    aws.queues.clear()
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * (sink.limit - around)] * 2).encode())
    assert outcomes(aws, inference(**sink.settings), make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert len(sink.events(aws)) == 2
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * (sink.limit - around + 1)]).encode())
    assert outcomes(aws, inference(**sink.settings), make_event(texts(1))) == {"m0": dead_lettered("result-too-large")}
    assert aws.dead_letters()["m0"]["reason"] == "result-too-large"


def test_results_leave_as_json_lines_on_s3(aws: LocalAws, inference: Build) -> None:
    handler = inference(**S3)
    assert returned(handler.process(make_event(texts(12)), FakeContext())) == []
    ids = sorted(f"m{number}" for number in range(12))
    name = f"my-results/scored/{hashlib.sha256(chr(10).join(ids).encode()).hexdigest()[:32]}.jsonl"
    assert aws.content_types == {name: "application/x-ndjson"}
    assert aws.objects[name].endswith(b"}\n")
    events = [json.loads(line) for line in aws.objects[name].splitlines()]
    for event in events:
        del event["time"]
    expected = [event_of(f"m{number}", {"label": f"text {number}"}) for number in range(12)]
    assert [*map(without_request, events)] == expected
    handler.process(make_event(texts(12)), FakeContext())
    assert list(aws.objects) == [name]


def test_an_object_that_s3_refuses_is_put_again_and_then_its_records_are_returned(
    aws: LocalAws, inference: Build
) -> None:
    answers = [service_error(503, "SlowDown"), service_error(500, "InternalError")]
    aws.refuse_object = lambda method, name: answers.pop() if answers else None
    assert returned(inference(**S3).process(make_event(texts(2)), FakeContext())) == []
    assert len(aws.objects) == 1
    aws.refuse_object = lambda method, name: service_error(503, "SlowDown")
    assert returned(inference(**S3).process(make_event(texts(2)), FakeContext())) == ["m0", "m1"]


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket")])
def test_a_bucket_that_is_missing_or_denied_blames_no_record(
    aws: LocalAws, inference: Build, status: int, code: str
) -> None:
    aws.refuse_object = lambda method, name: service_error(status, code)
    with pytest.raises(ConfigurationError, match=f"^s3://my-results/scored/: .*{code}"):
        inference(**S3).process(make_event(texts(1)), FakeContext())


def test_what_is_added_together_leaves_together_on_s3_alone(aws: LocalAws) -> None:
    def sizes(transport: Transport) -> list[int]:
        with ThreadPoolExecutor(1) as pool:
            outbox = Outbox(transport, pool, time.monotonic() + 5)
            for numbers in (range(2), range(2, 14)):
                outbox.add_all(SentEntry(f"m{number}", "{}") for number in numbers)
            assert [error for _, error in outbox.close()] == [None] * 14
        return [len(entries) for _, entries in aws.batches] or [len(body.split()) for body in aws.objects.values()]

    assert sizes(S3Transport("s3://my-results/")) == [2, 12]
    assert sizes(SnsTransport(SNS.target)) == [10, 4]


def test_without_a_sink_a_scored_record_is_done(aws: LocalAws, inference: Build) -> None:
    handler = inference(result_sink="none", result_target="")
    assert returned(handler.process(make_event(["not json", *texts(12)]), FakeContext())) == []
    assert len(aws.requests[0].inputs) == 12
    assert set(aws.queues) == {"dead"}


@pytest.mark.parametrize(
    ("settings", "services"),
    [
        ({}, ["sagemaker-runtime", "sqs"]),
        (SNS.settings, ["sagemaker-runtime", "sns", "sqs"]),
        (EVENTBRIDGE.settings, ["events", "sagemaker-runtime", "sqs"]),
        (S3, ["s3", "sagemaker-runtime", "sqs"]),
        (S3 | {"overflow_location": "s3://my-results/large/"}, ["s3", "sagemaker-runtime", "sqs"]),
        ({"overflow_location": "s3://my-results/large/"}, ["s3", "sagemaker-runtime", "sqs"]),
        ({"result_sink": "none"}, ["sagemaker-runtime", "sqs"]),
    ],
)
def test_a_cold_start_makes_only_the_clients_it_needs(
    inference: Build, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], services: list[str]
) -> None:
    created: list[str] = []
    make = boto3.client

    def record(service: str, **arguments: Any) -> Any:
        created.append(service)
        return make(service, **arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", record)
    inference(**settings)
    assert sorted(created) == services


@pytest.mark.parametrize(("sink", "garbled"), [(SQS, b"{}"), (SNS, b"<a"), (EVENTBRIDGE, b"{}")])
def test_an_answer_without_a_word_on_an_entry_is_no_acknowledgement(
    aws: LocalAws, inference: Build, sink: Sink, garbled: bytes
) -> None:
    aws.refuse = lambda queue, entry: Answer(body=garbled)
    assert returned(inference(**sink.settings).process(make_event(texts(2)), FakeContext())) == ["m0", "m1"]
