"""A result of a chain belongs to the message that was sent into it, and ends where no follower takes it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from local.emulator import Emulator
from local.patterns import is_taken
from local.pipeline import DeployedPipeline
from local.tally import read_dead_letter, read_results


def event(**changes: Any) -> dict[str, Any]:
    told = {"id": "own", "causationid": "first", "subject": "sent", "source": "q", "type": "t", "specversion": "1.0"}
    return {**told, "data": {"result": 1}, **changes}


@pytest.mark.parametrize(("place", "id_"), [(0, "own"), (1, "first"), (2, "sent"), (3, "sent")])
def test_a_result_is_of_the_message_that_began_the_chain(place: int, id_: str) -> None:
    ((found, scored),) = read_results(json.dumps(event()), 1.0, place)
    assert (found, scored.result) == (id_, 1)


def test_a_result_that_goes_on_is_no_outcome() -> None:
    body = json.dumps([event(data={"result": label}) for label in ("de", "fr")])
    ((_, scored),) = read_results(body, 1.0, 0, lambda one: one["data"]["result"] == "de")
    assert scored.result == "fr"


GERMAN: Mapping[str, Any] = {"data": {"result": {"label": ["de"]}}}


@pytest.mark.parametrize(
    ("followers", "ends"),
    [([], True), ([{}], False), ([GERMAN], True), ([GERMAN, {}], False), ([{}, {}], False)],
    ids=["nobody follows", "one takes all", "one takes some", "one of two takes all", "both take all"],
)
def test_messages_end_at_a_pipeline_unless_a_follower_takes_all(followers: list[Mapping[str, Any]], ends: bool) -> None:
    unused: Any = None
    names = {one.name: unused for one in fields(DeployedPipeline)}
    assert DeployedPipeline(**{**names, "followers": followers}).ends_messages is ends


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    log: Path = tmp_path_factory.mktemp("ministack") / "log"
    with Emulator(region="eu-central-1", log_file=log, function_environment={}) as emulator:
        yield emulator


@pytest.mark.parametrize(
    ("patterns", "goes_on"),
    [
        ([], False),
        ([{}], True),
        ([{"data": {"result": {"label": ["de"]}}}], True),
        ([{"data": {"result": {"label": [{"anything-but": ["de"]}]}}}], False),
        ([{"data": {"result": {"score": [{"numeric": [">=", 0.9]}]}}}, {"subject": ["other"]}], True),
        ([{"data": {"result": {"score": [{"numeric": ["<", 0.9]}]}}}, {"subject": [{"prefix": "cust"}]}], False),
    ],
    ids=["nobody", "all", "a label", "any other label", "one of two", "none of two"],
)
def test_a_result_goes_on_if_a_follower_takes_it(
    emulator: Emulator, patterns: list[Mapping[str, Any]], goes_on: bool
) -> None:
    told = event(data={"result": {"label": "de", "score": 0.9}})
    assert is_taken(emulator.aws, patterns, told) is goes_on


@pytest.mark.parametrize(("place", "id_"), [(0, "m1"), (1, "own"), (2, "first"), (3, "sent")])
def test_a_dead_letter_is_too(place: int, id_: str) -> None:
    attributes: Any = {"sourceMessageId": {"DataType": "String", "StringValue": "m1"}}
    message: Any = {"MessageId": "of the letter", "Body": json.dumps(event()), "MessageAttributes": attributes}
    assert read_dead_letter(message, 1.0, place)[0] == id_
