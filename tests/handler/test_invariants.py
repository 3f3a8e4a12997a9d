"""Every record reaches exactly one outcome, for any records and any answers."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.batch import BatchInference
from handler.invocation import EndpointDownError
from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored, service_error
from tests.handler.conftest import (
    FakeContext,
    Items,
    build_inference,
    local_aws,
    make_event,
    make_fifo_event,
    returned,
    serve_table,
)

ANSWERS: list[Answer | Callable[[Request], Answer]] = [
    scored,
    scored,
    model_error(400),
    model_error(413),
    model_error(500),
    model_error(0),
    service_error(400, "ThrottlingException", None),
    service_error(503, "ServiceUnavailable"),
    service_error(403, "AccessDeniedException"),
    Answer(drop=True),
    Answer(body=b"[1]"),
    Answer(body=b"nonsense"),
    Answer(body=b"[]", delay_seconds=0.3),
]
bodies = st.one_of(
    st.text(max_size=30).map(lambda text: json.dumps({"inputs": text})),
    st.text(max_size=30),
    st.just(json.dumps({"inputs": "y" * 900})),
    st.just(json.dumps({"inputs": "z", "parameters": {"k": 1}})),
)
refusals = st.sampled_from([None, None, None, {"Code": "InternalError", "SenderFault": False}])


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.lists(bodies, min_size=1, max_size=30),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=12),
    sink=st.lists(refusals, max_size=12),
    max_records_per_request=st.integers(1, 12),
    requests_in_flight=st.integers(1, 4),
    receive_count=st.integers(4, 5),
    remaining_ms=st.sampled_from([500, 1500, 10_000]),
    batch_inside=st.booleans(),
    max_padded_tokens=st.sampled_from([0, 0, 20, 200]),
)
def test_every_record_reaches_exactly_one_outcome(
    monkeypatch: pytest.MonkeyPatch,
    batch: list[str],
    answers: list[Answer | Callable[[Request], Answer]],
    sink: list[dict[str, Any] | None],
    max_records_per_request: int,
    requests_in_flight: int,
    receive_count: int,
    remaining_ms: int,
    batch_inside: bool,
    max_padded_tokens: int,
) -> None:
    with local_aws(monkeypatch) as aws:  # one per example: an abandoned request must not reach the next
        aws.script(*answers)
        refusals_left = list(sink)
        aws.refuse = lambda queue, entry: refusals_left.pop() if refusals_left else None
        handler = build_inference(
            aws,
            max_records_per_request=max_records_per_request,
            requests_in_flight=requests_in_flight,
            max_request_bytes=800,
            max_receive_count=5,
            batch_inside=batch_inside,
            max_padded_tokens=max_padded_tokens,
        )
        everything = {f"m{number}" for number in range(len(batch))}
        raised, started = False, time.monotonic()
        back: list[str] = []
        try:
            back = returned(handler.process(make_event(batch, receive_count), FakeContext(remaining_ms)))
        except (ConfigurationError, EndpointDownError):
            raised = True
        out_of_time = time.monotonic() - started > 0.9 * remaining_ms / 1000
        handler._senders.shutdown()

        places = {"succeeded": aws.results(), "dead-lettered": aws.dead_letters(), "returned": back}
        assert {id_ for ids in places.values() for id_ in ids} <= everything
        reached = {id_: [outcome for outcome, ids in places.items() if id_ in ids] for id_ in sorted(everything)}
        # If it raises, Lambda returns the whole batch: receivers recognize results that were sent before by their
        # ids. The same holds for an entry that was being sent at the moment when time ran out.
        assert raised or {id_: "lost" for id_, outcomes in reached.items() if not outcomes} == {}
        assert out_of_time or {id_: outcomes for id_, outcomes in reached.items() if len(outcomes) > 1} == {}
        assert len(back) == len(set(back))
        assert all(len(request.body) <= 800 for request in aws.requests)
        assert all(len(request.inputs) <= max_records_per_request for request in aws.requests)
        assert aws.most_in_flight <= requests_in_flight


CALL_FAULTS = [
    service_error(400, "ThrottlingException"),
    service_error(400, "ProvisionedThroughputExceededException"),
    service_error(400, "InvalidParameterValue"),
    service_error(403, "AccessDenied"),
    service_error(404, "NotFound"),
    service_error(500, "InternalError"),
    service_error(503, "SlowDown"),
    Answer(status=502, body=b"<html>Bad Gateway</html>"),
    Answer(body=b"{}"),
    Answer(body=b"<a"),
    Answer(drop=True),
]
LOST = "taken, but the answer is lost"
PARTIAL = [
    {"Code": "InternalError", "SenderFault": False},
    {"Code": "ThrottlingException", "SenderFault": True},
    {"Code": "AccessDenied", "SenderFault": True},
]
call_faults = st.lists(st.sampled_from([None, *CALL_FAULTS]), max_size=6)
sink_faults = st.lists(st.sampled_from([None, *CALL_FAULTS, LOST, *PARTIAL]), max_size=6)
SINKS = {
    "sqs": ("", "MessageBody"),
    "sns": ("arn:aws:sns:eu-central-1:123456789012:results", "Message"),
    "eventbridge": ("results", "Detail"),
    "s3": ("s3://bucket/results/", ""),
}


def _fail_entries(aws: LocalAws, faults: list[Any]) -> None:
    """Let the calls that send entries fail in turn: as a whole, in one entry, or after all entries were taken."""
    calls: dict[int, Any] = {}

    def refuse(_: str, entry: dict[str, Any]) -> dict[str, Any] | Answer | None:
        number, entries = len(aws.batches), aws.batches[-1][1]
        fault = calls.setdefault(number, faults.pop() if faults else None)
        if fault == LOST:
            return Answer(drop=True) if entry is entries[-1] and len(entries) > 1 else None
        return None if isinstance(fault, dict) and entry is not entries[len(entries) // 2] else fault

    aws.refuse = refuse


def _fail_table(aws: LocalAws, faults: list[Any]) -> None:
    """Let the table's calls fail in turn; one that is to fail in part writes all items but the first."""
    serve = aws.dynamodb

    def dynamodb(operation: str, call: dict[str, Any]) -> dict[str, Any] | Answer:
        fault = faults.pop() if faults else None
        if fault == LOST:
            serve(operation, call)
            return Answer(drop=True)
        if isinstance(fault, Answer):
            return fault
        if fault and operation == "BatchWriteItem":
            ((table, requests),) = call["RequestItems"].items()
            if requests[1:]:
                serve(operation, {"RequestItems": {table: requests[1:]}})
            return {"UnprocessedItems": {table: requests[:1]}}
        return serve(operation, call)

    aws.dynamodb = dynamodb


def _sent(aws: LocalAws, sink: str) -> Iterator[Mapping[str, Any]]:
    if sink == "s3":
        for name, content in aws.objects.items():
            if name.startswith("bucket/results/"):
                yield from map(json.loads, content.splitlines())
    else:
        for content in (json.loads(entry[SINKS[sink][1]]) for entry in aws.queues.get("results", ())):
            yield from content if isinstance(content, list) else [content]


def _dead_letters(aws: LocalAws) -> set[str]:
    dead_letters = aws.queues.get("dead", ())
    return {letter["MessageAttributes"]["sourceMessageId"]["StringValue"] for letter in dead_letters}


REFUSED = service_error(403, "AccessDeniedException")


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.lists(st.sampled_from(["a", "a", "a", "large", "not json"]), min_size=1, max_size=24),
    answers=st.lists(
        st.sampled_from([None, model_error(500), service_error(503, "ServiceUnavailable"), REFUSED]), max_size=4
    ),
    sink=st.sampled_from([*SINKS]),
    entries=sink_faults,
    objects=call_faults,
    writes=st.lists(st.sampled_from([None, *CALL_FAULTS[:-4], LOST, "partly"]), max_size=6),
    hiding=st.sampled_from([None, *CALL_FAULTS]),
    overflow=st.booleans(),
    table=st.booleans(),
    fifo=st.booleans(),
    packed=st.sampled_from([1, 1, 2, 5]),
)
def test_every_record_reaches_one_outcome_in_the_end_if_sinks_and_table_fail(
    monkeypatch: pytest.MonkeyPatch,
    batch: list[str],
    answers: list[Answer | None],
    sink: str,
    entries: list[Any],
    objects: list[Answer | None],
    writes: list[Any],
    hiding: Answer | None,
    overflow: bool,
    table: bool,
    fifo: bool,
    packed: int,
) -> None:
    """The faults are used up by redeliveries, so that in the end no record may be left to deliver."""
    with local_aws(monkeypatch) as aws:
        answers_left, scored_inputs = list(answers), []

        def endpoint(request: Request) -> Answer:
            if answers_left and (answer := answers_left.pop()):
                return answer
            scored_inputs.extend(request.inputs)
            results = [{"label": "x" * (1_100_000 if "large" in text else 9)} for text in request.inputs]
            return Answer(body=json.dumps(results).encode())

        aws.endpoint = endpoint
        items = serve_table(aws)
        entry_faults, object_faults = list(entries), list(objects)
        _fail_entries(aws, entry_faults)
        _fail_table(aws, list(writes))
        aws.refuse_object = lambda method, name: object_faults.pop() if object_faults else None
        aws.refuse_hiding = hiding
        handler = build_inference(
            aws,
            max_records_per_request=8,
            requests_in_flight=2,
            max_receive_count=99,
            result_sink=sink,
            result_target=SINKS[sink][0] or f"{aws.url}/123456789012/results",
            max_events_per_message=packed if sink in ("sqs", "sns") and not fifo else 1,
            overflow_location="s3://bucket/large/" if overflow else "",
            idempotency_table="t" if table else "",
            fifo_dead_letters=fifo,
        )
        bodies = [
            text if text == "not json" else json.dumps({"inputs": f"{text} {number}"})
            for number, text in enumerate(batch)
        ]
        groups = ("aab" * len(batch))[: len(batch)]
        event = make_fifo_event(groups, bodies) if fifo else make_event(bodies)
        _deliver_until_done(aws, handler, event["Records"], sink, items, exact=LOST not in entries)
        handler._senders.shutdown()

        sent, dead_letters = {event["id"] for event in _sent(aws, sink)}, _dead_letters(aws)
        if table and not any(writes) and REFUSED not in answers:
            small = [text for text in scored_inputs if "large" not in text]  # what fits into an item
            assert len(set(small)) == len(small)
        too_large = {f"m{number}" for number, text in enumerate(batch) if text == "large" and not overflow}
        malformed = {f"m{number}" for number, text in enumerate(batch) if text == "not json"}
        assert dead_letters == malformed | (too_large if sink != "s3" else set())
        assert sent | dead_letters == {f"m{number}" for number in range(len(batch))}
        for group in "ab" if fifo else "":  # the order in which records left for the first time
            left = [int(id_[1:]) for id_ in dict.fromkeys(result["id"] for result in _sent(aws, sink))]
            of_group = [number for number in left if groups[number] == group]
            assert of_group == sorted(of_group)
        for result in _sent(aws, sink):
            location = result["data"].get("resultLocation", "").removeprefix("s3://")
            assert not location or json.loads(aws.objects[location])["label"] == "x" * 1_100_000


def _deliver_until_done(
    aws: LocalAws, handler: BatchInference, records: list[dict[str, Any]], sink: str, items: Items, *, exact: bool
) -> None:
    """Deliver returned records again; check each time that only the others have left."""
    for _ in range(20):
        everything = {record["messageId"] for record in records}
        remembered = {id_ for id_, item in items.items() if "result" in item}
        requests, before = len(aws.requests), _dead_letters(aws).union(event["id"] for event in _sent(aws, sink))
        back = _process(handler, records)
        sent, dead_letters = {event["id"] for event in _sent(aws, sink)}, _dead_letters(aws)
        assert everything - back <= sent | dead_letters
        assert not sent & dead_letters
        if exact and back != everything:  # a raised error returns all records, also those whose results have left
            assert not ((sent | dead_letters) - before) & back
        if everything <= remembered:
            assert len(aws.requests) == requests
        records = [record for record in records if record["messageId"] in back]
        for item in items.values():
            if "claimed_until" in item:
                item["claimed_until"] = {"N": "0"}  # the claim expires before the next delivery
        if not records:
            return
    pytest.fail(f"{len(records)} records are still returned")


def _process(handler: BatchInference, records: list[dict[str, Any]]) -> set[str]:
    """Deliver records; return what Lambda would return to the queue."""
    try:
        return {*returned(handler.process({"Records": records}, FakeContext(5_000)))}
    except (ConfigurationError, EndpointDownError):
        return {record["messageId"] for record in records}
