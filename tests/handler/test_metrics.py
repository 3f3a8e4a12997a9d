"""The metrics line against CloudWatch's embedded metric format, and what it counts."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from tests.handler.aws import Answer, LocalAws, model_error, scored, service_error
from tests.handler.conftest import Build, FakeContext, make_event, returned, texts

# CloudWatch's "Specification: Embedded metric format", put down as a JSON schema.
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Percent", "Count", "None"]
METRIC = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {
        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
        "Unit": {"enum": UNITS},
        "StorageResolution": {"enum": [1, 60]},
    },
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 30,
                "items": {"type": "string", "minLength": 1, "maxLength": 250},
            },
        },
        "Metrics": {"type": "array", "maxItems": 100, "items": METRIC},
    },
}
EMF = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": DIRECTIVE},
            },
        }
    },
}
NAMES = {
    "RecordsReceived", "RecordsSucceeded", "RecordsReturned", "RecordsDeadLettered", "Requests", "RecordsPerRequest",
    "RequestLatency", "Throttles", "ModelErrors", "Timeouts", "Bisections", "ConcurrencyLimit", "DeadlineDeferred",
    "SinkLatency", "HandlerOverhead", "ColdStart",
}  # fmt: skip
DISTRIBUTIONS = {"RecordsPerRequest", "RequestLatency"}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"_aws"')]


def test_an_invocation_writes_lines_that_keep_to_the_specification(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.script(service_error(400, "ThrottlingException", None), model_error(413))
    handler = inference(max_records_per_request=1)
    handler.process(make_event([*texts(150), "not json"]), FakeContext())
    lines = _lines(capsys.readouterr().out)
    for line, names in zip(lines, (NAMES, DISTRIBUTIONS), strict=True):
        jsonschema.validate(line, EMF)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"] for metric in directive["Metrics"]} == names
        for name in names:  # each metric is a number, or a distribution of at most 100
            values = line[name] if isinstance(line[name], list) else [line[name]]
            assert 1 <= len(values) <= 100
            assert all(isinstance(value, (int, float)) for value in values)
        assert directive["Dimensions"] == [["Endpoint", "FunctionName"]]
        assert (line["Endpoint"], line["FunctionName"]) == ("dev-language", "dev-language-inference")
    assert [len(line[name]) for line in lines for name in sorted(DISTRIBUTIONS)] == [100, 100, 51, 51]
    line = lines[0]
    counts = {name: line[name] for name in NAMES if name.startswith("Records") and name != "RecordsPerRequest"}
    assert counts == {
        "RecordsReceived": 151,
        "RecordsSucceeded": 149,
        "RecordsReturned": 0,
        "RecordsDeadLettered": 2,
    }
    assert (line["Requests"], line["Throttles"], line["ColdStart"]) == (151, 1, 1)


def test_without_a_request_there_is_no_distribution(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    inference().process(make_event(["not json"]), FakeContext())
    (line,) = _lines(capsys.readouterr().out)
    jsonschema.validate(line, EMF)
    assert {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == NAMES - DISTRIBUTIONS


def test_a_second_invocation_counts_anew(aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]) -> None:
    handler = inference()
    handler.process(make_event(["not json", *texts(2)]), FakeContext())
    handler.process(make_event(texts(1)), FakeContext())
    _, second = _lines(capsys.readouterr().out)
    assert (second["RecordsReceived"], second["RecordsDeadLettered"], second["ColdStart"]) == (1, 0, 0)


def test_what_there_was_no_time_to_begin_with_is_counted_and_pauses(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.endpoint = lambda request: replace(scored(request), delay_seconds=0.3)
    handler = inference(max_records_per_request=1, requests_in_flight=1)
    back = returned(handler.process(make_event(texts(9)), FakeContext(remaining_ms=2000)))
    (line,) = _lines(capsys.readouterr().out)
    assert line["RecordsReturned"] == line["DeadlineDeferred"] == len(back) >= 4
    assert len(aws.hidden) == len(back)


def test_a_request_s_latency_is_its_own_however_long_an_object_is_waited_for(
    aws: LocalAws, inference: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.refuse_object = lambda method, name: Answer(body=b'{"inputs": "from S3"}', delay_seconds=1)
    handler = inference(input_location="s3://payloads/", max_records_per_request=1, requests_in_flight=4)
    event = make_event([*texts(2), json.dumps({"s3": "s3://payloads/a"})])
    assert returned(handler.process(event, FakeContext())) == []
    (line,) = _lines(capsys.readouterr().out)
    assert len(line["RequestLatency"]) == 3
    assert max(line["RequestLatency"]) < 900
