import json
from datetime import datetime

import pytest

from handler import index
from handler.batch import BatchInference
from handler.entry import once_a_sandbox
from tests.handler.aws import LocalAws, Request
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    FakeContext,
    each,
    make_event,
    outcomes,
    returned,
    texts,
    without_request,
)


def test_a_batch_is_one_request_and_each_result_leaves_as_a_cloudevent(aws: LocalAws, inference: Build) -> None:
    response = inference().process(make_event(texts(10)), FakeContext())
    assert returned(response) == []
    (request,) = aws.requests
    headers = {"inference-id": request.sagemaker_headers["inference-id"]}
    json_ = "application/json"
    assert request == Request("dev-language", json_, json_, request.body, sagemaker_headers=headers)
    assert request.inputs == [f"text {number}" for number in range(10)]
    event = aws.results()["m3"]
    assert datetime.fromisoformat(event.pop("time")).tzinfo is not None
    assert without_request(event) == {
        "specversion": "1.0",
        "id": "m3",
        "source": "arn:aws:sqs:eu-central-1:123456789012:dev-language-work",
        "type": "sagemaker.inference.result",
        "subject": "m3",
        "datacontenttype": "application/json",
        "data": {"endpoint": "dev-language", "result": {"label": "text 3"}},
    }
    assert set(aws.results()) == {f"m{number}" for number in range(10)}


def test_requests_keep_to_the_count_cap_and_the_concurrency_cap(aws: LocalAws, inference: Build) -> None:
    inference(max_records_per_request=25, requests_in_flight=3).process(make_event(texts(210)), FakeContext())
    assert sorted(len(request.inputs) for request in aws.requests) == [17, 18, *[25] * 7]
    assert max(len(request.inputs) for request in aws.requests) == 25
    assert aws.most_in_flight <= 3
    assert len(aws.results()) == 210


def test_requests_keep_to_the_byte_cap(aws: LocalAws, inference: Build) -> None:
    bodies = [json.dumps({"inputs": "x" * (37 * number % 300 + 1)}) for number in range(80)]
    inference(max_request_bytes=500).process(make_event(bodies), FakeContext())
    assert max(len(request.body) for request in aws.requests) <= 500
    assert len(aws.results()) == 80


def test_own_parameters_never_share_a_request(aws: LocalAws, inference: Build) -> None:
    bodies = [
        json.dumps({"inputs": "a"}),
        json.dumps({"inputs": "b", "parameters": {"top_k": 3}}),
        json.dumps({"inputs": "c"}),
        json.dumps({"inputs": "d", "parameters": {"truncation": False}}),
    ]
    inference(parameters={"truncation": True}).process(make_event(bodies), FakeContext())
    sent = {json.dumps(json.loads(request.body), sort_keys=True) for request in aws.requests}
    assert sent == {
        '{"inputs": ["a", "c"], "parameters": {"truncation": true}}',
        '{"inputs": ["b"], "parameters": {"top_k": 3, "truncation": true}}',
        '{"inputs": ["d"], "parameters": {"truncation": false}}',
    }


def test_a_message_delivered_twice_in_a_batch_is_scored_once(aws: LocalAws, inference: Build) -> None:
    event = make_event(texts(3))
    event["Records"].append(event["Records"][0])
    assert returned(inference().process(event, FakeContext())) == []
    assert len(aws.requests[0].inputs) == 3
    assert len(aws.results()) == 3


def test_nothing_of_one_invocation_is_left_for_the_next(aws: LocalAws, inference: Build) -> None:
    handler = inference()
    aws.refuse = lambda queue, entry: {"Code": "InternalError", "SenderFault": False}
    assert returned(handler.process(make_event(texts(2)), FakeContext())) == ["m0", "m1"]
    aws.refuse = lambda queue, entry: None
    assert outcomes(aws, handler, make_event(texts(1))) == each(range(1), SUCCEEDED)
    assert set(aws.results()) == {"m0"}


def test_an_empty_batch_is_no_error(inference: Build) -> None:
    assert returned(inference().process({"Records": []}, FakeContext())) == []


def test_the_entry_point_reads_the_environment_once(
    aws: LocalAws, inference: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = inference()._settings
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(index, "_inference", once_a_sandbox(BatchInference))
    assert returned(index.handler(make_event(texts(2)), FakeContext())) == []
    first = index._inference()
    index.handler(make_event(texts(2)), FakeContext())
    assert index._inference() is first


def test_the_metrics_line_is_emf(aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [*texts(5), "not json"]
    inference(max_records_per_request=2).process(make_event(bodies), FakeContext())
    (line,) = capsys.readouterr().out.splitlines()
    metrics = json.loads(line)
    directive = metrics["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "SageMakerInference"
    assert directive["Dimensions"] == [["Endpoint", "FunctionName"]]
    assert (metrics["Endpoint"], metrics["FunctionName"]) == ("dev-language", "dev-language-inference")
    assert all(metric["Name"] in metrics for metric in directive["Metrics"])
    assert metrics["RecordsReceived"] == 6
    assert metrics["RecordsSucceeded"] == 5
    assert metrics["RecordsDeadLettered"] == 1
    assert metrics["RecordsReturned"] == 0
    assert metrics["Requests"] == 3
    assert sorted(metrics["RecordsPerRequest"]) == [1, 2, 2]
    assert metrics["ColdStart"] == 1
    assert "text" not in line
