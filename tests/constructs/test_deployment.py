"""Deployment of a changed endpoint, and the alarms that roll it back."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    Deployment,
    EndpointSettings,
    InstanceCapacity,
    ModelEndpoint,
    PipelineSettings,
    QueueScaling,
    ScheduledCapacity,
    SettingsError,
    StackSettings,
    Variant,
)

import pytest

from tests.constructs.conftest import Synth, SynthInPlainStack, SynthStack
from tests.constructs.synthesized import Synthesized

MODEL = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2")
CAPACITY = InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=2)
GREEN = Variant(name="green", capacity=CAPACITY)


@pytest.fixture
def synth_deployment(synth_in_plain_stack: SynthInPlainStack) -> Synth:
    """Synthesize an endpoint `scorer` with a deployment."""

    def synth(deployment: Deployment, **settings: Any) -> Synthesized:
        endpoint = EndpointSettings(**{"model": MODEL, "capacity": CAPACITY, **settings}, deployment=deployment)
        return synth_in_plain_stack(lambda stack: ModelEndpoint(stack, "endpoint", name="scorer", settings=endpoint))

    return synth


def _config(synthesized: Synthesized) -> dict[str, Any]:
    config: dict[str, Any] = synthesized.one("aws_sagemaker_endpoint")["deployment_config"]
    return config


@pytest.mark.parametrize(
    ("deployment", "policy"),
    [
        (
            Deployment(),
            {
                "blue_green_update_policy": {
                    "traffic_routing_configuration": {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 300},
                    "termination_wait_in_seconds": 300,
                }
            },
        ),
        (
            Deployment(strategy="canary", step_percent=20, maximum_execution_seconds=3600),
            {
                "blue_green_update_policy": {
                    "traffic_routing_configuration": {
                        "type": "CANARY",
                        "wait_interval_in_seconds": 300,
                        "canary_size": {"type": "CAPACITY_PERCENT", "value": 20},
                    },
                    "termination_wait_in_seconds": 300,
                    "maximum_execution_timeout_in_seconds": 3600,
                }
            },
        ),
        (
            Deployment(strategy="linear", step_wait_seconds=60, termination_wait_seconds=0),
            {
                "blue_green_update_policy": {
                    "traffic_routing_configuration": {
                        "type": "LINEAR",
                        "wait_interval_in_seconds": 60,
                        "linear_step_size": {"type": "CAPACITY_PERCENT", "value": 10},
                    },
                    "termination_wait_in_seconds": 0,
                }
            },
        ),
        (
            Deployment(strategy="rolling", step_percent=5, maximum_execution_seconds=7200),
            {
                "rolling_update_policy": {
                    "maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 5},
                    "wait_interval_in_seconds": 120,
                    "maximum_execution_timeout_in_seconds": 7200,
                }
            },
        ),
    ],
)
def test_each_strategy_is_what_sagemaker_knows_it_as(
    synth_deployment: Synth, deployment: Deployment, policy: dict[str, Any]
) -> None:
    rollback = {"alarms": [{"alarm_name": "scorer.primary-rollback-errors"}]}
    assert _config(synth_deployment(deployment)) == {"auto_rollback_configuration": rollback, **policy}


def test_errors_and_latency_of_each_variant_roll_back(synth_deployment: Synth) -> None:
    deployment = Deployment(rollback_error_percent=2, rollback_latency_ms=500, rollback_alarm_names=("pager",))
    synthesized = synth_deployment(deployment, more_variants=(GREEN,))
    alarms = {alarm["alarm_name"]: alarm for alarm in synthesized.all("aws_cloudwatch_metric_alarm").values()}
    names = [f"scorer.{v}-rollback-{what}" for v in ("primary", "green") for what in ("errors", "latency")]
    assert sorted(alarms) == sorted(names)
    shared = {
        "namespace": "AWS/SageMaker",
        "dimensions": {"EndpointName": "scorer", "VariantName": "green"},
        "period": 60,
        "evaluation_periods": 1,
        "comparison_operator": "GreaterThanThreshold",
        "treat_missing_data": "notBreaching",
    }
    errors, latency = (
        {name: value for name, value in alarms[f"scorer.green-rollback-{what}"].items() if name in shared}
        for what in ("errors", "latency")
    )
    assert errors == latency == shared
    errors, latency = alarms["scorer.green-rollback-errors"], alarms["scorer.green-rollback-latency"]
    assert (errors["metric_name"], errors["statistic"], errors["threshold"]) == ("Invocation5XXErrors", "Average", 0.02)
    assert (latency["metric_name"], latency["extended_statistic"]) == ("ModelLatency", "p99")
    assert latency["threshold"] == 500_000
    rollback = _config(synthesized)["auto_rollback_configuration"]["alarms"]
    assert [alarm["alarm_name"] for alarm in rollback] == [*names, "pager"]
    (watch,) = synthesized.policies("endpoint")["watch-alarms"]
    assert watch["Action"] == ["cloudwatch:DescribeAlarms"]
    assert [synthesized.readable(resource) for resource in watch["Resource"]] == [
        f"arn:PARTITION:cloudwatch:REGION:ACCOUNT:alarm:{name}" for name in [*names, "pager"]
    ]


def test_alarms_of_endpoints_and_variants_whose_names_read_alike_are_apart(
    pipeline_settings: PipelineSettings, synth_stack: SynthStack
) -> None:
    def pipeline(variant: str) -> PipelineSettings:
        capacity = replace(CAPACITY, queue_scaling=QueueScaling(age_seconds=60))
        further = Variant(name=variant, capacity=capacity)
        endpoint = EndpointSettings(model=MODEL, capacity=capacity, more_variants=(further,), deployment=Deployment())
        return replace(pipeline_settings, endpoint=endpoint)

    settings = StackSettings(region="eu-central-1", pipelines={"a": pipeline("b-c"), "a-b": pipeline("c")})
    alarms = synth_stack(settings).document["resource"]["aws_cloudwatch_metric_alarm"].values()
    names = [alarm["alarm_name"] for alarm in alarms]
    assert len(names) == len(set(names)) == 8


def test_the_alarms_exist_before_the_endpoint(synth_deployment: Synth) -> None:
    synthesized = synth_deployment(Deployment())
    alarm = synthesized.reference("aws_cloudwatch_metric_alarm")
    assert alarm in synthesized.one("aws_sagemaker_endpoint")["depends_on"]


def test_an_asynchronous_endpoint_is_deployed_with_guards_too(synth_deployment: Synth) -> None:
    capacity = AsyncCapacity(
        instance_type="ml.g5.xlarge",
        min_instances=2,
        request_location="s3://work/in/",
        output_location="s3://work/out/",
    )
    synthesized = synth_deployment(Deployment(strategy="canary"), capacity=capacity)
    assert "blue_green_update_policy" in _config(synthesized)


def test_an_endpoint_has_its_rollback_from_the_start_since_to_add_one_would_replace_it(
    synth_pipeline: Synth,
) -> None:
    asynchronous = AsyncCapacity(
        instance_type="ml.g5.xlarge", request_location="s3://work/in/", output_location="s3://work/out/"
    )
    for capacity in (InstanceCapacity(instance_type="ml.c5.xlarge"), asynchronous):
        config = _config(synth_pipeline(endpoint=EndpointSettings(model=MODEL, capacity=capacity)))
        assert config["auto_rollback_configuration"] == {
            "alarms": [{"alarm_name": "dev-language.primary-rollback-errors"}]
        }
        assert config["blue_green_update_policy"]["traffic_routing_configuration"]["type"] == "ALL_AT_ONCE"


def test_a_serverless_endpoint_which_sagemaker_does_not_roll_back_has_no_alarm(smallest: Synthesized) -> None:
    synthesized = smallest
    assert synthesized.all("aws_cloudwatch_metric_alarm") == {}
    assert "deployment_config" not in synthesized.one("aws_sagemaker_endpoint")
    assert "watch-alarms" not in synthesized.policies("endpoint")


EXECUTION = "(SageMaker MaximumExecutionTimeoutInSeconds)"


@pytest.mark.parametrize(
    ("deployment", "settings", "text"),
    [
        (
            Deployment(strategy="linear", step_percent=5, step_wait_seconds=60),
            {},
            "deployment.step_percent = 5: must be 10 to 50 % with linear (SageMaker LinearStepSize)",
        ),
        (
            Deployment(strategy="linear", maximum_execution_seconds=1500),
            {},
            f"deployment.maximum_execution_seconds = 1500: must be more than all waits, 1500 seconds {EXECUTION}",
        ),
        (
            Deployment(strategy="linear", step_wait_seconds=300),
            {},
            "deployment.step_wait_seconds = 300: must be so that all waits, 3300 seconds, are at most 2700 "
            "(Terraform's AWS provider waits an hour for an endpoint)",
        ),
        (
            Deployment(strategy="rolling", step_wait_seconds=600),
            {},
            "deployment.step_wait_seconds = 600: must be so that all waits, 6000 seconds, are at most 2700 "
            "(Terraform's AWS provider waits an hour for an endpoint)",
        ),
        (
            Deployment(maximum_execution_seconds=14_401),
            {},
            "deployment.maximum_execution_seconds = 14401: must be 600 to 14400 seconds (Terraform's AWS provider)",
        ),
        (
            Deployment(strategy="rolling"),
            {"more_variants": (GREEN,)},
            "deployment.strategy = 'rolling': must be another with more_variants (SageMaker: rolling deployments are "
            "for one variant)",
        ),
        (
            Deployment(rollback_alarm_names=tuple(f"a{number}" for number in range(10))),
            {},
            "deployment.rollback_alarm_names = '11 alarms, 1 of them created here': must be at most 10 in all "
            "(SageMaker AutoRollbackConfiguration)",
        ),
        (
            Deployment(strategy="blue"),
            {},
            "deployment.strategy = 'blue': must be one of all-at-once, canary, linear, rolling (SageMaker "
            "DeploymentConfig)",
        ),
    ],
)
def test_a_deployment_that_sagemaker_would_refuse_is_refused(
    synth_deployment: Synth, deployment: Deployment, settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_deployment(deployment, **settings)
    assert [str(violation).removeprefix("plain/endpoint ") for violation in raised.value.violations] == [text]


def test_a_changed_deployment_makes_no_new_configuration(synth_deployment: Synth) -> None:
    kind = "aws_sagemaker_endpoint_configuration"
    before, after = (synth_deployment(replace(Deployment(), step_wait_seconds=wait)).one(kind) for wait in (60, 120))
    assert before["name"] == after["name"]


@pytest.mark.parametrize("strategy", ["canary", "linear", "rolling"])
def test_a_variant_of_one_instance_can_not_be_deployed_in_steps(synth_deployment: Synth, strategy: str) -> None:
    night = ScheduledCapacity(name="night", schedule="cron(0 19 * * ? *)", min_instances=1, max_instances=2)
    one = InstanceCapacity(instance_type="ml.c5.xlarge", schedule=(night,))
    with pytest.raises(SettingsError) as raised:
        synth_deployment(Deployment(strategy=strategy), capacity=one)
    assert [str(violation) for violation in raised.value.violations] == [
        f"plain/endpoint {place}.min_instances = 1: must be at least 2 with deployment.strategy {strategy} (SageMaker: "
        "a step is at most half of a variant's instances)"
        for place in ("capacity", "capacity.schedule[0]")
    ]
