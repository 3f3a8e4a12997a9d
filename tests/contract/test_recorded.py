"""The handler against the answers that real model servers gave, as `make contract` recorded them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract import recordings, report
from contract.cases import CASES, Case
from contract.run import agree
from tests.handler.aws import Answer, LocalAws, Request, model_error
from tests.handler.conftest import FakeContext, build_inference, local_aws, make_event

RECORDED = [case for case in CASES if recordings.file_of(case).exists()]
MOST_RECEIVES = 5
MOST_BYTES = 12_000


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with local_aws(monkeypatch) as local:
        yield local


def recording_of(case: Case) -> recordings.Recording:
    found = recordings.read(case)
    assert found is not None
    return found


def answers_of(recording: recordings.Recording, unknown: list[str]) -> Any:
    """Return an endpoint that gives the recorded answers; requests that were not recorded are added to `unknown`."""
    answers = {exchange["request"]: exchange for exchange in recording["exchanges"]}

    def endpoint(request: Request) -> Answer:
        exchange = answers.get(request.body.decode())
        if exchange is None:
            unknown.append(request.body.decode())
            return model_error(400, "not recorded")
        if exchange["status"] != 200:
            return model_error(exchange["status"], exchange["answer"])
        return Answer(body=exchange["answer"].encode(), headers={"Content-Type": exchange["answer_type"]})

    return endpoint


def results_of(aws: LocalAws, case: Case, bodies: list[str], first_receive: int = 1) -> dict[str, Any]:
    """Return the results by message id, after the last receive."""
    inference = build_inference(aws, max_receive_count=MOST_RECEIVES, **case.settings)
    event = make_event(bodies)
    for receive in range(first_receive, MOST_RECEIVES + 1):
        for record in event["Records"]:
            record["attributes"]["ApproximateReceiveCount"] = str(receive)
        response = inference.process(event, FakeContext())
        left = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        event["Records"] = [record for record in event["Records"] if record["messageId"] in left]
        if not left:
            break
    return {id_: found["data"]["result"] for id_, found in aws.results().items()}


@pytest.mark.parametrize("alone", [False, True], ids=["together", "one by one"])
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_recorded_answers_give_each_record_its_own_result(aws: LocalAws, case: Case, alone: bool) -> None:
    recording, unknown = recording_of(case), list[str]()
    aws.endpoint = answers_of(recording, unknown)
    records = recording["records"]
    bodies = [record["body"] for record in records]
    if alone:
        found = {}
        for number, body in enumerate(bodies):
            aws.queues.clear()
            found.update({f"m{number}": result for result in results_of(aws, case, [body], MOST_RECEIVES).values()})
    else:
        found = results_of(aws, case, bodies)
    wanted = {f"m{number}": record["result"] for number, record in enumerate(records) if "result" in record}
    if case.needs or case.defect:
        right = found.keys() == wanted.keys() and all(agree(found[id_], wanted[id_]) for id_ in found)
        is_hidden = alone and case.defect  # a defect may need several records
        assert is_hidden or not right, (
            "it is right now: take `needs` and `defect` out of contract/cases.py, and run `make contract`"
        )
        assert case.defect or all(id_ in wanted and agree(found[id_], wanted[id_]) for id_ in found)
        return
    assert unknown == [], "record these requests: make contract"
    assert found.keys() == wanted.keys()
    assert [id_ for id_, result in found.items() if not agree(result, wanted[id_])] == []


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_every_recorded_pair_was_as_it_must_be_and_is_small(case: Case) -> None:
    outcome = recording_of(case)["outcome"]
    assert case.defect or outcome["differs"] == 0
    assert case.needs or case.defect or outcome["verdict"] == case.expected
    assert recordings.file_of(case).stat().st_size <= MOST_BYTES


def test_no_recording_is_left_behind() -> None:
    assert {file.stem for file in recordings.FOLDER.glob("*.json")} == {case.name for case in RECORDED}


def test_the_page_has_the_table_of_the_recordings() -> None:
    found = report.MADE.search(report.PAGE.read_text())
    assert found
    assert found[0] == f"{found[1]}{report.table()}{found[2]}", "renew it: .venv/bin/python -m contract.report"


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("found", "alone", "agrees"),
    [
        (1.0000001, 1, True),
        (1.1, 1.0, False),
        ([{"a": 1}], {"a": 1.0}, True),
        ({"a": 1}, {"b": 1}, False),
        ([1, 2], [1, 3], False),
        ([1, 2], [1], False),
        ("1", 1, False),
        (True, 1, False),
        (None, None, True),
    ],
)
def test_results_agree_up_to_the_last_digits(found: Any, alone: Any, agrees: bool) -> None:
    assert agree(json.loads(json.dumps(found)), alone) is agrees
