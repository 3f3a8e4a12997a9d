"""Sinks that refuse: a refused entry is sent again, or its record returned; a denied sink blames no record."""

import json
from typing import Any

import pytest

from handler.settings import ConfigurationError
from tests.handler.aws import Answer, LocalAws, service_error
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


def test_a_refused_entry_is_sent_again(aws: LocalAws, inference: Build) -> None:
    refused: set[str] = set()

    def refuse_once(queue: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        body = entry["MessageBody"]
        if "text 1" in body and body not in refused:
            refused.add(body)
            return {"Code": "InternalError", "SenderFault": False, "Message": "try again"}
        return None

    aws.refuse = refuse_once
    assert outcomes(aws, inference(), make_event(texts(3))) == each(range(3), SUCCEEDED)


def test_a_record_whose_result_is_not_acknowledged_is_returned(aws: LocalAws, inference: Build) -> None:
    def refuse(queue: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        return {"Code": "InternalError", "SenderFault": False} if "text 1" in entry["MessageBody"] else None

    aws.refuse = refuse
    expected = each(range(12), SUCCEEDED) | each([1, 10, 11], returned_for("not-sent"))
    assert outcomes(aws, inference(), make_event(texts(12))) == expected


def test_a_record_whose_dead_letter_is_not_acknowledged_is_returned(aws: LocalAws, inference: Build) -> None:
    aws.refuse = lambda queue, entry: {"Code": "X", "SenderFault": True} if queue == "dead" else None
    expected = {"m0": returned_for("not-sent"), "m1": SUCCEEDED}
    assert outcomes(aws, inference(), make_event(["not json", *texts(1)])) == expected


@pytest.mark.parametrize("queue", ["results", "dead"])
def test_a_sink_that_may_not_be_sent_to_blames_no_record(aws: LocalAws, inference: Build, queue: str) -> None:
    denied = service_error(403, "AccessDenied", "not authorized to perform: sqs:SendMessage")
    aws.refuse = lambda name, entry: denied if name == queue else None
    with pytest.raises(ConfigurationError, match="sqs:SendMessage"):
        inference().process(make_event(["not json", *texts(1)]), FakeContext())


def test_dead_letters_do_not_multiply_while_the_results_queue_is_denied(aws: LocalAws, inference: Build) -> None:
    denied = service_error(403, "AccessDenied")
    aws.refuse = lambda queue, entry: denied if queue == "results" else None
    handler = inference()
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            handler.process(make_event(["not json"] * 10 + texts(1)), FakeContext())
    assert aws.dead_letters() == {}


def test_a_result_too_large_for_the_queue_is_dead_lettered(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * 1_048_576, "small"]).encode())
    expected = {"m0": dead_lettered("result-too-large"), "m1": SUCCEEDED}
    assert outcomes(aws, inference(), make_event(texts(2))) == expected


def test_large_results_share_no_call_that_would_be_too_large(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps(["x" * 400_000] * len(request.inputs)).encode())
    assert outcomes(aws, inference(), make_event(texts(5))) == each(range(5), SUCCEEDED)
