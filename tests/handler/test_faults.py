"""Rows of the fault catalogue: what the endpoint and the sinks can answer, and which end each record reaches then."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError

from handler.batch import BatchInference
from handler.entry import once_a_sandbox
from handler.faults import Fault, classify
from handler.invocation import EndpointDownError
from handler.settings import ConfigurationError, HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored, service_error
from tests.handler.conftest import FakeContext, make_event, returned, texts

Build = Callable[..., BatchInference]
MALFORMED = [
    ("not json", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ("", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ("[" * 100_000, "the body is not JSON: maximum recursion depth exceeded"),
    ("{}", 'the body must be a JSON object with "inputs"'),
    ('["a"]', 'the body must be a JSON object with "inputs"'),
    ('{"inputs": ""}', '"inputs" must be a text or an object, and not empty'),
    ('{"inputs": 7}', '"inputs" must be a text or an object, and not empty'),
    ('{"inputs": ["a", "b"]}', '"inputs" must be a text or an object, and not empty'),
    ('{"inputs": {"score": NaN}}', "the body is not JSON: NaN is not JSON"),
    ('{"inputs": {"score": 1e999}}', "the body is not JSON: 1e999 is out of a number's range"),
    ('{"inputs": "a", "parameters": 3}', '"parameters" must be an object'),
    ('{"inputs": "\\ud800"}', "the body is not valid Unicode: surrogates not allowed"),
    ('{"inputs": "a", "parameters": {"x": "\\ud800"}}', "the body is not valid Unicode: surrogates not allowed"),
]


@pytest.mark.parametrize(("body", "detail"), MALFORMED)
def test_a_malformed_record_is_dead_lettered_and_its_neighbours_are_scored(
    aws: LocalAws, inference: Build, body: str, detail: str
) -> None:
    event = make_event([*texts(2), body], receive_count=2)
    assert returned(inference().process(event, FakeContext())) == []
    assert set(aws.results()) == {"m0", "m1"}
    letter = aws.dead_letters()["m2"]
    assert letter.pop("detail").startswith(detail)
    assert letter == {
        "reason": "malformed",
        "sourceMessageId": "m2",
        "endpoint": "dev-language",
        "receiveCount": "2",
        "body": body,
    }


def test_a_record_too_large_by_itself_never_reaches_the_endpoint(aws: LocalAws, inference: Build) -> None:
    body = json.dumps({"inputs": "x" * 989})
    assert returned(inference(max_request_bytes=1000).process(make_event([*texts(1), body]), FakeContext())) == []
    letter = aws.dead_letters()["m1"]
    assert letter["reason"] == "too-large"
    assert letter["detail"] == "the record alone makes a request of 1004 bytes, the limit is 1000"
    assert all(len(request.body) <= 1000 for request in aws.requests)


def _refuse(bad: str, answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer if bad in request.inputs else scored(request)


@pytest.mark.parametrize("status", [400, 422])
def test_one_bad_record_does_not_take_its_neighbours_along(aws: LocalAws, inference: Build, status: int) -> None:
    aws.endpoint = _refuse("text 5", model_error(status))
    assert returned(inference().process(make_event(texts(10)), FakeContext())) == []
    assert set(aws.dead_letters()) == {"m5"}
    assert aws.dead_letters()["m5"]["reason"] == "model-error"
    assert "bad input" in aws.dead_letters()["m5"]["detail"]
    assert len(aws.results()) == 9
    assert len(aws.requests) <= 1 + 2 * 4


def test_a_model_that_refuses_everything_is_not_believed_until_the_last_receive(
    aws: LocalAws, inference: Build
) -> None:
    """Containers answer 4xx for troubles of their own too, such as a model that can't be loaded."""
    aws.endpoint = lambda request: model_error(400, "cannot load the model")
    handler = inference(max_receive_count=3)
    assert len(returned(handler.process(make_event(texts(4), receive_count=2), FakeContext()))) == 4
    assert aws.dead_letters() == {}
    assert returned(handler.process(make_event(texts(4), receive_count=3), FakeContext())) == []
    assert {letter["reason"] for letter in aws.dead_letters().values()} == {"model-error"}


def test_records_that_keep_coming_back_share_requests_with_fewer_in_the_end(aws: LocalAws, inference: Build) -> None:
    sizes = {}
    for receive_count in (1, 2, 3, 4, 5):
        aws.requests.clear()
        inference(max_records_per_request=8).process(make_event(texts(8), receive_count), FakeContext())
        aws.queues.clear()
        sizes[receive_count] = [len(request.inputs) for request in aws.requests]
    assert sizes == {1: [8], 2: [8], 3: [8], 4: [2] * 4, 5: [1] * 8}


def test_a_record_that_hangs_does_not_take_its_neighbours_along_for_good(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 0", Answer(delay_seconds=2))
    handler = inference(requests_in_flight=2, request_timeout_seconds=1)
    waiting = set(range(4))
    for receive_count in range(1, 6):
        event = make_event(texts(4), receive_count)
        event["Records"] = [event["Records"][number] for number in sorted(waiting)]
        try:
            back = returned(handler.process(event, FakeContext(remaining_ms=4000)))
        except EndpointDownError:  # nothing but that record was left
            continue
        waiting = {int(message_id[1:]) for message_id in back}
    assert set(aws.results()) == {"m1", "m2", "m3"}
    assert aws.dead_letters()["m0"]["reason"] == "unprocessable"


@pytest.mark.parametrize(("request_timeout_seconds", "remaining_ms"), [(70, 1000), (3, 5000)])
def test_a_hung_endpoint_is_down(
    aws: LocalAws, inference: Build, request_timeout_seconds: int, remaining_ms: int
) -> None:
    """Also where a request times out just when no other may start any more, as the derived timeout has it."""
    aws.endpoint = lambda request: Answer(delay_seconds=6)
    handler = inference(max_records_per_request=6, request_timeout_seconds=request_timeout_seconds)
    with pytest.raises(EndpointDownError, match="read-timeout"):
        handler.process(make_event(texts(6)), FakeContext(remaining_ms=remaining_ms))
    assert min(aws.hidden.values()) >= 60


def test_a_retry_that_time_ran_out_for_keeps_its_fault(aws: LocalAws, inference: Build) -> None:
    slow = replace(service_error(503, "ServiceUnavailable"), delay_seconds=1.795)
    aws.endpoint = lambda request: slow
    with pytest.raises(EndpointDownError, match="service-unavailable"):
        inference().process(make_event(texts(3)), FakeContext(remaining_ms=3000))


def test_what_one_record_too_large_showed_is_forgotten(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 5", model_error(413))
    handler = inference(max_records_per_request=64)
    assert returned(handler.process(make_event(texts(64)), FakeContext())) == []
    aws.endpoint = scored
    aws.requests.clear()
    handler.process(make_event(texts(64)), FakeContext())
    assert len(aws.requests) == 1


def test_a_wrong_deployment_leaves_no_busy_thread_to_the_next_invocation(aws: LocalAws, inference: Build) -> None:
    aws.script(service_error(403, "AccessDeniedException"), Answer(delay_seconds=3))
    handler = inference(max_records_per_request=1, requests_in_flight=2)
    with pytest.raises(ConfigurationError):
        handler.process(make_event(texts(2)), FakeContext())
    started = time.monotonic()
    assert returned(handler.process(make_event(texts(4)), FakeContext())) == []
    assert time.monotonic() - started < 2


def test_a_pause_that_hangs_leaves_the_next_invocations_sinks_alone(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_records_per_request=50)
    aws.endpoint = lambda request: service_error(429, "ThrottlingException")
    aws.refuse_hiding = Answer(delay_seconds=4, body=b"{}")
    handler.process(make_event(texts(50)), FakeContext(remaining_ms=2000))
    aws.endpoint, aws.refuse_hiding = scored, None
    assert returned(handler.process(make_event(texts(60)), FakeContext(remaining_ms=2000))) == []


def test_a_result_nested_as_deeply_as_python_reads_reaches_one_end(aws: LocalAws, inference: Build) -> None:
    handler = inference()
    for depth in range(960, 1000):
        aws.queues.clear()
        aws.script(Answer(body=b"[" * depth + b"]" * depth))
        response = handler.process(make_event(texts(1)), FakeContext())
        assert len(aws.results()) + len(aws.dead_letters()) + len(returned(response)) == 1


@pytest.mark.parametrize("status", [0])
def test_a_container_that_ran_out_of_time_is_not_sent_the_same_again(
    aws: LocalAws, inference: Build, status: int
) -> None:
    aws.endpoint = lambda request: model_error(status) if len(request.inputs) > 1 else scored(request)
    assert returned(inference().process(make_event(texts(2)), FakeContext())) == []
    assert [len(request.inputs) for request in aws.requests] == [2, 1, 1]


@pytest.mark.parametrize(
    "message",
    [
        "Request 1234 has oversize body.",
        "1 validation error detected: Value at 'body' failed to satisfy constraint: "
        "Member must have length less than or equal to 6291456",
    ],
)
def test_a_request_that_sagemaker_finds_too_large_is_halved(aws: LocalAws, inference: Build, message: str) -> None:
    oversize = service_error(400, "ValidationError", message)
    aws.endpoint = lambda request: oversize if len(request.inputs) > 2 else scored(request)
    assert returned(inference().process(make_event(texts(8)), FakeContext())) == []
    assert len(aws.results()) == 8


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException"])
def test_a_passing_fault_of_the_service_blames_nobody(aws: LocalAws, inference: Build, code: str) -> None:
    aws.script(service_error(400, code))
    assert returned(inference().process(make_event(texts(2)), FakeContext())) == []
    assert len(aws.results()) == 2


def test_a_sink_that_hangs_does_not_outlive_the_invocation(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: Answer(delay_seconds=4)
    started = time.monotonic()
    response = inference().process(make_event(texts(2)), FakeContext(remaining_ms=2000))
    assert returned(response) == ["m0", "m1"]
    assert time.monotonic() - started < 2.0


def test_dead_letters_do_not_multiply_while_the_results_queue_is_denied(aws: LocalAws, inference: Build) -> None:
    denied = service_error(403, "AccessDenied")
    aws.refuse = lambda queue, entry: denied if queue == "results" else None
    handler = inference()
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            handler.process(make_event(["not json"] * 10 + texts(1)), FakeContext())
    assert aws.dead_letters() == {}


@pytest.mark.parametrize(
    ("response", "result"), [(b'{"answer": "c"}', {"answer": "c"}), (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}])]
)
def test_a_lone_result_may_come_without_its_list(
    aws: LocalAws, inference: Build, response: bytes, result: object
) -> None:
    aws.endpoint = lambda request: Answer(body=response)
    assert returned(inference().process(make_event(texts(1)), FakeContext())) == []
    assert aws.results()["m0"]["data"]["result"] == result


def test_a_record_that_breaks_the_container_comes_back_and_is_dead_lettered_at_its_last_receive(
    aws: LocalAws, inference: Build
) -> None:
    aws.endpoint = _refuse("text 2", model_error(500))
    handler = inference(max_receive_count=3)
    assert returned(handler.process(make_event(texts(4), receive_count=2), FakeContext())) == ["m2"]
    assert aws.dead_letters() == {}
    aws.queues.clear()
    assert returned(handler.process(make_event(texts(4), receive_count=3), FakeContext())) == []
    assert aws.dead_letters()["m2"]["reason"] == "unprocessable"


def test_a_request_too_large_for_the_container_is_halved(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(413) if len(request.inputs) > 3 else scored(request)
    assert returned(inference().process(make_event(texts(10)), FakeContext())) == []
    assert len(aws.results()) == 10


def test_a_record_too_large_for_the_container_is_dead_lettered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = _refuse("text 1", model_error(413))
    assert returned(inference().process(make_event(texts(3)), FakeContext())) == []
    assert aws.dead_letters()["m1"]["reason"] == "too-large"


WRONG_RESPONSES = [
    b"[]",
    b'[{"label":"only one"}]',
    b"[1e999]",
    b"[NaN, NaN, NaN, NaN]",
    b"not json",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", WRONG_RESPONSES)
def test_a_response_that_does_not_fit_is_never_matched_to_records(aws: LocalAws, inference: Build, body: bytes) -> None:
    """A count that differs, and everything else that is not one result per record, is halved down to one."""
    aws.endpoint = lambda request: Answer(body=body) if "text 0" in request.inputs else scored(request)
    response = inference().process(make_event(texts(4)), FakeContext())
    lone_fits = body == b'[{"label":"only one"}]'
    assert returned(response) == ([] if lone_fits else ["m0"])
    assert set(aws.results()) == {"m1", "m2", "m3"} | ({"m0"} if lone_fits else set())
    for number in (1, 2, 3):
        assert aws.results()[f"m{number}"]["data"]["result"] == {"label": f"text {number}"}


@pytest.mark.parametrize(
    "answer",
    [
        service_error(400, "ThrottlingException", None),
        service_error(429, "ThrottlingException"),
        service_error(429, "ModelNotReadyException"),
        service_error(500, "InternalFailure"),
        service_error(503, "ServiceUnavailable"),
        service_error(530, "InternalDependencyException"),
        model_error(429),
        model_error(500),
        Answer(drop=True),
    ],
)
def test_a_passing_fault_is_retried(aws: LocalAws, inference: Build, answer: Answer) -> None:
    aws.script(answer)
    assert returned(inference().process(make_event(texts(3)), FakeContext())) == []
    assert len(aws.requests) == 2
    assert len(aws.results()) == 3


@pytest.mark.parametrize(
    ("answer", "attempts"),
    [
        (service_error(500, "InternalFailure"), 3),
        (service_error(503, "ServiceUnavailable"), 3),
        (service_error(530, "InternalDependencyException"), 2),
        (Answer(drop=True), 2),
    ],
)
def test_when_the_endpoint_is_down_the_poller_is_told_to_back_off(
    aws: LocalAws, inference: Build, answer: Answer, attempts: int
) -> None:
    aws.endpoint = lambda request: answer
    with pytest.raises(EndpointDownError, match="endpoint dev-language: "):
        inference().process(make_event(texts(3)), FakeContext())
    assert len(aws.requests) == attempts
    assert aws.queues == {}


def test_an_endpoint_that_is_down_does_not_undo_what_was_done(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(503, "ServiceUnavailable")
    assert returned(inference().process(make_event(["not json", *texts(2)]), FakeContext())) == ["m1", "m2"]
    assert set(aws.dead_letters()) == {"m0"}


def test_throttling_lowers_the_concurrency_and_success_raises_it_again(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_records_per_request=1, requests_in_flight=8)
    aws.endpoint = lambda request: service_error(400, "ThrottlingException", None)
    assert len(returned(handler.process(make_event(texts(2)), FakeContext()))) == 2
    assert handler._executor.limit == 1
    aws.endpoint = scored
    handler.process(make_event(texts(4)), FakeContext())
    assert handler._executor.limit == 5


@pytest.mark.parametrize(
    "answer",
    [
        service_error(400, "ValidationError", "Endpoint dev-language of account 1 not found."),
        service_error(403, "AccessDeniedException", "not authorized to perform: sagemaker:InvokeEndpoint"),
        service_error(403, "ExpiredTokenException"),
        service_error(400, "SomethingNewException"),
    ],
)
def test_a_wrong_deployment_blames_no_record(aws: LocalAws, inference: Build, answer: Answer) -> None:
    aws.endpoint = lambda request: answer
    with pytest.raises(ConfigurationError, match="InvokeEndpoint"):
        inference().process(make_event(texts(3)), FakeContext())
    assert aws.queues == {}


def test_a_hung_request_is_halved_not_repeated(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(delay_seconds=3) if len(request.inputs) > 1 else scored(request)
    handler = inference(request_timeout_seconds=1)
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == []
    assert [len(request.inputs) for request in aws.requests] == [2, 1, 1]


def test_near_the_deadline_what_is_unfinished_is_returned(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(delay_seconds=0.0 if "text 0" in request.inputs else 5.0, body=b"[0]")
    handler = inference(max_records_per_request=1, requests_in_flight=2)
    response = handler.process(make_event(texts(6)), FakeContext(remaining_ms=2000))
    assert set(returned(response)) == {"m1", "m2", "m3", "m4", "m5"}
    assert set(aws.results()) == {"m0"}
    aws.endpoint = scored
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == []


def test_what_a_sink_refuses_is_sent_again(aws: LocalAws, inference: Build) -> None:
    refused: set[str] = set()

    def refuse_once(queue: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        body = entry["MessageBody"]
        if "text 1" in body and body not in refused:
            refused.add(body)
            return {"Code": "InternalError", "SenderFault": False, "Message": "try again"}
        return None

    aws.refuse = refuse_once
    assert returned(inference().process(make_event(texts(3)), FakeContext())) == []
    assert set(aws.results()) == {"m0", "m1", "m2"}


def test_a_result_that_is_not_acknowledged_is_returned(aws: LocalAws, inference: Build) -> None:
    def refuse(queue: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        return {"Code": "InternalError", "SenderFault": False} if "text 1" in entry["MessageBody"] else None

    aws.refuse = refuse
    assert returned(inference().process(make_event(texts(12)), FakeContext())) == ["m1", "m10", "m11"]
    assert len(aws.results()) == 9


def test_a_dead_letter_that_is_not_acknowledged_is_returned(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: {"Code": "X", "SenderFault": True} if queue == "dead" else None
    assert returned(inference().process(make_event(["not json", *texts(1)]), FakeContext())) == ["m0"]
    assert set(aws.results()) == {"m1"}


@pytest.mark.parametrize("queue", ["results", "dead"])
def test_a_sink_that_may_not_be_sent_to_blames_no_record(aws: LocalAws, inference: Build, queue: str) -> None:
    denied = service_error(403, "AccessDenied", "not authorized to perform: sqs:SendMessage")
    aws.refuse = lambda name, entry: denied if name == queue else None
    with pytest.raises(ConfigurationError, match="sqs:SendMessage"):
        inference().process(make_event(["not json", *texts(1)]), FakeContext())


def test_a_result_too_large_for_the_queue_is_dead_lettered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * 1_048_576, "small"]).encode())
    assert returned(inference().process(make_event(texts(2)), FakeContext())) == []
    assert aws.dead_letters()["m0"]["reason"] == "result-too-large"
    assert set(aws.results()) == {"m1"}


def test_large_results_share_no_call_that_would_be_too_large(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * 400_000] * len(request.inputs)).encode())
    assert returned(inference().process(make_event(texts(5)), FakeContext())) == []
    assert len(aws.results()) == 5


def test_past_its_cap_bisection_returns_the_rest(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(400)
    response = inference(max_records_per_request=100, requests_in_flight=8).process(
        make_event(texts(100)), FakeContext()
    )
    assert len(aws.requests) == 1 + 2 * 64
    assert len(returned(response)) == 100


def test_many_bad_records_in_a_large_batch_are_all_isolated(aws: LocalAws, inference: Build) -> None:
    bad = {f"text {number}" for number in range(0, 1000, 20)}
    aws.endpoint = lambda request: model_error(400) if bad & set(request.inputs) else scored(request)
    response = inference(requests_in_flight=8).process(make_event(texts(1000)), FakeContext())
    assert returned(response) == []
    assert len(aws.dead_letters()) == 50
    assert len(aws.results()) == 950


def test_logs_name_messages_and_never_their_bodies(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    aws.endpoint = _refuse("text 1", model_error(500))
    inference().process(make_event(["secret", *texts(2)]), FakeContext())
    logged = {(record.message, tuple(record.__dict__["message_ids"])) for record in caplog.records}
    assert logged == {("dead-lettered: malformed", ("m0",)), ("returned to the queue: model-failed", ("m2",))}
    assert "secret" not in caplog.text


def test_unrelated_micro_batches_that_fail_alike_open_a_circuit(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(500)
    response = inference(max_records_per_request=10).process(make_event(texts(100)), FakeContext())
    assert len(returned(response)) == 100
    # Each of the 10 twice (one retry); few were halved before the fifth opened the circuit.
    assert len(aws.requests) < 2 * 10 + 20


def test_the_circuit_stays_closed_while_something_succeeds(aws: LocalAws, inference: Build) -> None:
    bad = {f"text {number}" for number in range(5, 105, 20)}  # in as many micro-batches as open the circuit
    aws.endpoint = lambda request: model_error(500) if bad & set(request.inputs) else scored(request)
    response = inference(max_records_per_request=10).process(make_event(texts(120)), FakeContext())
    assert set(returned(response)) == {f"m{number}" for number in range(5, 105, 20)}
    assert len(aws.results()) == 115


def test_a_size_the_container_refused_is_remembered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(413) if len(request.body) > 300 else scored(request)
    handler = inference(max_records_per_request=64)
    handler.process(make_event(texts(64)), FakeContext())
    first = len(aws.requests)
    aws.requests.clear()
    assert returned(handler.process(make_event(texts(64)), FakeContext())) == []
    assert len(aws.requests) < first


def test_debug_logs_of_the_libraries_hold_no_bodies_since_they_are_off(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = HandlerSettings(
        endpoint_name="dev-language",
        result_target=f"{aws.url}/123456789012/results",
        dead_letter_queue_url=f"{aws.url}/123456789012/dead",
        log_level="DEBUG",
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with caplog.at_level("DEBUG"):
        once_a_sandbox(BatchInference)().process(make_event([json.dumps({"inputs": "SECRET"})]), FakeContext())
    assert set(aws.results()) == {"m0"}
    assert "SECRET" not in caplog.text


def test_a_request_cut_off_by_the_deadline_is_no_proof_against_its_record(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=scored(request).body, delay_seconds=1.7)
    handler = inference(requests_in_flight=1, max_records_per_request=1, max_receive_count=5)
    event = make_event(texts(2), receive_count=5)
    assert returned(handler.process(event, FakeContext(remaining_ms=3000))) == ["m1"]
    assert aws.dead_letters() == {}
    assert aws.hidden["r1"] >= 60


def test_an_answer_that_ends_early_is_a_broken_connection() -> None:
    assert classify(IncompleteReadError(actual_bytes=1, expected_bytes=2)) is Fault.CONNECTION


def test_bad_records_that_come_first_may_use_the_whole_bound_on_halving(aws: LocalAws, inference: Build) -> None:
    bad = {f"text {number}" for number in range(140)}
    aws.endpoint = lambda request: model_error(400) if bad & set(request.inputs) else scored(request)
    handler = inference(max_records_per_request=10, requests_in_flight=1)
    assert returned(handler.process(make_event(texts(400)), FakeContext(remaining_ms=120_000))) == []
    assert len(aws.dead_letters()) == 140
