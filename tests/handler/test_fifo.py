"""FIFO queues: order within each message group, while groups proceed independently."""

import json
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.invocation import EndpointDownError
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored, service_error
from tests.handler.conftest import Build, FakeContext, build_inference, local_aws, make_fifo_event, returned, texts


def _refuse(bad: str, answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer if bad in request.inputs else scored(request)


def test_after_a_failure_the_rest_of_its_group_is_returned_and_other_groups_go_on(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = _refuse("text 2", model_error(500))
    back = returned(inference(max_records_per_request=2).process(make_fifo_event("ababab"), FakeContext()))
    assert sorted(back) == ["m2", "m4"]
    assert list(aws.results()) == ["m0", "m1", "m3", "m5"]
    assert not any("text 4" in request.inputs for request in aws.requests)


def test_what_was_not_yet_cut_is_held_back_too(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 0", model_error(400))  # fails at once, before there is room for another
    handler = inference(max_records_per_request=1, requests_in_flight=1)
    assert sorted(returned(handler.process(make_fifo_event("aab"), FakeContext()))) == ["m0", "m1"]
    assert [request.inputs for request in aws.requests] == [["text 0"], ["text 2"]]


def test_one_micro_batch_of_a_group_is_in_flight_while_other_groups_proceed(aws: LocalAws, inference: Build) -> None:
    lock, in_flight, most_of_a_group, most = threading.Lock(), [], 0, 0

    def endpoint(request: Request) -> Answer:
        nonlocal most_of_a_group, most
        group = int(request.inputs[0].split()[1]) % 2
        with lock:
            in_flight.append(group)
            most_of_a_group, most = max(most_of_a_group, in_flight.count(group)), max(most, len(in_flight))
        time.sleep(0.05)
        with lock:
            in_flight.remove(group)
        return scored(request)

    aws.endpoint = endpoint
    inference(max_records_per_request=1, requests_in_flight=4).process(make_fifo_event("abababab"), FakeContext())
    assert (most_of_a_group, most) == (1, 2)
    assert list(aws.results()) == [f"m{number}" for number in range(8)]


def test_a_retry_does_not_let_the_rest_of_its_group_pass(aws: LocalAws, inference: Build) -> None:
    aws.script(service_error(503, "ServiceUnavailable"))
    assert (
        returned(
            inference(max_records_per_request=1, requests_in_flight=4).process(make_fifo_event("aaa"), FakeContext())
        )
        == []
    )
    assert [request.inputs for request in aws.requests] == [["text 0"], ["text 0"], ["text 1"], ["text 2"]]


def test_dead_lettering_within_a_group_must_be_asked_for(aws: LocalAws, inference: Build) -> None:
    bodies = [*texts(1), "not json", *texts(4)[2:]]
    event = make_fifo_event("aaab", bodies)
    assert sorted(returned(inference().process(event, FakeContext()))) == ["m1", "m2"]
    assert (set(aws.results()), aws.dead_letters()) == ({"m0", "m3"}, {})
    aws.queues.clear()
    assert returned(inference(fifo_dead_letters=True).process(event, FakeContext())) == []
    assert (set(aws.results()), set(aws.dead_letters())) == ({"m0", "m2", "m3"}, {"m1"})


def test_a_group_goes_on_behind_a_record_that_is_dead_lettered_on_its_last_receive(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = _refuse("text 1", model_error(500))
    handler = inference(fifo_dead_letters=True, max_receive_count=2)
    assert returned(handler.process(make_fifo_event("aaa"), FakeContext())) == ["m1", "m2"]
    aws.queues.clear()
    assert returned(handler.process(make_fifo_event("aaa", receive_count=2), FakeContext())) == []
    assert (set(aws.results()), set(aws.dead_letters())) == ({"m0", "m2"}, {"m1"})


def test_what_may_not_share_a_request_does_not_overtake(aws: LocalAws, inference: Build) -> None:
    bodies = [json.dumps({"inputs": f"text {n}", "parameters": {"k": n % 2}}) for n in range(4)]
    inference(requests_in_flight=4).process(make_fifo_event("aaaa", bodies), FakeContext())
    assert [request.inputs for request in aws.requests] == [["text 0"], ["text 1"], ["text 2"], ["text 3"]]


def test_a_group_s_returned_records_come_again_together(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 0", service_error(429, "ModelNotReadyException"))
    inference(max_records_per_request=1).process(make_fifo_event("aaaab"), FakeContext())
    assert set(aws.hidden) == {"r0", "r1", "r2", "r3"}
    assert len(set(aws.hidden.values())) == 1


def test_records_of_a_standard_queue_s_groups_have_no_order(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 0", model_error(500))
    event = make_fifo_event("aaaa")
    for record in event["Records"]:
        record["eventSourceARN"] = record["eventSourceARN"].removesuffix(".fifo")
    assert returned(inference(max_records_per_request=1).process(event, FakeContext())) == ["m0"]


ANSWERS = [scored, scored, model_error(500), service_error(503, "ServiceUnavailable"), Answer(body=b"[]")]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=st.lists(st.sampled_from("abc"), min_size=1, max_size=10),
    malformed=st.sets(st.integers(0, 9), max_size=2),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=12),
    sink=st.lists(st.sampled_from([None, None, {"Code": "InternalError", "SenderFault": False}]), max_size=12),
    max_records_per_request=st.integers(1, 5),
    receive_count=st.integers(1, 5),
    fifo_dead_letters=st.booleans(),
)
def test_order_is_never_inverted(
    monkeypatch: pytest.MonkeyPatch,
    groups: list[str],
    malformed: set[int],
    answers: list[Answer | Callable[[Request], Answer]],
    sink: list[dict[str, object] | None],
    max_records_per_request: int,
    receive_count: int,
    fifo_dead_letters: bool,
) -> None:
    with local_aws(monkeypatch) as aws:
        aws.script(*answers)
        refusals = list(sink)
        aws.refuse = lambda queue, entry: refusals.pop() if refusals and queue == "results.fifo" else None
        handler = build_inference(
            aws,
            max_records_per_request=max_records_per_request,
            requests_in_flight=3,
            result_target=f"{aws.url}/123456789012/results.fifo",
            fifo_dead_letters=fifo_dead_letters,
        )
        bodies = ["nonsense" if n in malformed else body for n, body in enumerate(texts(len(groups)))]
        try:
            back = returned(handler.process(make_fifo_event(groups, bodies, receive_count), FakeContext()))
        except EndpointDownError:
            back = [f"m{number}" for number in range(len(groups))]
        sent = [json.loads(message["MessageBody"])["id"] for message in aws.queues.get("results.fifo", [])]
        dead = list(aws.dead_letters())
        assert fifo_dead_letters or not dead
        assert sorted([*sent, *dead, *back]) == sorted(f"m{number}" for number in range(len(groups)))
        for group in set(groups):
            members = [f"m{number}" for number, name in enumerate(groups) if name == group]
            delivered = [id_ for id_ in sent if id_ in members]
            assert delivered == sorted(delivered, key=members.index)
            kept = [id_ for id_ in members if id_ not in dead]
            assert kept[: len(delivered)] == delivered


def test_a_message_group_pauses_as_long_as_what_went_wrong_first_asks_for(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(429, "ModelNotReadyException")
    event = make_fifo_event("aa", bodies=[*texts(1), "not json"])
    assert set(returned(inference().process(event, FakeContext()))) == {"m0", "m1"}
    assert aws.hidden["r0"] == aws.hidden["r1"] >= 30
