"""Faults of the endpoint as a whole: they are retried, blamed on the deployment, or raised; no record is blamed."""

import json

import pytest
from botocore.exceptions import IncompleteReadError

from handler.batch import BatchInference
from handler.entry import once_a_sandbox
from handler.faults import Fault, classify
from handler.invocation import EndpointDownError
from handler.settings import ConfigurationError, HandlerSettings
from tests.handler.aws import Answer, LocalAws, fails_on, model_error, service_error
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned_for,
    texts,
)


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException"])
def test_a_passing_fault_of_the_service_blames_nobody(aws: LocalAws, inference: Build, code: str) -> None:
    aws.script(service_error(400, code))
    assert outcomes(aws, inference(), make_event(texts(2))) == each(range(2), SUCCEEDED)


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
    assert outcomes(aws, inference(), make_event(texts(3))) == each(range(3), SUCCEEDED)
    assert len(aws.requests) == 2


@pytest.mark.parametrize(
    ("answer", "attempts"),
    [
        (service_error(500, "InternalFailure"), 3),
        (service_error(503, "ServiceUnavailable"), 3),
        (service_error(530, "InternalDependencyException"), 2),
        (Answer(drop=True), 2),
    ],
)
def test_when_the_endpoint_is_down_the_invocation_fails_so_that_the_poller_slows_down(
    aws: LocalAws, inference: Build, answer: Answer, attempts: int
) -> None:
    aws.endpoint = lambda request: answer
    with pytest.raises(EndpointDownError, match="endpoint dev-language: "):
        inference().process(make_event(texts(3)), FakeContext())
    assert len(aws.requests) == attempts
    assert aws.queues == {}


def test_an_endpoint_that_is_down_does_not_undo_what_was_done(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: service_error(503, "ServiceUnavailable")
    assert outcomes(aws, inference(), make_event(["not json", *texts(2)])) == {
        "m0": dead_lettered("malformed"),
        "m1": returned_for("service-unavailable"),
        "m2": returned_for("service-unavailable"),
    }


@pytest.mark.parametrize(
    "answer",
    [
        service_error(400, "ValidationError", "Endpoint dev-language of account 1 not found."),
        service_error(403, "AccessDeniedException", "not authorized to perform: sagemaker:InvokeEndpoint"),
        service_error(403, "ExpiredTokenException"),
        service_error(400, "SomethingNewException"),
        Answer(status=403, body=b"{}"),
        Answer(status=404, body=b"{}"),
    ],
)
def test_a_wrong_deployment_blames_no_record(aws: LocalAws, inference: Build, answer: Answer) -> None:
    aws.endpoint = lambda request: answer
    with pytest.raises(ConfigurationError, match="InvokeEndpoint"):
        inference().process(make_event(texts(3)), FakeContext())
    assert aws.queues == {}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400),
        Answer(status=400, body=b"{}"),
        Answer(status=418, body=b'{"message": "I am a proxy"}'),
        Answer(status=302),
        Answer(status=304),
        Answer(status=400, error="ValidationError", body=b'{"message": 5}'),
        Answer(status=400, body=b'{"code": 5, "message": {}}'),
    ],
)
def test_an_error_that_is_not_the_services_concerns_its_record_alone(
    aws: LocalAws, inference: Build, answer: Answer
) -> None:
    aws.endpoint = fails_on("text 1", answer)
    expected = each((0, 2, 3), SUCCEEDED) | {"m1": returned_for("unexpected-response")}
    assert outcomes(aws, inference(), make_event(texts(4))) == expected


def test_an_answer_that_ends_early_is_a_broken_connection() -> None:
    assert classify(IncompleteReadError(actual_bytes=1, expected_bytes=2)) is Fault.CONNECTION


def test_logs_name_messages_and_never_their_bodies(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    aws.endpoint = fails_on("text 1", model_error(500))
    inference().process(make_event(["secret", *texts(2)]), FakeContext())
    logged = {(record.message, tuple(record.__dict__["message_ids"])) for record in caplog.records}
    assert logged == {("dead-lettered: malformed", ("m0",)), ("returned to the queue: model-failed", ("m2",))}
    assert "secret" not in caplog.text


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
