"""Smoke and load: only where results can be told from real ones, and nothing of others' is taken."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from handler.settings import HandlerSettings
from operate.probe import desk as probe_desk
from operate.probe.bodies import bodies
from operate.probe.mark import Mark
from tests.operate.conftest import Desk, Stack
from tests.operate.worker import working

ACCOUNT = "123456789012"


@pytest.fixture
def sink(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Create a topic, bus or bucket, or nothing for a queue; yield what the function's environment says of it."""
    kind: str = request.param
    match kind:
        case "sns":
            yield {"RESULT_SINK": kind, "RESULT_TARGET": boto3.client("sns").create_topic(Name="results")["TopicArn"]}
        case "eventbridge":
            events = boto3.client("events")
            events.create_event_bus(Name="results")
            yield {"RESULT_SINK": kind, "RESULT_TARGET": "results"}
            assert events.list_rules(EventBusName="results")["Rules"] == []
            events.delete_event_bus(Name="results")
        case "s3":
            boto3.client("s3").create_bucket(
                Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
            yield {"RESULT_SINK": kind, "RESULT_TARGET": "s3://results/of/"}
        case _:
            yield {}


def environment_of(stack: Stack, changes: dict[str, str]) -> dict[str, str]:
    settings = HandlerSettings(
        endpoint_name=f"{stack.name}-{stack.pipeline}",
        queue_url=stack.work,
        dead_letter_queue_url=stack.dead,
        result_target=stack.results,
    )
    return {**settings.to_environment(), **changes}


def queues() -> set[str]:
    return set(boto3.client("sqs").list_queues().get("QueueUrls", []))


@pytest.mark.parametrize("sink", ["sqs", "sns", "eventbridge", "s3"], indirect=True)
def test_ten_marked_messages_come_back(
    sink: dict[str, str], make_stack: Callable[..., Stack], desk: Desk, monkeypatch: Any
) -> None:
    stack = make_stack(**sink)
    before = queues()
    with working(stack, monkeypatch, environment_of(stack, sink)):
        said = desk("smoke", "--stack", stack.name, "--yes", *([] if sink else ["--own-results"]))
    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1].startswith("Passed: 10 of 10 scored; the slowest took ")
    assert f"Sends    10 messages, 100 a second, to endpoint {stack.name}-language" in said.out
    assert "Costs    about 60 requests to SQS (USD 0.0000 at the list price of us-east-1)" in said.out
    assert queues() == before
    assert (stack.count(stack.work), stack.count(stack.dead)) == ((0, 0), (0, 0))


def test_a_message_that_dies_is_told_with_its_reason_and_others_dead_letters_stay(
    stack: Stack, desk: Desk, monkeypatch: Any, tmp_path: Path
) -> None:
    stack.die("of a customer")
    file = tmp_path / "m.jsonl"
    file.write_text('{"body": "no JSON"}\n' + 9 * '{"inputs": "a"}\n')
    monkeypatch.setattr(probe_desk, "SMOKE_SECONDS", 0.5)
    with working(stack, monkeypatch, environment_of(stack, {})):
        said = desk("smoke", "--stack", stack.name, "--yes", "--own-results", "--messages", file)
    assert said.status == 1
    assert "message 1 became a dead letter, which was deleted: malformed: " in said.out
    assert said.out.splitlines()[-1].startswith("Failed: 9 of 10 scored")
    assert [message["Body"] for message in stack.received(stack.dead)] == ["of a customer"]


def test_what_never_comes_back_fails_the_smoke(stack: Stack, desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(probe_desk, "SMOKE_SECONDS", 0.2)
    said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 1
    assert said.out.splitlines()[-2:] == ["10 of 10 came back in no way within 0.2 s", "Failed: 0 of 10 scored"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "results go to the queue "),
        ({"RESULT_SINK": "none"}, "results go nowhere (sink none), so that there is nothing to wait for"),
        ({"ASYNCHRONOUS": "true"}, "the results of an asynchronous endpoint do not bear the probe's mark"),
        (
            {"RESULT_SINK": "sns", "MAX_EVENTS_PER_MESSAGE": "10"},
            "messages of the topic hold results of several records",
        ),
    ],
)
def test_where_results_cannot_be_told_apart_it_is_refused(
    variables: dict[str, str], message: str, make_stack: Callable[..., Stack], desk: Desk
) -> None:
    stack = make_stack(**variables)
    said = desk("smoke", "--stack", stack.name, "--yes")
    assert said.status == 2
    assert said.err.startswith(f"error: {message}"), said.err
    assert stack.count(stack.work) == (0, 0)


def test_a_results_queue_that_is_not_empty_is_not_the_probes_own(stack: Stack, desk: Desk) -> None:
    stack.put("a real result", {}, url=stack.results)
    said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 2
    assert "is not empty (1 waiting, 0 in flight), so somebody else uses it" in said.err
    assert (stack.count(stack.work), stack.count(stack.results)) == ((0, 0), (1, 0))


def test_a_strangers_result_is_given_back_and_ends_the_probe(stack: Stack, desk: Desk, monkeypatch: Any) -> None:

    def with_a_stranger(*arguments: Any) -> Iterator[str]:
        stack.put('{"id": "real", "data": {"result": 1}}', {}, url=stack.results)
        return bodies(*arguments)

    monkeypatch.setattr(probe_desk, "bodies", with_a_stranger)
    said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 1
    assert "a result of another's came to " in said.err
    assert stack.count(stack.results) == (1, 0)


@pytest.mark.parametrize(
    ("variables", "what"),
    [({"CODEC": "csv"}, "codec csv"), ({"ENVELOPE": "sns"}, "codec huggingface in an envelope")],
)
def test_without_a_body_that_every_model_takes_a_file_is_asked_for(
    variables: dict[str, str], what: str, make_stack: Callable[..., Stack], desk: Desk, tmp_path: Path
) -> None:
    stack = make_stack(**variables)
    said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 2
    assert said.err.startswith(f"error: what a model takes by {what} the desk can't know: pass --messages FILE")
    file = tmp_path / "m.jsonl"
    for content, error in (
        ("", " holds no messages"),
        ("[1]", ' line 1 must be an object with "body" or with "inputs"'),
    ):
        file.write_text(content)
        said = desk("smoke", "--stack", stack.name, "--yes", "--own-results", "--messages", file)
        assert (said.status, said.err) == (2, f"error: {file}{error}\n")
    assert stack.count(stack.work) == (0, 0)


def test_load_writes_the_demos_report(stack: Stack, desk: Desk, monkeypatch: Any, tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"inputs": "a"}\n{"body": {"inputs": "b"}}\n{"body": "{\\"inputs\\": \\"c\\"}"}\n')
    options = ("--rate", "100", "--seconds", "0.3", "--messages", file, "--report", tmp_path / "report")
    with working(stack, monkeypatch, environment_of(stack, {})):
        said = desk("load", "--stack", stack.name, "--yes", "--own-results", *options)
    assert said.status == 0, said.out + said.err
    report = json.loads((tmp_path / "report" / "load.json").read_text())
    assert {name: report[name] for name in ("sent", "succeeded", "lost", "repeated", "rate", "complaints")} == {
        "sent": 30, "succeeded": 30, "lost": 0, "repeated": 0, "rate": 100.0, "complaints": [],
    }  # fmt: skip
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    page = (tmp_path / "report" / "load.html").read_text()
    assert f"Load on {stack.name}, pipeline language: 30 messages" in page
    assert "<svg" in page
    assert "http" not in page


def test_too_many_messages_are_refused_before_one_is_sent(stack: Stack, desk: Desk) -> None:
    said = desk("load", "--stack", stack.name, "--yes", "--own-results", "--rate", "1000", "--seconds", "1000")
    assert (said.status, said.err) == (
        2,
        "error: --rate 1000 --seconds 1000 is 1,000,000 messages, not 1 to 100,000\n",
    )


def test_a_fifo_queue_takes_them_too(make_stack: Callable[..., Stack], desk: Desk, monkeypatch: Any) -> None:
    stack = make_stack(fifo=True)
    with working(stack, monkeypatch, environment_of(stack, {})):
        said = desk("smoke", "--stack", stack.name, "--yes", "--own-results")
    assert said.status == 0, said.out + said.err


def test_a_mark_is_one_runs_alone() -> None:
    mark, other = Mark(), Mark()
    assert [mark.number(mark.of_message(number)) for number in (0, 9, 99_999)] == [0, 9, 99_999]
    assert mark.number(other.of_message(1)) is None
    event = {"traceparent": mark.of_message(3), "data": {"result": 1}}
    assert list(mark.results(json.dumps([event, {"data": 2}, 5]))) == [(3, {"result": 1}), (None, 2), (None, None)]
    assert list(mark.results("not JSON")) == [(None, None)]
