"""What is watched, when it rings, who is told, and what the dashboard shows."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from constructs_lib import (
    AlarmTopic,
    AsyncCapacity,
    EndpointSettings,
    ExistingEndpoint,
    FunctionSettings,
    InferencePipeline,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineMonitoring,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    SettingsError,
    Variant,
)
from constructs_lib.monitoring.alarms import MISSING_DATA
from constructs_lib.monitoring.metrics import WatchedPipeline
from constructs_lib.validation.cross_resource import chain_violations
from constructs_lib.validation.derived import derive
from constructs_lib.validation.pipeline_checks import MAX_PREFIX_CHARACTERS

import pytest
from cdktf import TerraformStack, TerraformVariable

from handler.metrics import Metrics
from handler.records import Ledger
from tests.constructs.conftest import MODEL
from tests.constructs.synthesized import Synthesized

Synth = Callable[..., Synthesized]
InPlainStack = Callable[[Callable[[TerraformStack], object]], Synthesized]
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
INSTANCES = InstanceCapacity(instance_type="ml.m7i.xlarge", min_instances=1, max_instances=4)
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)
QUEUE = {"QueueName": "dev-language-work"}
DEAD_LETTERS = {"QueueName": "dev-language-work-dlq"}
FUNCTION = {"FunctionName": "dev-language-inference"}
VARIANT = {"EndpointName": "dev-language", "VariantName": "primary"}
HANDLER = {"Endpoint": "dev-language", "FunctionName": "dev-language-inference"}
TOPIC = "arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-language-alarms"


@pytest.fixture(scope="module")
def watched(synth_pipeline: Synth) -> Synthesized:
    """The smallest pipeline, which is serverless, with everything of monitoring by default."""
    return synth_pipeline(monitoring=MonitoringSettings())


@pytest.fixture
def watch(synth_in_plain_stack: InPlainStack) -> Callable[[PipelineSettings], Synthesized]:
    """Synthesize the monitoring alone, of an endpoint of any kind."""

    def synth(given: PipelineSettings) -> Synthesized:
        settings = derive(replace(given, monitoring=given.monitoring or MonitoringSettings()))
        assert settings.monitoring is not None
        monitoring, endpoint = settings.monitoring, settings.endpoint
        asynchronous = isinstance(endpoint, EndpointSettings) and isinstance(endpoint.capacity, AsyncCapacity)
        pipeline = WatchedPipeline(
            settings=settings,
            queue_name="work",
            dead_letter_queue_name="work-dlq",
            function_name="score",
            endpoint_name=endpoint.name if isinstance(endpoint, ExistingEndpoint) else "model",
            results_name="results",
            notification_function_name="notify" if asynchronous else None,
        )
        return synth_in_plain_stack(
            lambda stack: PipelineMonitoring(stack, "m", name="p", settings=monitoring, watched=pipeline)
        )

    return synth


def _alarms(synthesized: Synthesized, prefix: str = "dev-language-") -> dict[str, dict[str, Any]]:
    alarms = synthesized.all("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"].removeprefix(prefix): alarm for alarm in alarms}


def _inputs(alarm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {query["id"]: query["metric"] for query in alarm["metric_query"] if "metric" in query}


def _expression(alarm: Mapping[str, Any]) -> str:
    (result,) = [query for query in alarm["metric_query"] if query.get("return_data")]
    return str(result["expression"])


def _widgets(synthesized: Synthesized) -> list[dict[str, Any]]:
    body = json.loads(synthesized.readable(synthesized.one("aws_cloudwatch_dashboard")["dashboard_body"]))
    assert set(body) == {"widgets"}
    return list(body["widgets"])


def _graph(synthesized: Synthesized, title: str) -> dict[str, Any]:
    (found,) = [w["properties"] for w in _widgets(synthesized) if w["properties"].get("title") == title]
    return dict(found)


def _shown(synthesized: Synthesized) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of every metric on the dashboard."""
    for widget in _widgets(synthesized):
        for entry in widget["properties"].get("metrics", ()):
            if isinstance(entry[0], str):
                namespace, name, *dimensions = entry[:-1]
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


def test_by_default_nothing_is_watched_and_nothing_is_paid_for(smallest: Synthesized) -> None:
    kinds = {"aws_cloudwatch_metric_alarm", "aws_cloudwatch_dashboard", "aws_sns_topic", "aws_sns_topic_subscription"}
    assert not kinds & set(smallest.document["resource"])


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
    alarm = _alarms(watched)[name]
    assert f"{alarm['namespace']} {alarm['metric_name']}" == metric
    assert alarm["dimensions"] == dimensions
    assert alarm["extended_statistic" if statistic == "p99" else "statistic"] == statistic
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanThreshold", threshold)
    assert (alarm["period"], alarm["evaluation_periods"], alarm["datapoints_to_alarm"]) == (period, periods, periods)
    assert alarm["treat_missing_data"] == missing


def test_records_that_come_back_are_counted_as_the_handler_sees_them(watched: Synthesized) -> None:
    alarm = _alarms(watched)["unscored-records"]
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


def test_a_serverless_endpoint_at_its_concurrency_is_at_its_maximum(watched: Synthesized) -> None:
    alarm = _alarms(watched)["at-maximum"]
    assert alarm["metric_name"] == "ServerlessConcurrentExecutionsUtilization"
    assert (alarm["dimensions"], alarm["statistic"], alarm["period"]) == (VARIANT, "Maximum", 60)
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (15, "notBreaching")


def test_instances_are_counted_by_what_they_report(synth_pipeline: Synth) -> None:
    monitoring = MonitoringSettings(at_maximum_minutes=30)
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES), monitoring=monitoring)
    alarm = _alarms(synthesized)["at-maximum"]
    assert (alarm["namespace"], alarm["metric_name"]) == ("/aws/sagemaker/Endpoints", "CPUUtilization")
    assert (alarm["statistic"], alarm["dimensions"], alarm["period"]) == ("SampleCount", VARIANT, 60)
    assert (alarm["comparison_operator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 4)
    assert alarm["evaluation_periods"] == alarm["datapoints_to_alarm"] == 30
    graph = _graph(synthesized, "Instances")
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
    watch: Callable[[PipelineSettings], Synthesized], capacity: InstanceCapacity, threshold: float | None
) -> None:
    alarms = _alarms(watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))), "p-")
    assert alarms.get("at-maximum", {}).get("threshold") == threshold


def test_every_threshold_arrives(synth_pipeline: Synth) -> None:
    monitoring = MonitoringSettings(
        queue_age_seconds=61,
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
    alarms = _alarms(synth_pipeline(monitoring=monitoring, function=FunctionSettings(timeout_seconds=100)))
    assert {name: alarm["threshold"] for name, alarm in alarms.items() if name != "at-maximum"} == {
        "queue-age": 61,
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
    assert _alarms(synthesized)["model-latency"]["threshold"] == 0.8 * 70 * 1_000_000


def test_an_asynchronous_endpoint_is_watched_by_its_own_queue(watch: Callable[..., Synthesized]) -> None:
    synthesized = watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ASYNC)))
    alarms = _alarms(synthesized, "p-")
    age, none, failed = alarms["request-age"], alarms["no-capacity"], alarms["notification-errors"]
    whole = {"EndpointName": "model"}
    assert (age["metric_name"], age["dimensions"], age["threshold"]) == ("ApproximateAgeOfOldestRequest", whole, 900)
    assert (none["metric_name"], none["dimensions"]) == ("HasBacklogWithoutCapacity", whole)
    assert (none["comparison_operator"], none["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (none["evaluation_periods"], none["treat_missing_data"]) == (15, "notBreaching")
    assert (failed["metric_name"], failed["dimensions"]) == ("Errors", {"FunctionName": "notify"})
    untold = alarms["untold-answers"]
    variant = {"EndpointName": "model", "VariantName": "primary"}
    assert (untold["metric_name"], untold["dimensions"]) == ("NotificationFailures", variant)
    assert (untold["statistic"], untold["threshold"]) == ("Sum", 0)
    maximum = alarms["at-maximum"]
    assert (maximum["metric_name"], maximum["statistic"]) == ("CPUUtilization", "SampleCount")
    assert maximum["dimensions"] == variant
    # 80 % of the 15 minutes that an instance has for a request
    assert alarms["model-latency"]["threshold"] == 720_000_000
    # Asynchronous endpoints publish none of these.
    assert not {"Invocations", "InvocationsPerInstance"} & {
        name for ns, name, _ in _shown(synthesized) if ns == "AWS/SageMaker"
    }


def test_an_asynchronous_endpoint_that_never_sleeps_can_not_lack_its_first_instance(
    watch: Callable[..., Synthesized],
) -> None:
    capacity = replace(ASYNC, min_instances=1)
    assert "p-no-capacity" not in _alarms(
        watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))), ""
    )


@pytest.mark.parametrize("serverless", [True, False])
def test_an_existing_endpoint_is_watched_by_its_names(watch: Callable[..., Synthesized], serverless: bool) -> None:
    endpoint = ExistingEndpoint(name="theirs", variant_name="v1", concurrent_requests=8, serverless=serverless)
    alarms = _alarms(watch(PipelineSettings(endpoint=endpoint)), "p-")
    for name in ("client-errors", "server-errors", "model-latency"):
        assert alarms[name]["dimensions"] == {"EndpointName": "theirs", "VariantName": "v1"}
    # Of instances nobody here knows the maximum; a share of the concurrency needs none.
    assert ("at-maximum" in alarms) is serverless


def test_an_inference_component_has_metrics_of_its_own(watch: Callable[..., Synthesized]) -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES),
        inference=InferenceSettings(inference_component_name="small-model"),
    )
    alarms = _alarms(watch(settings), "p-")
    assert alarms["server-errors"]["dimensions"] == {"InferenceComponentName": "small-model"}
    assert "at-maximum" not in alarms


def test_further_variants_have_alarms_of_their_own(watch: Callable[..., Synthesized]) -> None:
    challenger = Variant(name="challenger", capacity=replace(INSTANCES, max_instances=2))
    endpoint = EndpointSettings(model=MODEL, capacity=INSTANCES, more_variants=(challenger,))
    synthesized = watch(PipelineSettings(endpoint=endpoint))
    alarms = _alarms(synthesized, "p-")
    alone = _alarms(watch(PipelineSettings(endpoint=replace(endpoint, more_variants=()))), "p-")
    kinds = ("client-errors", "server-errors", "model-latency", "at-maximum")
    assert set(alarms) == set(alone) | {f"{kind}-challenger" for kind in kinds}
    assert alarms["server-errors-challenger"]["dimensions"]["VariantName"] == "challenger"
    assert (alarms["at-maximum"]["threshold"], alarms["at-maximum-challenger"]["threshold"]) == (4, 2)
    (instances,) = [
        widget["properties"] for widget in _widgets(synthesized) if "Instances" in widget["properties"].get("title", "")
    ]
    assert [line["value"] for line in instances["annotations"]["horizontal"]] == [4, 2]


def test_alarms_say_what_to_do_and_tell_the_topic_when_they_ring_and_when_it_is_over(watched: Synthesized) -> None:
    alarms = _alarms(watched)
    assert alarms["dead-letters"]["alarm_description"] == (
        "More than 0 messages wait on dev-language-work-dlq. "
        "First: read the attributes reason and detail of one of them."
    )
    for name, alarm in alarms.items():
        assert re.fullmatch(r".+\. First: .+[.?]", alarm["alarm_description"]), name
        assert len(alarm["alarm_description"]) <= 1024
        assert [watched.readable(arn) for arn in alarm["alarm_actions"] + alarm["ok_actions"]] == [TOPIC, TOPIC]
        assert alarm["depends_on"] == [watched.reference("aws_sns_topic_policy")]


def test_every_alarm_stands_in_the_operators_handbook(watch: Callable[..., Synthesized], watched: Synthesized) -> None:
    asynchronous = watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ASYNC)))
    made = set(_alarms(watched)) | set(_alarms(asynchronous, "p-"))
    section = OPERATIONS.read_text().partition("## Alarms\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == made == set(MISSING_DATA)


def test_only_alarms_of_the_account_may_publish_and_only_by_tls(watched: Synthesized) -> None:
    assert watched.one("aws_sns_topic") == {"name": "dev-language-alarms"}
    policy = watched.one("aws_sns_topic_policy")
    assert watched.readable(policy["arn"]) == TOPIC
    assert policy["depends_on"] == [watched.reference("aws_sns_topic")]
    assert json.loads(watched.readable(policy["policy"]))["Statement"] == [
        {
            "Sid": "PublisherForThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": TOPIC,
            "Condition": {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": TOPIC,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    assert watched.readable(watched.document["output"]["language_alarm_topic_arn"]["value"]) == TOPIC


def test_subscribers_are_told_by_mail_and_the_topic_takes_a_key(synth_pipeline: Synth) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    monitoring = MonitoringSettings(subscribers=("a@example.com", "b@example.com"), topic_key_arn=key)
    synthesized = synth_pipeline(monitoring=monitoring)
    assert synthesized.one("aws_sns_topic")["kms_master_key_id"] == key
    subscriptions = synthesized.all("aws_sns_topic_subscription").values()
    assert {(s["protocol"], s["endpoint"], synthesized.readable(s["topic_arn"])) for s in subscriptions} == {
        ("email", "a@example.com", TOPIC),
        ("email", "b@example.com", TOPIC),
    }
    assert all(s["depends_on"] == [synthesized.reference("aws_sns_topic")] for s in subscriptions)


def test_taking_one_subscriber_away_leaves_the_others_as_they_are(synth_pipeline: Synth) -> None:
    both = synth_pipeline(monitoring=MonitoringSettings(subscribers=("a@example.com", "b@example.com")))
    one = synth_pipeline(monitoring=MonitoringSettings(subscribers=("b@example.com",)))
    kind = "aws_sns_topic_subscription"
    assert one.document["resource"][kind].items() <= both.document["resource"][kind].items()


def test_a_topic_of_yours_is_used_as_it_is(synth_pipeline: Synth) -> None:
    arn = "arn:aws:sns:eu-central-1:123456789012:on-call"
    synthesized = synth_pipeline(monitoring=MonitoringSettings(topic_arn=arn))
    assert not any(kind.startswith("aws_sns") for kind in synthesized.document["resource"])
    for alarm in _alarms(synthesized).values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([arn], [arn])
        assert "depends_on" not in alarm


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
    watch: Callable[..., Synthesized], capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity
) -> None:
    """Dashboard Body Structure and Syntax, CloudWatch API Reference."""
    widgets = _widgets(watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))))
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
    shown = list(_shown(watched))
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
    headings = [w for w in _widgets(watched) if w["properties"].get("markdown", "").startswith("## ")]
    texts = [w["properties"]["markdown"].splitlines()[0] for w in sorted(headings, key=lambda w: int(w["x"]))]
    assert texts == ["## Queue", "## Function", "## Handler", "## Endpoint", "## Results"]


def test_the_dashboard_shows_the_state_of_every_alarm(watched: Synthesized) -> None:
    (status,) = [widget["properties"] for widget in _widgets(watched) if widget["type"] == "alarm"]
    alarms = watched.all("aws_cloudwatch_metric_alarm").values()
    prefix = "arn:PARTITION:cloudwatch:eu-central-1:ACCOUNT:alarm:"
    assert sorted(status["alarms"]) == sorted(prefix + alarm["alarm_name"] for alarm in alarms)


@pytest.mark.parametrize(
    ("title", "period", "thresholds"),
    [
        ("Age (s)", 60, {"queue-age": 900}),
        ("Duration (ms)", 300, {"function-duration": 27_000}),
        ("Failed in 5 minutes", 300, {"function-errors": 0, "function-throttles": 0}),
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
    graph = _graph(watched, title)
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
    (entry,) = _graph(synthesized, "Results a minute")["metrics"]
    namespace, name, *dimensions = entry[:-1]
    assert (namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))) == metric


def test_monitoring_changes_nothing_of_what_it_watches(smallest: Synthesized, watched: Synthesized) -> None:
    resources = watched.document["resource"]
    assert smallest.document["resource"] == {kind: resources[kind] for kind in smallest.document["resource"]}


def test_alarms_of_the_longest_names_fit(watch: Callable[..., Synthesized]) -> None:
    names = [f"{letter:a<63}" for letter in "bc"]
    variants = tuple(Variant(name=name, capacity=INSTANCES) for name in names)
    endpoint = EndpointSettings(model=MODEL, capacity=INSTANCES, more_variants=variants)
    longest = max(map(len, _alarms(watch(PipelineSettings(endpoint=endpoint)), "p-")))
    assert MAX_PREFIX_CHARACTERS + len("-") + longest <= 255  # CloudWatch: AlarmName


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
THEIRS = "arn:aws:sns:eu-central-1:123456789012:on-call"


@pytest.mark.parametrize(
    ("monitoring", "text"),
    [
        (
            MonitoringSettings(topic_arn=THEIRS, subscribers=("a@example.com",)),
            "monitoring.subscribers = ('a@example.com',): must be empty with topic_arn (a topic of yours keeps its "
            "own)",
        ),
        (
            MonitoringSettings(topic_arn=THEIRS, topic_key_arn=KEY),
            f"monitoring.topic_key_arn = '{KEY}': must be None with topic_arn (a topic of yours keeps its own)",
        ),
        (
            MonitoringSettings(subscribers=("a@example.com", "a@example.com")),
            "monitoring.subscribers = ('a@example.com', 'a@example.com'): must be each address once (SNS keeps one "
            "subscription of each)",
        ),
        (
            MonitoringSettings(subscribers=("a@example.com", "on-call")),
            "monitoring.subscribers[1] = 'on-call': must be e-mail addresses (SNS Subscribe)",
        ),
        (
            MonitoringSettings(queue_age_seconds=345_600),
            "monitoring.queue_age_seconds = 345600: must be less than queue.message_retention_seconds, 345600 seconds "
            "(no message grows so old)",
        ),
        (
            MonitoringSettings(model_latency_ms=20_000),
            "monitoring.model_latency_ms = 20000: must be less than what a request may take, 20000 ms (nobody waits "
            "longer)",
        ),
        (
            MonitoringSettings(duration_percent=100),
            "monitoring.duration_percent = 100: must be 1 to 99 % (alarm threshold)",
        ),
        (
            MonitoringSettings(unscored_percent=-1),
            "monitoring.unscored_percent = -1: must be 0 to 99 % (alarm threshold)",
        ),
        (
            MonitoringSettings(at_maximum_minutes=1441),
            "monitoring.at_maximum_minutes = 1441: must be 1 to 1440 minutes (CloudWatch: an alarm looks back a day)",
        ),
    ],
)
def test_alarms_that_can_not_be_are_named(synth_pipeline: Synth, monitoring: MonitoringSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(monitoring=monitoring)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_an_asynchronous_request_may_take_longer_than_the_function_waits() -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=MODEL, capacity=ASYNC), monitoring=MonitoringSettings(model_latency_ms=900_000)
    )
    (violation,) = chain_violations("dev/language", derive(settings))
    assert str(violation) == (
        "dev/language monitoring.model_latency_ms = 900000: must be less than what a request may take, 900000 ms "
        "(nobody waits longer)"
    )
    in_time = replace(settings, monitoring=MonitoringSettings(model_latency_ms=899_999))
    assert chain_violations("dev/language", derive(in_time)) == []


def test_thresholds_must_be_known_when_synthesizing(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        unknown: Any = TerraformVariable(stack, "seconds", type="number").number_value
        monitoring = MonitoringSettings(queue_age_seconds=unknown)
        pipeline = PipelineSettings(endpoint=EndpointSettings(model=MODEL), monitoring=monitoring)
        InferencePipeline(stack, "language", name="dev-language", settings=pipeline)

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build)
    assert re.fullmatch(
        r"1 setting is out of bounds:\n  plain/language monitoring\.queue_age_seconds = -[0-9.e+]+: must be known when "
        r"synthesizing \(checks and derived settings need it\)",
        str(raised.value),
    )


def test_an_address_may_be_known_to_terraform_alone(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        address = TerraformVariable(stack, "address", type="string").string_value
        AlarmTopic(stack, "alarms", name="alarms", subscribers=[address])

    assert synth_in_plain_stack(build).one("aws_sns_topic_subscription")["endpoint"] == "${var.address}"
