"""Monitoring as a whole, and of each kind of endpoint."""

from dataclasses import replace

from constructs_lib import EndpointSettings, ExistingEndpoint, InferenceSettings, PipelineSettings, Variant

import pytest

from tests.constructs.conftest import MODEL, Watch
from tests.constructs.monitored import ASYNC, INSTANCES, alarms_of, metrics_on, widgets_of
from tests.constructs.synthesized import Synthesized


def test_by_default_nothing_is_watched_and_nothing_is_paid_for(smallest: Synthesized) -> None:
    kinds = {"aws_cloudwatch_metric_alarm", "aws_cloudwatch_dashboard", "aws_sns_topic", "aws_sns_topic_subscription"}
    assert not kinds & set(smallest.document["resource"])


def test_an_asynchronous_endpoint_is_watched_by_its_own_queue(watch: Watch) -> None:
    synthesized = watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ASYNC)))
    alarms = alarms_of(synthesized, "p-")
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
        name for ns, name, _ in metrics_on(synthesized) if ns == "AWS/SageMaker"
    }


def test_an_asynchronous_endpoint_that_never_sleeps_can_not_lack_its_first_instance(
    watch: Watch,
) -> None:
    capacity = replace(ASYNC, min_instances=1)
    assert "p-no-capacity" not in alarms_of(
        watch(PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity))), ""
    )


@pytest.mark.parametrize("serverless", [True, False])
def test_an_existing_endpoint_is_watched_by_its_names(watch: Watch, serverless: bool) -> None:
    endpoint = ExistingEndpoint(name="theirs", variant_name="v1", concurrent_requests=8, serverless=serverless)
    alarms = alarms_of(watch(PipelineSettings(endpoint=endpoint)), "p-")
    for name in ("client-errors", "server-errors", "model-latency"):
        assert alarms[name]["dimensions"] == {"EndpointName": "theirs", "VariantName": "v1"}
    # Of instances nobody here knows the maximum; a share of the concurrency needs none.
    assert ("at-maximum" in alarms) is serverless


def test_an_inference_component_has_metrics_of_its_own(watch: Watch) -> None:
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES),
        inference=InferenceSettings(inference_component_name="small-model"),
    )
    alarms = alarms_of(watch(settings), "p-")
    assert alarms["server-errors"]["dimensions"] == {"InferenceComponentName": "small-model"}
    assert "at-maximum" not in alarms


def test_further_variants_have_alarms_of_their_own(watch: Watch) -> None:
    challenger = Variant(name="challenger", capacity=replace(INSTANCES, max_instances=2))
    endpoint = EndpointSettings(model=MODEL, capacity=INSTANCES, more_variants=(challenger,))
    synthesized = watch(PipelineSettings(endpoint=endpoint))
    alarms = alarms_of(synthesized, "p-")
    alone = alarms_of(watch(PipelineSettings(endpoint=replace(endpoint, more_variants=()))), "p-")
    kinds = ("client-errors", "server-errors", "model-latency", "at-maximum", "idle-endpoint")
    assert set(alarms) == set(alone) | {f"{kind}-challenger" for kind in kinds}
    assert alarms["server-errors-challenger"]["dimensions"]["VariantName"] == "challenger"
    assert (alarms["at-maximum"]["threshold"], alarms["at-maximum-challenger"]["threshold"]) == (4, 2)
    (instances,) = [
        widget["properties"]
        for widget in widgets_of(synthesized)
        if "Instances" in widget["properties"].get("title", "")
    ]
    assert [line["value"] for line in instances["annotations"]["horizontal"]] == [4, 2]


def test_monitoring_changes_nothing_of_what_it_watches(smallest: Synthesized, watched: Synthesized) -> None:
    resources = watched.document["resource"]
    assert smallest.document["resource"] == {kind: resources[kind] for kind in smallest.document["resource"]}
