"""Alarms of a pipeline: metrics, thresholds, instructions."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib import (
    EndpointSettings,
    FunctionSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    Variant,
)
from constructs_lib.monitoring.alarms import MISSING_DATA
from constructs_lib.validation.pipeline_checks import MAX_PREFIX_CHARACTERS

import pytest

from tests.constructs.conftest import MODEL, Synth, Watch
from tests.constructs.monitored import ASYNC, HANDLER, INSTANCES, TOPIC, VARIANT, alarms_of, graph_of
from tests.constructs.synthesized import Synthesized

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
QUEUE = {"QueueName": "dev-language-work"}
DEAD_LETTERS = {"QueueName": "dev-language-work-dlq"}
FUNCTION = {"FunctionName": "dev-language-inference"}


def _inputs(alarm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {query["id"]: query["metric"] for query in alarm["metric_query"] if "metric" in query}


def _expression(alarm: Mapping[str, Any]) -> str:
    (result,) = [query for query in alarm["metric_query"] if query.get("return_data")]
    return str(result["expression"])


@pytest.mark.parametrize(
    ("name", "metric", "dimensions", "statistic", "threshold", "period", "periods", "missing"),
    [
        ("queue-age", "AWS/SQS ApproximateAgeOfOldestMessage", QUEUE, "Maximum", 900, 60, 1, "notBreaching"),
        (
            "dead-letters",
            "AWS/SQS ApproximateNumberOfMessagesVisible",
            DEAD_LETTERS,
            "Maximum",
            0,
            60,
            1,
            "notBreaching",
        ),
        ("function-errors", "AWS/Lambda Errors", FUNCTION, "Sum", 0, 300, 1, "notBreaching"),
        ("function-throttles", "AWS/Lambda Throttles", FUNCTION, "Sum", 0, 300, 1, "notBreaching"),
        ("dropped-as-loop", "AWS/Lambda RecursiveInvocationsDropped", FUNCTION, "Sum", 0, 300, 1, "notBreaching"),
        # 90 % of 30 s, in ms
        ("function-duration", "AWS/Lambda Duration", FUNCTION, "Maximum", 27_000, 300, 1, "notBreaching"),
        ("client-errors", "AWS/SageMaker Invocation4XXErrors", VARIANT, "Average", 0.05, 300, 1, "notBreaching"),
        ("server-errors", "AWS/SageMaker Invocation5XXErrors", VARIANT, "Average", 0.01, 300, 1, "ignore"),
        # 80 % of the 20 s that the function leaves a request, in microseconds
        ("model-latency", "AWS/SageMaker ModelLatency", VARIANT, "p99", 16_000_000, 300, 3, "ignore"),
    ],
)
def test_each_alarm_watches_its_metric(
    watched: Synthesized,
    name: str,
    metric: str,
    dimensions: Mapping[str, str],
    statistic: str,
    threshold: float,
    period: int,
    periods: int,
    missing: str,
) -> None:
    alarm = alarms_of(watched)[name]
    assert f"{alarm['namespace']} {alarm['metric_name']}" == metric
    assert alarm["dimensions"] == dimensions
    assert alarm["extended_statistic" if statistic == "p99" else "statistic"] == statistic
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", threshold)
    assert (alarm["period"], alarm["evaluation_periods"], alarm["datapoints_to_alarm"]) == (period, periods, periods)
    assert alarm["treat_missing_data"] == missing


def test_records_that_come_back_are_counted_as_the_handler_sees_them(watched: Synthesized) -> None:
    alarm = alarms_of(watched)["unscored-records"]
    assert _expression(alarm) == "IF(received > 0, 100 * (returned + dead) / received, 0)"
    names = {"received": "RecordsReceived", "returned": "RecordsReturned", "dead": "RecordsDeadLettered"}
    assert _inputs(alarm) == {
        id_: {
            "namespace": "SageMakerInference",
            "metric_name": name,
            "dimensions": HANDLER,
            "period": 300,
            "stat": "Sum",
        }
        for id_, name in names.items()
    }
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", 10)
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (3, "ignore")


def test_the_time_to_drain_counts_what_the_oldest_age_leaves_out(watched: Synthesized) -> None:
    alarm = alarms_of(watched)["drain-time"]
    assert _expression(alarm) == "(waiting + hidden) * PERIOD(waiting) / (FILL(left, 0) + 0.01)"
    names = {
        "waiting": ("ApproximateNumberOfMessagesVisible", "Average"),
        "hidden": ("ApproximateNumberOfMessagesNotVisible", "Average"),
        "left": ("NumberOfMessagesDeleted", "Sum"),
    }
    assert _inputs(alarm) == {
        id_: {"namespace": "AWS/SQS", "metric_name": name, "dimensions": QUEUE, "period": 300, "stat": statistic}
        for id_, (name, statistic) in names.items()
    }
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", 3600)
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (3, "notBreaching")


def test_where_something_should_arrive_no_data_rings(synth_pipeline: Synth, watched: Synthesized) -> None:
    assert "no-arrivals" not in alarms_of(watched)
    alarm = alarms_of(synth_pipeline(monitoring=MonitoringSettings(arrivals_within_minutes=90)))["no-arrivals"]
    assert (alarm["metric_name"], alarm["dimensions"], alarm["statistic"]) == ("NumberOfMessagesSent", QUEUE, "Sum")
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["period"], alarm["evaluation_periods"], alarm["treat_missing_data"]) == (5400, 1, "breaching")


def test_instances_that_nobody_asks_are_told_of(synth_pipeline: Synth, watched: Synthesized) -> None:
    assert "idle-endpoint" not in alarms_of(watched)  # serverless: it costs nothing idle
    endpoint = EndpointSettings(model=MODEL, capacity=INSTANCES)
    alarm = alarms_of(synth_pipeline(endpoint=endpoint, monitoring=MonitoringSettings(idle_endpoint_hours=48)))[
        "idle-endpoint"
    ]
    assert _expression(alarm) == "IF(running > 0 AND FILL(requests, 0) == 0, 1, 0)"
    read = {id_: (metric["metric_name"], metric["stat"], metric["period"]) for id_, metric in _inputs(alarm).items()}
    assert read == {"running": ("CPUUtilization", "SampleCount", 3600), "requests": ("Invocations", "Sum", 3600)}
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (48, "notBreaching")
    silent = MonitoringSettings(idle_endpoint_hours=None)
    assert "idle-endpoint" not in alarms_of(synth_pipeline(endpoint=endpoint, monitoring=silent))


def test_a_serverless_endpoint_at_its_concurrency_is_at_its_maximum(watched: Synthesized) -> None:
    alarm = alarms_of(watched)["at-maximum"]
    assert alarm["metric_name"] == "ServerlessConcurrentExecutionsUtilization"
    assert (alarm["dimensions"], alarm["statistic"], alarm["period"]) == (VARIANT, "Maximum", 60)
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (15, "notBreaching")


def test_instances_are_counted_by_what_they_report(synth_pipeline: Synth) -> None:
    monitoring = MonitoringSettings(at_maximum_minutes=30)
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES), monitoring=monitoring)
    alarm = alarms_of(synthesized)["at-maximum"]
    assert (alarm["namespace"], alarm["metric_name"]) == ("/aws/sagemaker/Endpoints", "CPUUtilization")
    assert (alarm["statistic"], alarm["dimensions"], alarm["period"]) == ("SampleCount", VARIANT, 60)
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 4)
    assert alarm["evaluation_periods"] == alarm["datapoints_to_alarm"] == 30
    graph = graph_of(synthesized, "Instances")
    assert graph["period"] == 60
    assert graph["annotations"] == {"horizontal": [{"label": "alarm: at-maximum", "value": 4}]}


@pytest.mark.parametrize(
    ("capacity", "threshold"),
    [
        (replace(INSTANCES, min_instances=4), None),
        (
            replace(
                INSTANCES,
                schedule=(ScheduledCapacity(name="rush", schedule="rate(1 day)", min_instances=2, max_instances=9),),
            ),
            9,
        ),
    ],
    ids=["a fixed count is always at its maximum", "the highest range of a schedule is the maximum"],
)
def test_the_maximum_is_what_scaling_may_start(
    watch: Watch, capacity: InstanceCapacity, threshold: float | None
) -> None:
    alarms = alarms_of(watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))), "p-")
    assert alarms.get("at-maximum", {}).get("threshold") == threshold


def test_every_threshold_arrives(synth_pipeline: Synth) -> None:
    monitoring = MonitoringSettings(
        queue_age_seconds=61,
        drain_seconds=60,
        dead_letters=62,
        function_errors=63,
        function_throttles=64,
        duration_percent=65,
        unscored_percent=66,
        endpoint_client_error_percent=67,
        endpoint_server_error_percent=68,
        model_latency_ms=69,
        at_maximum_minutes=70,
    )
    alarms = alarms_of(synth_pipeline(monitoring=monitoring, function=FunctionSettings(timeout_seconds=100)))
    assert {name: alarm["threshold"] for name, alarm in alarms.items() if name != "at-maximum"} == {
        "queue-age": 61,
        "drain-time": 60,
        "dropped-as-loop": 0,
        "dead-letters": 62,
        "function-errors": 63,
        "function-throttles": 64,
        "function-duration": 65_000,
        "unscored-records": 66,
        "client-errors": 0.67,
        "server-errors": 0.68,
        "model-latency": 69_000,
    }
    assert alarms["at-maximum"]["evaluation_periods"] == 70


def test_the_latency_alarm_follows_the_request_timeout(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(monitoring=MonitoringSettings(), function=FunctionSettings(timeout_seconds=90))
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    assert variables["REQUEST_TIMEOUT_SECONDS"] == "70"
    assert alarms_of(synthesized)["model-latency"]["threshold"] == 0.8 * 70 * 1_000_000


def test_alarms_say_what_to_do_and_notify_the_topic_when_they_ring_and_when_it_is_over(watched: Synthesized) -> None:
    alarms = alarms_of(watched)
    assert alarms["dead-letters"]["alarm_description"] == (
        "More than 0 messages wait on dev-language-work-dlq. "
        "First: read the attributes reason and detail of one of them."
    )
    for name, alarm in alarms.items():
        assert re.fullmatch(r".+\. First: .+[.?]", alarm["alarm_description"]), name
        assert len(alarm["alarm_description"]) <= 1024
        assert [watched.readable(arn) for arn in alarm["alarm_actions"] + alarm["ok_actions"]] == [TOPIC, TOPIC]
        assert alarm["depends_on"] == [watched.reference("aws_sns_topic_policy")]


def test_every_alarm_stands_in_the_operators_handbook(watch: Watch, watched: Synthesized) -> None:
    asynchronous = watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ASYNC)))
    busy = watch(
        PipelineSettings(
            endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES),
            monitoring=MonitoringSettings(arrivals_within_minutes=60),
        )
    )
    groups = MonitoringSettings(quiet_groups_age_seconds=60, noisy_groups=0)
    endpoint = EndpointSettings(model=MODEL, capacity=ServerlessCapacity())
    fair = watch(PipelineSettings(endpoint=endpoint, monitoring=groups))
    stacks = (alarms_of(watched), *(alarms_of(one, "p-") for one in (asynchronous, busy, fair)))
    created = {name for alarms in stacks for name in alarms}
    section = OPERATIONS.read_text().partition("## Alarms\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == created == set(MISSING_DATA)


def test_alarms_of_the_longest_names_fit(watch: Watch) -> None:
    names = [f"{letter:a<63}" for letter in "bc"]
    variants = tuple(Variant(name=name, capacity=INSTANCES) for name in names)
    endpoint = EndpointSettings(model=MODEL, capacity=INSTANCES, more_variants=variants)
    longest = max(map(len, alarms_of(watch(PipelineSettings(endpoint=endpoint)), "p-")))
    assert MAX_PREFIX_CHARACTERS + len("-") + longest <= 255  # CloudWatch: AlarmName
