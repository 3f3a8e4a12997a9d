"""Every sink: what leaves, what is sent again, what comes back, and whose fault it is."""

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from handler.batch import BatchInference
from handler.records import Reason, Record
from handler.settings import ConfigurationError
from handler.sinks import Entry as SentEntry
from handler.sinks import Outbox, SqsTransport, Transport, dead_letter_entry
from handler.sinks.transports import S3Transport, SnsTransport
from tests.handler.aws import Answer, LocalAws, scored, service_error
from tests.handler.conftest import Event, FakeContext, make_event, returned, texts

Build = Callable[..., BatchInference]
Entry = dict[str, Any]
ARN = "arn:aws:sqs:eu-central-1:123456789012:dev-language-work"
TRACE_HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Sink:
    """A sink, and where its entries have what is common to all."""

    name: str
    target: str
    body: str
    limit: int
    what: str

    @property
    def settings(self) -> dict[str, str]:
        # An SQS target is the fixture's own, which knows the server's port.
        return {"result_sink": self.name, **({"result_target": self.target} if self.target else {})}

    def events(self, aws: LocalAws) -> dict[str, Any]:
        events = [json.loads(entry[self.body]) for entry in aws.queues.get("results", [])]
        assert len({event["id"] for event in events}) == len(events)
        return {event["id"]: event for event in events}


SQS = Sink("sqs", "", "MessageBody", 1_048_576, "an SQS message")
SNS = Sink("sns", "arn:aws:sns:eu-central-1:123456789012:results", "Message", 262_144, "an SNS message")
EVENTBRIDGE = Sink("eventbridge", "results", "Detail", 999_999, "an EventBridge event")
SINKS = pytest.mark.parametrize("sink", [SQS, SNS, EVENTBRIDGE], ids=lambda sink: sink.name)
S3 = {"result_sink": "s3", "result_target": "s3://my-results/scored/"}


def refused(code: str = "InternalFailure") -> Entry:
    return {"Code": code, "Message": "try again", "SenderFault": False}


def traced(event: Event, **attributes: str) -> Event:
    """Give every record a trace header and message attributes."""
    for record in event["Records"]:
        record["attributes"]["AWSTraceHeader"] = TRACE_HEADER
        record["messageAttributes"] = {
            name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()
        }
    return event


def grouped(event: Event, groups: str) -> Event:
    """Make it an event of a FIFO queue, with a letter of `groups` for each record's message group."""
    for record, group in zip(event["Records"], groups, strict=True):
        record["eventSourceARN"] = f"{ARN}.fifo"
        record["attributes"]["MessageGroupId"] = group
    return event


def event_of(message_id: str, result: Any, **extensions: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": ARN,
        "type": "sagemaker.inference.result",
        "subject": message_id,
        "datacontenttype": "application/json",
        **extensions,
        "data": {"endpoint": "dev-language", "result": result},
    }


@SINKS
def test_results_leave_as_cloudevents_ten_a_call(aws: LocalAws, inference: Build, sink: Sink) -> None:
    assert returned(inference(**sink.settings).process(make_event(texts(25)), FakeContext())) == []
    assert sorted(len(entries) for _, entries in aws.batches) == [5, 10, 10]
    for number in range(25):
        event = sink.events(aws)[f"m{number}"]
        assert event.pop("time").endswith("Z")
        assert event == event_of(f"m{number}", {"label": f"text {number}"})


def test_what_surrounds_the_event_on_sqs(aws: LocalAws, inference: Build) -> None:
    inference().process(make_event(texts(1)), FakeContext())
    (entry,) = aws.queues["results"]
    assert entry == {"Id": "0", "MessageBody": entry["MessageBody"]}


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
    assert body == event_of("m0", {"label": "text 0"}, traceparent=TRACEPARENT, tracestate="a=b")


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
    assert returned(inference(**sink.settings).process(make_event(texts(6)), FakeContext())) == []
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
    assert returned(inference(**sink.settings).process(make_event(texts(3)), FakeContext())) == []
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


def _one_large(sink: Sink) -> Answer:
    return Answer(body=json.dumps(["x" * sink.limit, "small"]).encode())


@SINKS
def test_a_result_over_the_limit_is_dead_lettered_with_it(aws: LocalAws, inference: Build, sink: Sink) -> None:
    aws.endpoint = lambda request: _one_large(sink)
    assert returned(inference(**sink.settings).process(make_event(texts(2)), FakeContext())) == []
    letter = aws.dead_letters()["m0"]
    assert letter["reason"] == "result-too-large"
    assert letter["detail"].startswith("the result has ")
    assert letter["detail"].endswith(f" bytes, {sink.what} takes {sink.limit}")
    assert set(sink.events(aws)) == {"m1"}


@SINKS
def test_calls_keep_to_the_byte_limit_and_results_at_it_leave(aws: LocalAws, inference: Build, sink: Sink) -> None:
    part = sink.limit * 2 // 5
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * part] * 5).encode())
    assert returned(inference(**sink.settings).process(make_event(texts(5)), FakeContext())) == []
    assert sorted(len(entries) for _, entries in aws.batches) == [1, 2, 2]
    around = len(aws.batches[0][1][0][sink.body]) - part
    if sink is EVENTBRIDGE:
        around += len("sagemaker.inference") + len("sagemaker.inference.result") + len(ARN)
    aws.queues.clear()
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * (sink.limit - around)] * 2).encode())
    assert returned(inference(**sink.settings).process(make_event(texts(2)), FakeContext())) == []
    assert len(sink.events(aws)) == 2
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * (sink.limit - around + 1)]).encode())
    assert returned(inference(**sink.settings).process(make_event(texts(1)), FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "result-too-large"


@SINKS
def test_with_an_overflow_location_a_result_over_the_limit_goes_there(
    aws: LocalAws, inference: Build, sink: Sink
) -> None:
    aws.endpoint = lambda request: _one_large(sink)
    handler = inference(overflow_location="s3://my-results/large/", **sink.settings)
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == []
    assert aws.objects == {"my-results/large/m0.json": json.dumps("x" * sink.limit).encode()}
    assert aws.content_types == {"my-results/large/m0.json": "application/json"}
    data = sink.events(aws)["m0"]["data"]
    assert data == {"endpoint": "dev-language", "resultLocation": "s3://my-results/large/m0.json"}
    assert sink.events(aws)["m1"]["data"]["result"] == "small"
    assert aws.dead_letters() == {}


def test_a_result_that_can_not_be_put_aside_is_put_again_and_then_returned(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: _one_large(SQS)
    attempts: list[str] = []

    def refuse(method: str, name: str) -> Answer | None:
        attempts.append(name)
        return service_error(503, "SlowDown") if len(attempts) != 5 else None

    aws.refuse_object = refuse
    handler = inference(overflow_location="s3://my-results/large/")
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == ["m0"]
    assert set(aws.results()) == {"m1"}
    assert len(attempts) == 3
    assert len(aws.batches) == 1
    aws.queues.clear()
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == []
    assert set(aws.results()) == {"m0", "m1"}


def test_what_is_put_aside_is_put_side_by_side(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * SQS.limit] * 4).encode())
    aws.refuse_object = lambda method, name: aws.objects.update({name: b""}) or Answer(delay_seconds=0.5)
    started = time.monotonic()
    handler = inference(overflow_location="s3://my-results/large/")
    assert returned(handler.process(make_event(texts(4)), FakeContext())) == []
    assert time.monotonic() - started < 1.5
    assert len(aws.objects) == len(aws.results()) == 4


def test_an_entry_over_the_limit_holds_only_what_is_after_it_in_its_group(aws: LocalAws) -> None:
    with ThreadPoolExecutor(1) as pool:
        outbox = Outbox(SnsTransport(SNS.target), pool, time.monotonic() + 5, ordered=True)
        for id_, body in {"m0": "{}", "m1": "x" * 262_145, "m2": "{}"}.items():
            outbox.add(SentEntry(id_, body, group="A"))
        ends = {entry.message_id: error for entry, error in outbox.close()}
    assert ends == {
        "m0": None,
        "m1": "it has 262145 bytes, an SNS message takes 262144",
        "m2": "an earlier one of its message group was not acknowledged",
    }


def test_an_overflow_location_that_is_denied_blames_no_record(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: _one_large(SQS)
    aws.refuse_object = lambda method, name: service_error(403, "AccessDenied")
    handler = inference(overflow_location="s3://my-results/large/")
    with pytest.raises(ConfigurationError, match=r"^s3://my-results/large/m0\.json: .*AccessDenied"):
        handler.process(make_event(texts(2)), FakeContext())


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
    assert events == [event_of(f"m{number}", {"label": f"text {number}"}) for number in range(12)]
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
    made: list[str] = []
    make = boto3.client

    def record(service: str, **arguments: Any) -> Any:
        made.append(service)
        return make(service, **arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", record)
    inference(**settings)
    assert sorted(made) == services


@pytest.mark.parametrize("sink", [SQS, SNS], ids=lambda sink: sink.name)
def test_a_fifo_target_gets_the_group_and_the_message_id(aws: LocalAws, inference: Build, sink: Sink) -> None:
    target = sink.target or f"{aws.url}/123456789012/results"
    handler = inference(result_sink=sink.name, result_target=f"{target}.fifo")
    handler.process(grouped(make_event(texts(2)), "AB"), FakeContext())
    handler.process(make_event(texts(1)), FakeContext())
    sent = [(entry["MessageGroupId"], entry["MessageDeduplicationId"]) for entry in aws.queues["results.fifo"]]
    assert sent == [("A", "m0"), ("B", "m1"), ("m0", "m0")]


def test_a_fifo_dead_letter_queue_gets_them_too(aws: LocalAws, inference: Build) -> None:
    handler = inference(dead_letter_queue_url=f"{aws.url}/123456789012/dead.fifo", fifo_dead_letters=True)
    handler.process(grouped(make_event(["not json", *texts(1)]), "AB"), FakeContext())
    (letter,) = aws.queues["dead.fifo"]
    assert (letter["MessageGroupId"], letter["MessageDeduplicationId"]) == ("A", "m0")


@SINKS
def test_a_message_group_leaves_in_order_one_a_call(aws: LocalAws, inference: Build, sink: Sink) -> None:
    event = grouped(make_event(texts(7)), "AABACAB")
    assert returned(inference(**sink.settings).process(event, FakeContext())) == []
    waves = [[json.loads(entry[sink.body])["id"] for entry in entries] for _, entries in aws.batches]
    assert waves == [["m0", "m2", "m4"], ["m1", "m6"], ["m3"], ["m5"]]


def test_what_the_sink_refuses_holds_its_message_group_and_no_other(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    aws.refuse = lambda queue, entry: refused() if "text 1" in entry["MessageBody"] else None
    response = inference().process(grouped(make_event(texts(7)), "AABACAB"), FakeContext())
    assert returned(response) == ["m1", "m3", "m5"]
    assert [json.loads(message["MessageBody"])["id"] for message in aws.queues["results"]] == ["m0", "m2", "m4", "m6"]
    attempted = {json.loads(entry["MessageBody"])["id"] for _, entries in aws.batches for entry in entries}
    assert attempted == {"m0", "m1", "m2", "m4", "m6"}
    assert caplog.text.count("an earlier one of its message group was not acknowledged") == 2


def test_what_the_sink_takes_on_a_retry_lets_its_message_group_go_on(aws: LocalAws, inference: Build) -> None:
    refusals = [refused()]
    aws.refuse = lambda queue, entry: refusals.pop() if refusals and "text 0" in entry["MessageBody"] else None
    assert returned(inference().process(grouped(make_event(texts(4)), "ABAB"), FakeContext())) == []
    sent = [json.loads(message["MessageBody"])["id"] for message in aws.queues["results"]]
    assert sent == ["m1", "m0", "m2", "m3"]


def test_a_message_group_whose_time_runs_out_is_held(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: Answer(delay_seconds=4)
    response = inference().process(grouped(make_event(texts(3)), "AAB"), FakeContext(remaining_ms=2000))
    assert sorted(returned(response)) == ["m0", "m1", "m2"]
    assert all("text 1" not in entry["MessageBody"] for _, entries in aws.batches for entry in entries)


def test_a_result_put_aside_keeps_its_place_in_its_message_group(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: _one_large(SQS)
    handler = inference(overflow_location="s3://my-results/large/")
    assert returned(handler.process(grouped(make_event(texts(2)), "AA"), FakeContext())) == []
    assert [json.loads(message["MessageBody"])["id"] for message in aws.queues["results"]] == ["m0", "m1"]


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
    return dict(dead_letter_entry(record, "dev-language", Reason.MALFORMED, "why").attributes)


def test_of_ten_attributes_a_dead_letter_keeps_those_that_are_read_again() -> None:
    names = [*(f"own{number}" for number in range(8)), "TargetVariant", "traceparent"]
    kept = list(_letter("x", **dict.fromkeys(names, "v")))
    assert kept[5:] == ["TargetVariant", "traceparent", "own0", "own1", "own2"]


def test_a_dead_letter_keeps_only_the_attributes_it_has_bytes_for() -> None:
    five = sum(len(name) + 6 + len(value) for name, value in _letter("x").items())
    body = "x" * (1_048_576 - five - 30)
    assert list(_letter(body, large="v" * 40, small="v" * 19))[5:] == ["small"]


REASON = len("reason" + "String" + "malformed")
SOURCE_ID = len("sourceMessageId" + "String" + "m0")


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
    letter = dead_letter_entry(record, "dev-language", Reason.MALFORMED, "ä€ö")
    assert letter.attributes["detail"] == "ä€"
    assert SqsTransport(None, "").size(letter) == 1_048_575


def test_a_body_that_leaves_no_room_for_a_reason_is_returned_until_sqs_moves_it(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    body = "x" * (1_048_576 - REASON + 1)
    assert returned(inference().process(make_event([body, *texts(1)]), FakeContext())) == ["m0"]
    assert "dead" not in [queue for queue, _ in aws.batches]
    assert "bytes, an SQS message takes 1048576" in caplog.text


@pytest.mark.parametrize(("sink", "garbled"), [(SQS, b"{}"), (SNS, b"<a"), (EVENTBRIDGE, b"{}")])
def test_an_answer_without_a_word_on_an_entry_is_no_acknowledgement(
    aws: LocalAws, inference: Build, sink: Sink, garbled: bytes
) -> None:
    aws.refuse = lambda queue, entry: Answer(body=garbled)
    assert returned(inference(**sink.settings).process(make_event(texts(2)), FakeContext())) == ["m0", "m1"]
