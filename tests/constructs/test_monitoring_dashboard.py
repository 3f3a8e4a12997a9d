"""Dashboard of a pipeline: form, metrics, thresholds."""

import json
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    ServerlessCapacity,
)

import pytest

from handler.metrics import Metrics
from handler.records import Ledger
from tests.constructs.conftest import MODEL, Synth, Watch
from tests.constructs.monitored import ASYNC, HANDLER, INSTANCES, graph_of, metrics_on, widgets_of
from tests.constructs.synthesized import Synthesized


def test_the_dashboard_has_its_region_in_its_name_and_can_be_left_out(
    synth_pipeline: Synth, watched: Synthesized
) -> None:
    name = watched.one("aws_cloudwatch_dashboard")["dashboard_name"]
    assert name == "dev-language-eu-central-1"
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,255}", name)
    without = synth_pipeline(monitoring=MonitoringSettings(dashboard=False))
    assert "aws_cloudwatch_dashboard" not in without.document["resource"]
    assert "language_dashboard_name" not in without.document["output"]


@pytest.mark.parametrize("capacity", [ServerlessCapacity(), INSTANCES, ASYNC], ids=lambda c: type(c).__name__)
def test_the_dashboard_is_what_cloudwatch_takes(
    watch: Watch, capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity
) -> None:
    """Dashboard Body Structure and Syntax, CloudWatch API Reference."""
    widgets = widgets_of(watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))))
    assert len(widgets) <= 500
    for widget in widgets:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert 0 <= widget["x"] < widget["x"] + widget["width"] <= 24
        assert 1 <= widget["height"] <= 1000
        {"text": _check_text, "alarm": _check_alarm, "metric": _check_metric}[widget["type"]](widget["properties"])
    for one, other in combinations(widgets, 2):
        apart = [
            one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at]
            for at, size in (("x", "width"), ("y", "height"))
        ]
        assert any(apart), (one, other)


def _check_text(properties: Mapping[str, Any]) -> None:
    assert set(properties) == {"markdown"}


def _check_alarm(properties: Mapping[str, Any]) -> None:
    assert set(properties) == {"title", "alarms"}
    assert 1 <= len(properties["alarms"]) <= 100


def _check_metric(properties: Mapping[str, Any]) -> None:
    assert {"title", "region", "view", "period", "yAxis", "metrics"} <= set(properties)
    assert set(properties) <= {"title", "region", "view", "period", "yAxis", "metrics", "annotations"}
    assert properties["period"] % 60 == 0
    options = [entry[-1] for entry in properties["metrics"]]
    ids = [option["id"] for option in options if "id" in option]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", id_) for id_ in ids)
    for entry in properties["metrics"]:
        if isinstance(entry[0], dict):
            assert set(entry[0]) == {"expression", "id", "label"}
            used = set(re.findall(r"\bl\d[a-z]*\b", entry[0]["expression"]))
            assert used <= set(ids) - {entry[0]["id"]}
            assert used
        else:
            assert set(entry[-1]) <= {"stat", "label", "id", "visible"}
            assert all(isinstance(part, str) for part in entry[:-1])
            assert len(entry) % 2 == 1  # namespace, name, pairs, options
    for line in properties.get("annotations", {}).get("horizontal", ()):
        assert set(line) == {"label", "value"}


def test_the_dashboard_shows_metrics_of_what_the_stack_makes(watched: Synthesized) -> None:
    queues = {queue["name"] for queue in watched.all("aws_sqs_queue").values()}
    function = watched.one("aws_lambda_function")
    (variant,) = watched.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    endpoint = watched.one("aws_sagemaker_endpoint")["name"]
    variables = function["environment"]["variables"]
    (text,) = Metrics().lines(
        namespace=variables["METRICS_NAMESPACE"],
        dimensions={"Endpoint": variables["ENDPOINT_NAME"], "FunctionName": function["function_name"]},
        ledger=Ledger([]),
        limit=1,
        cold=False,
    )
    line = json.loads(text)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    # Where there were requests, their distributions come along.
    emitted = {metric["Name"] for metric in directive["Metrics"]} | {"RecordsPerRequest", "RequestLatency"}
    own = {key: line[key] for key in directive["Dimensions"][0]}
    shown = list(metrics_on(watched))
    for namespace, name, dimensions in shown:
        match namespace:
            case "AWS/SQS":
                assert dimensions["QueueName"] in queues
            case "AWS/Lambda":
                assert dimensions == {"FunctionName": function["function_name"]}
            case "AWS/SageMaker":
                assert dimensions == {"EndpointName": endpoint, "VariantName": variant["variant_name"]}
            case _:
                assert namespace == directive["Namespace"]
                assert name in emitted
                assert dimensions == own
    assert {namespace for namespace, _, _ in shown} == {"AWS/SQS", "AWS/Lambda", "AWS/SageMaker", "SageMakerInference"}
    assert {dimensions["QueueName"] for namespace, _, dimensions in shown if namespace == "AWS/SQS"} == queues


def test_the_dashboard_reads_from_left_to_right_as_the_data_flows(watched: Synthesized) -> None:
    headings = [w for w in widgets_of(watched) if w["properties"].get("markdown", "").startswith("## ")]
    texts = [w["properties"]["markdown"].splitlines()[0] for w in sorted(headings, key=lambda w: int(w["x"]))]
    assert texts == ["## Queue", "## Function", "## Handler", "## Endpoint", "## Results"]


def test_the_dashboard_shows_the_state_of_every_alarm(watched: Synthesized) -> None:
    (status,) = [widget["properties"] for widget in widgets_of(watched) if widget["type"] == "alarm"]
    alarms = watched.all("aws_cloudwatch_metric_alarm").values()
    prefix = "arn:PARTITION:cloudwatch:eu-central-1:ACCOUNT:alarm:"
    assert sorted(status["alarms"]) == sorted(prefix + alarm["alarm_name"] for alarm in alarms)


@pytest.mark.parametrize(
    ("title", "period", "thresholds"),
    [
        ("Age (s)", 60, {"queue-age": 900}),
        ("Duration (ms)", 300, {"function-duration": 27_000}),
        ("Time to drain (s)", 300, {"drain-time": 3600}),
        ("Failed in 5 minutes", 300, {"function-errors": 0, "function-throttles": 0, "dropped-as-loop": 0}),
        ("Not scored (%)", 300, {"unscored-records": 10}),
        ("Model latency (ms)", 300, {"model-latency": 16_000}),
        ("Requests that failed (%)", 300, {"client-errors": 5, "server-errors": 1}),
        ("Concurrency in use (%)", 60, {"at-maximum": 100}),
        ("Dead letters", 60, {"dead-letters": 0}),
    ],
)
def test_thresholds_lie_across_the_graphs_in_their_unit_and_period(
    watched: Synthesized, title: str, period: int, thresholds: Mapping[str, float]
) -> None:
    graph = graph_of(watched, title)
    assert graph["period"] == period
    lines = graph["annotations"]["horizontal"]
    assert {line["label"]: line["value"] for line in lines} == {f"alarm: {k}": v for k, v in thresholds.items()}


@pytest.mark.parametrize(
    ("results", "fifo", "metric"),
    [
        ("sqs", False, ("AWS/SQS", "NumberOfMessagesSent", {"QueueName": "dev-language-results"})),
        ("sqs", True, ("AWS/SQS", "NumberOfMessagesSent", {"QueueName": "dev-language-results.fifo"})),
        ("sns", False, ("AWS/SNS", "NumberOfMessagesPublished", {"TopicName": "dev-language-results"})),
        ("none", False, ("SageMakerInference", "RecordsSucceeded", HANDLER)),
    ],
)
def test_results_are_counted_where_they_leave(
    synth_pipeline: Synth, results: str, fifo: bool, metric: tuple[str, str, dict[str, str]]
) -> None:
    synthesized = synth_pipeline(
        results=ResultsSettings(sink=results), queue=QueueSettings(fifo=fifo), monitoring=MonitoringSettings()
    )
    (entry,) = graph_of(synthesized, "Results a minute")["metrics"]
    namespace, name, *dimensions = entry[:-1]
    assert (namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))) == metric
