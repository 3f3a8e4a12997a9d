"""A table of results: a record delivered twice is scored once."""

import json
import time
from typing import Any

import pytest

from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, model_error, scored, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    Items,
    each,
    make_event,
    make_fifo_event,
    outcomes,
    returned,
    serve_table,
    texts,
)


@pytest.fixture
def table(aws: LocalAws) -> Items:
    return serve_table(aws)


def test_a_second_delivery_is_not_scored_and_its_result_leaves_again(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    handler = inference(idempotency_table="t", idempotency_seconds=60)
    assert outcomes(aws, handler, make_event(texts(40))) == each(range(40), SUCCEEDED)
    first = {id_: event["data"] for id_, event in aws.results().items()}
    requests = len(aws.requests)
    aws.queues.clear()
    assert returned(handler.process(make_event(texts(40), receive_count=2), FakeContext())) == []
    assert len(aws.requests) == requests
    assert {id_: event["data"] for id_, event in aws.results().items()} == first
    assert set(table["m0"]) == {"id", "result", "expires_at", "inference_id", "record_index"}
    assert 55 <= int(table["m0"]["expires_at"]["N"]) - time.time() <= 61


def test_what_another_invocation_has_is_returned(aws: LocalAws, inference: Build, table: Items) -> None:
    later = {"N": str(int(time.time()) + 60)}
    table["m1"] = {"id": {"S": "m1"}, "claimed_until": later, "expires_at": later}
    assert returned(inference(idempotency_table="t").process(make_event(texts(3)), FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0", "m2"}
    assert 30 <= aws.hidden["r1"] <= 60
    assert "result" not in table["m1"]


@pytest.mark.parametrize("which", ["claimed_until", "expires_at"])
def test_what_has_expired_is_scored(aws: LocalAws, inference: Build, table: Items, which: str) -> None:
    times = {name: {"N": str(int(time.time()) + 60)} for name in ("claimed_until", "expires_at")}
    table["m0"] = {"id": {"S": "m0"}, **times, which: {"N": str(int(time.time()) - 5)}}
    assert outcomes(aws, inference(idempotency_table="t"), make_event(texts(1))) == each(range(1), SUCCEEDED)
    assert set(aws.results()) == {"m0"}


def test_a_claim_expires_with_the_invocation(aws: LocalAws, inference: Build, table: Items) -> None:
    seen: list[float] = []

    def endpoint(_: Any) -> Answer:
        seen.append(int(table["m0"]["claimed_until"]["N"]) - time.time())
        return model_error(500)

    aws.endpoint = endpoint
    assert returned(inference(idempotency_table="t").process(make_event(texts(1)), FakeContext(10_000))) == ["m0"]
    assert 5 <= seen[0] <= 12
    assert table == {}


def test_a_result_that_no_sink_took_is_not_paid_for_twice(aws: LocalAws, inference: Build, table: Items) -> None:
    aws.refuse = lambda queue, entry: {"Code": "InternalError", "SenderFault": False} if queue == "results" else None
    handler = inference(idempotency_table="t")
    assert returned(handler.process(make_event(texts(1)), FakeContext())) == ["m0"]
    aws.refuse = lambda queue, entry: None
    assert returned(handler.process(make_event(texts(1), receive_count=2), FakeContext())) == []
    assert len(aws.requests) == 1


def test_a_table_that_does_not_answer_returns_the_records(aws: LocalAws, inference: Build) -> None:
    aws.dynamodb = lambda operation, call: service_error(500, "InternalServerError")
    handler = inference(idempotency_table="t")
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == ["m0", "m1"]
    assert aws.requests == []


def test_a_missing_table_is_the_deployment_s_fault(aws: LocalAws, inference: Build) -> None:
    aws.dynamodb = lambda operation, call: service_error(400, "ResourceNotFoundException", "no table t")
    with pytest.raises(ConfigurationError, match=r"table t: .*no table t"):
        inference(idempotency_table="t").process(make_event(texts(2)), FakeContext())


def test_a_remembered_result_keeps_its_place_in_its_group(aws: LocalAws, inference: Build, table: Items) -> None:
    soon = {"N": str(int(time.time()) + 60)}
    table["m1"] = {"id": {"S": "m1"}, "result": {"S": '{"label": "old"}'}, "expires_at": soon}
    handler = inference(idempotency_table="t", result_target=f"{aws.url}/123456789012/results.fifo")
    assert returned(handler.process(make_fifo_event("aaa"), FakeContext())) == []
    sent = [json.loads(message["MessageBody"])["id"] for message in aws.queues["results.fifo"]]
    assert sent == ["m0", "m1", "m2"]
    assert [request.inputs for request in aws.requests] == [["text 0", "text 2"]]


def test_what_was_scored_is_remembered_although_the_sink_may_not_be_used(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    handler = inference(idempotency_table="t")
    aws.refuse = lambda queue, entry: service_error(403, "AccessDenied")
    with pytest.raises(ConfigurationError):
        handler.process(make_event([*texts(2), "not json"]), FakeContext())
    aws.refuse = lambda queue, entry: None
    assert returned(handler.process(make_event([*texts(2), "not json"], 2), FakeContext())) == []
    assert len(aws.requests) == 1
    assert set(aws.results()) == {"m0", "m1"}


def test_claims_are_released_when_the_endpoint_may_not_be_used(aws: LocalAws, inference: Build, table: Items) -> None:
    handler = inference(idempotency_table="t", max_records_per_request=1)
    aws.script(scored, service_error(403, "AccessDeniedException"))
    with pytest.raises(ConfigurationError):
        handler.process(make_event(texts(6)), FakeContext())
    assert {id_: "result" in item for id_, item in table.items()} == {"m0": True}


def test_a_table_that_is_slow_to_answer_does_not_use_up_the_invocation(aws: LocalAws, inference: Build) -> None:
    aws.dynamodb = lambda operation, call: Answer(delay_seconds=1, status=500, error="InternalServerError", body=b"{}")
    started = time.monotonic()
    handler = inference(idempotency_table="t")
    late = returned(handler.process(make_event(texts(12)), FakeContext(remaining_ms=3000)))
    assert len(late) == 12
    assert time.monotonic() - started < 3  # or Lambda would have killed it


def test_a_result_too_deep_to_remember_leaves_and_takes_no_other_along(
    aws: LocalAws, inference: Build, table: Items
) -> None:
    deep = "[" * 940 + "]" * 940

    def endpoint(request: Any) -> Answer:
        return Answer(body=deep.encode()) if b"deep" in request.body else Answer(body=b"1")

    aws.endpoint = endpoint
    handler = inference(idempotency_table="t", codec="single")
    assert returned(handler.process(make_event(['"deep"', '"flat"']), FakeContext())) == []
    assert "m1" in aws.results()
    assert "result" in table["m1"]
    assert {*aws.results(), *aws.dead_letters()} == {"m0", "m1"}
