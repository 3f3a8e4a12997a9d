"""Message groups on their way to the sinks: in order, and held behind an entry that failed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.sinks import Entry as SentEntry
from handler.sinks import Outbox
from handler.sinks.transports import SnsTransport
from tests.handler.aws import Answer, LocalAws
from tests.handler.conftest import Build, FakeContext, make_event, returned, texts
from tests.handler.sinks import (
    SINKS,
    SNS,
    SQS,
    Sink,
    grouped,
    refused,
)


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
    (line,) = [record for record in caplog.records if "an earlier one of its message group" in record.getMessage()]
    assert line.__dict__["message_ids"] == ["m3", "m5"]


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


def test_an_entry_over_the_limit_holds_only_what_is_after_it_in_its_group(aws: LocalAws) -> None:
    with ThreadPoolExecutor(1) as pool:
        outbox = Outbox(SnsTransport(SNS.target), pool, time.monotonic() + 5, ordered=True)
        for id_, body in {"m0": "{}", "m1": "x" * 262_145, "m2": "{}"}.items():
            outbox.add(SentEntry(id_, body, group="A"))
        errors = {entry.message_id: error for entry, error in outbox.close()}
    assert errors == {
        "m0": None,
        "m1": "it has 262145 bytes, an SNS message takes 262144",
        "m2": "an earlier one of its message group was not acknowledged",
    }
