"""Scaling of variants: by load, by the queue, by the clock, to and from zero."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    InstanceCapacity,
    ModelEndpoint,
    QueueScaling,
    QueueSettings,
    ScheduledCapacity,
    ServerlessCapacity,
    SettingsError,
)

import pytest
from cdktf import Token

from tests.constructs.conftest import MODEL, Synth, SynthInPlainStack
from tests.constructs.synthesized import Synthesized

INSTANCES = InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=2, max_instances=6)
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)
DAY = ScheduledCapacity(
    name="day", schedule="cron(0 7 ? * MON-FRI *)", timezone="Europe/Berlin", min_instances=4, max_instances=10
)
NIGHT = ScheduledCapacity(name="night", schedule="rate(1 day)", min_instances=1, max_instances=2)


def _endpoint(capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity) -> EndpointSettings:
    return EndpointSettings(model=MODEL, capacity=capacity)


def _tracking(synthesized: Synthesized) -> Any:
    (policy,) = (
        policy
        for policy in synthesized.all("aws_appautoscaling_policy").values()
        if policy["policy_type"] == "TargetTrackingScaling"
    )
    return policy["target_tracking_scaling_policy_configuration"]


def _resources(synthesized: Synthesized) -> set[str]:
    kinds = [kind for kind in synthesized.document["resource"] if "appautoscaling" in kind]
    return {*kinds, *_alarms(synthesized)}


def _alarms(synthesized: Synthesized) -> dict[str, Any]:
    """Return the alarms that scale; another one rolls deployments back."""
    alarms = synthesized.all("aws_cloudwatch_metric_alarm")
    return {name: alarm for name, alarm in alarms.items() if "_autoscaling_" in name}


def test_instances_scale_on_invocations_where_asked_to(synth_pipeline: Synth) -> None:
    capacity = replace(INSTANCES, invocations_per_instance_per_minute=900)
    synthesized = synth_pipeline(endpoint=_endpoint(capacity))
    assert _tracking(synthesized) == {
        "target_value": 900,
        "predefined_metric_specification": {"predefined_metric_type": "SageMakerVariantInvocationsPerInstance"},
        "scale_in_cooldown": 300,
        "scale_out_cooldown": 60,
    }
    assert synthesized.one("aws_appautoscaling_policy")["name"] == "dev-language-invocations"


def test_instances_are_added_while_the_queue_falls_behind(synth_pipeline: Synth) -> None:
    scaling = QueueScaling(age_seconds=120, backlog_messages=5000, add_instances=2, cooldown_seconds=240)
    synthesized = synth_pipeline(endpoint=_endpoint(replace(INSTANCES, queue_scaling=scaling)))
    policy = synthesized.one("aws_appautoscaling_policy", "queue-behind")
    assert (policy["name"], policy["policy_type"]) == ("dev-language-queue-behind", "StepScaling")
    target = synthesized.reference("aws_appautoscaling_target")
    assert policy["resource_id"] == f"${{{target}.resource_id}}"
    assert policy["step_scaling_policy_configuration"] == {
        "adjustment_type": "ChangeInCapacity",
        "metric_aggregation_type": "Maximum",
        "cooldown": 240,
        "step_adjustment": [{"metric_interval_lower_bound": "0", "scaling_adjustment": 2}],
    }
    alarms = _alarms(synthesized).values()
    reference = synthesized.reference("aws_appautoscaling_policy", "queue-behind")
    assert {(alarm["alarm_name"], alarm["metric_name"], alarm["threshold"]) for alarm in alarms} == {
        ("dev-language.primary-scale-on-age", "ApproximateAgeOfOldestMessage", 120),
        ("dev-language.primary-scale-on-backlog", "ApproximateNumberOfMessagesVisible", 5000),
    }
    for alarm in alarms:
        assert (alarm["namespace"], alarm["dimensions"]) == ("AWS/SQS", {"QueueName": "dev-language-work"})
        assert alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold"
        assert (alarm["period"], alarm["evaluation_periods"]) == (60, 1)
        assert alarm["treat_missing_data"] == "notBreaching"
        assert alarm["alarm_actions"] == [f"${{{reference}.arn}}"]


def test_without_a_queue_there_is_nothing_to_follow(
    synth_in_plain_stack: SynthInPlainStack,
) -> None:
    scaling = QueueScaling(age_seconds=120)
    settings = _endpoint(replace(INSTANCES, queue_scaling=scaling))
    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(lambda stack: ModelEndpoint(stack, "scorer", name="scorer", settings=settings))
    assert str(raised.value) == (
        "1 setting is out of bounds:\n"
        f"  plain/scorer/autoscaling queue_scaling = {repr(scaling)[:79]}…: must be None without queue_name "
        "(there is no queue to watch)"
    )


def test_only_what_has_a_threshold_is_watched(synth_pipeline: Synth) -> None:
    scaling = QueueScaling(age_seconds=120)
    synthesized = synth_pipeline(endpoint=_endpoint(replace(INSTANCES, queue_scaling=scaling)))
    assert [alarm["alarm_name"] for alarm in _alarms(synthesized).values()] == ["dev-language.primary-scale-on-age"]


def test_a_fifo_queue_is_watched_under_its_full_name(synth_pipeline: Synth) -> None:
    capacity = replace(INSTANCES, queue_scaling=QueueScaling(backlog_messages=100))
    synthesized = synth_pipeline(endpoint=_endpoint(capacity), queue=QueueSettings(fifo=True))
    assert [alarm["dimensions"] for alarm in _alarms(synthesized).values()] == [{"QueueName": "dev-language-work.fifo"}]


def test_a_schedule_moves_the_range_and_an_apply_leaves_it_there(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(replace(INSTANCES, schedule=(DAY, NIGHT))))
    target = synthesized.one("aws_appautoscaling_target")
    assert target["lifecycle"]["ignore_changes"] == ["min_capacity", "max_capacity"]
    day = synthesized.one("aws_appautoscaling_scheduled_action", "day")
    night = synthesized.one("aws_appautoscaling_scheduled_action", "night")
    reference = synthesized.reference("aws_appautoscaling_target")
    assert day == {
        **day,
        "name": "dev-language.primary-day",
        "service_namespace": f"${{{reference}.service_namespace}}",
        "scalable_dimension": f"${{{reference}.scalable_dimension}}",
        "resource_id": f"${{{reference}.resource_id}}",
        "schedule": "cron(0 7 ? * MON-FRI *)",
        "timezone": "Europe/Berlin",
        "scalable_target_action": {"min_capacity": "4", "max_capacity": "10"},
    }
    assert night["scalable_target_action"] == {"min_capacity": "1", "max_capacity": "2"}
    assert "timezone" not in night
    assert day["depends_on"] == [reference]
    assert night["depends_on"] == [synthesized.reference("aws_appautoscaling_scheduled_action", "day")]


def test_without_a_schedule_a_changed_range_is_applied(synth_pipeline: Synth) -> None:
    target = synth_pipeline(endpoint=_endpoint(INSTANCES)).one("aws_appautoscaling_target")
    assert "ignore_changes" not in target["lifecycle"]


def test_a_schedule_alone_makes_scaling_the_owner_of_the_count(synth_pipeline: Synth) -> None:
    capacity = replace(INSTANCES, max_instances=2, schedule=(DAY,))
    synthesized = synth_pipeline(endpoint=_endpoint(capacity))
    configuration = synthesized.one("aws_sagemaker_endpoint_configuration")
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    assert synthesized.one("aws_appautoscaling_target")["max_capacity"] == 2


def test_the_queue_feeds_as_much_as_the_schedules_largest_range_takes(synth_pipeline: Synth) -> None:
    def concurrency(capacity: InstanceCapacity) -> int:
        mapping = synth_pipeline(endpoint=_endpoint(capacity)).one("aws_lambda_event_source_mapping")
        return int(mapping["scaling_config"]["maximum_concurrency"])

    assert concurrency(INSTANCES) == 6 * 4 // 2
    assert concurrency(replace(INSTANCES, schedule=(DAY, NIGHT))) == 10 * 4 // 2


def test_warm_serverless_containers_scale_by_their_utilization(synth_pipeline: Synth) -> None:
    capacity = ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=8)
    synthesized = synth_pipeline(endpoint=_endpoint(capacity))
    target = synthesized.one("aws_appautoscaling_target")
    assert target["scalable_dimension"] == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert (target["min_capacity"], target["max_capacity"]) == (2, 8)
    assert target["resource_id"] == "endpoint/dev-language/variant/primary"
    assert _tracking(synthesized) == {
        "target_value": 0.7,
        "predefined_metric_specification": {
            "predefined_metric_type": "SageMakerVariantProvisionedConcurrencyUtilization"
        },
    }
    ignored = synthesized.one("aws_sagemaker_endpoint_configuration")["lifecycle"]["ignore_changes"]
    assert ignored == ["production_variants[0].serverless_config[0].provisioned_concurrency"]


@pytest.mark.parametrize("maximum", [None, 2])
def test_a_fixed_number_of_warm_containers_is_not_scaled(synth_pipeline: Synth, maximum: int | None) -> None:
    capacity = ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=maximum)
    assert _resources(synth_pipeline(endpoint=_endpoint(capacity))) == set()


def test_an_asynchronous_endpoint_scales_on_its_backlog(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(replace(ASYNC, backlog_per_instance=8)))
    target = synthesized.one("aws_appautoscaling_target")
    assert (target["min_capacity"], target["max_capacity"]) == (0, 4)
    assert target["scalable_dimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert _tracking(synthesized) == {
        "target_value": 8,
        "customized_metric_specification": {
            "namespace": "AWS/SageMaker",
            "metric_name": "ApproximateBacklogSizePerInstance",
            "statistic": "Average",
            "dimensions": [{"name": "EndpointName", "value": "dev-language"}],
        },
        "scale_in_cooldown": 300,
        "scale_out_cooldown": 60,
    }


def test_the_first_request_brings_an_asynchronous_endpoint_back_from_zero(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(ASYNC))
    policy = synthesized.one("aws_appautoscaling_policy", "from-zero")
    step = policy["step_scaling_policy_configuration"]
    assert step["step_adjustment"] == [{"metric_interval_lower_bound": "0", "scaling_adjustment": 1}]
    assert step["cooldown"] == 300
    (alarm,) = _alarms(synthesized).values()
    assert alarm["alarm_name"] == "dev-language.primary-scale-from-zero"
    assert (alarm["namespace"], alarm["metric_name"]) == ("AWS/SageMaker", "HasBacklogWithoutCapacity")
    assert alarm["dimensions"] == {"EndpointName": "dev-language"}
    assert (alarm["threshold"], alarm["comparison_operator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["alarm_actions"] == [
        f"${{{synthesized.reference('aws_appautoscaling_policy', 'from-zero')}.arn}}",
    ]


def test_what_never_is_at_zero_needs_no_way_up_from_it(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(replace(ASYNC, min_instances=1)))
    assert _alarms(synthesized) == {}
    at_night = replace(NIGHT, min_instances=0)
    synthesized = synth_pipeline(endpoint=_endpoint(replace(ASYNC, min_instances=1, schedule=(DAY, at_night))))
    assert set(_alarms(synthesized)) == {"language_endpoint_autoscaling_scale-from-zero-alarm"}
    night = synthesized.one("aws_appautoscaling_scheduled_action", "night")
    assert night["scalable_target_action"] == {"min_capacity": "0", "max_capacity": "2"}


def test_a_fixed_number_of_asynchronous_instances_is_not_scaled(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=_endpoint(replace(ASYNC, min_instances=4)))
    assert _resources(synthesized) == set()


@pytest.mark.parametrize(
    ("capacity", "text"),
    [
        (
            ServerlessCapacity(provisioned_concurrency=11),
            "provisioned_concurrency = 11: must be at most max_concurrency, 10 (SageMaker ServerlessConfig)",
        ),
        (
            ServerlessCapacity(provisioned_concurrency=2, max_provisioned_concurrency=11),
            "max_provisioned_concurrency = 11: must be at most max_concurrency, 10 (SageMaker ServerlessConfig)",
        ),
        (
            ServerlessCapacity(provisioned_concurrency=4, max_provisioned_concurrency=3),
            "max_provisioned_concurrency = 3: must be at least provisioned_concurrency, 4 (scaling range)",
        ),
        (
            ServerlessCapacity(max_provisioned_concurrency=3),
            "provisioned_concurrency = None: must be the number of containers to start from "
            "(max_provisioned_concurrency scales it)",
        ),
        (replace(ASYNC, min_instances=5), "max_instances = 4: must be at least min_instances, 5 (scaling range)"),
        (
            replace(ASYNC, instance_type="ml.t3.medium"),
            "instance_type = 'ml.t3.medium': must be another than ml.t* "
            "(Application Auto Scaling does not support burstable instances)",
        ),
        (
            replace(INSTANCES, instance_type="ml.t3.medium", max_instances=2, schedule=(DAY,)),
            "instance_type = 'ml.t3.medium': must be another than ml.t* "
            "(Application Auto Scaling does not support burstable instances)",
        ),
        (
            replace(INSTANCES, schedule=(replace(DAY, min_instances=0),)),
            "schedule[0].min_instances = 0: must be at least 1 (only asynchronous endpoints scale to zero)",
        ),
        (
            replace(INSTANCES, schedule=(replace(DAY, max_instances=3),)),
            "schedule[0].max_instances = 3: must be at least min_instances, 4 (scaling range)",
        ),
        (
            replace(ASYNC, schedule=(DAY, replace(NIGHT, name="day"))),
            "schedule[1].name = 'day': must be another name than those before it (each is an action of its own)",
        ),
        (
            replace(INSTANCES, schedule=(replace(NIGHT, timezone="Europe/Berlin"),)),
            "schedule[0].timezone = 'Europe/Berlin': must be UTC with rate(…) (Application Auto Scaling Timezone)",
        ),
        (
            replace(INSTANCES, schedule=(replace(NIGHT, schedule="cron(0 7 * * *)"),)),
            "schedule[0].schedule = 'cron(0 7 * * *)': must be cron(MINUTES HOURS DAY MONTH WEEKDAY YEAR), "
            "rate(5 minutes) or at(yyyy-mm-ddThh:mm:ss) (Application Auto Scaling Schedule)",
        ),
        (
            replace(INSTANCES, queue_scaling=QueueScaling()),
            "queue_scaling.age_seconds = None: must be a number, or backlog_messages one "
            "(nothing else calls for instances)",
        ),
        (
            replace(INSTANCES, max_instances=2, queue_scaling=QueueScaling(age_seconds=60)),
            "max_instances = 2: must be more than min_instances, 2, with queue_scaling (it adds instances)",
        ),
        (
            replace(INSTANCES, queue_scaling=QueueScaling(age_seconds=345_600)),
            "queue_scaling.age_seconds = 345600: must be less than queue.message_retention_seconds, 345600 seconds "
            "(no message grows so old)",
        ),
        (
            replace(INSTANCES, scale_in_cooldown_seconds=3601),
            "scale_in_cooldown_seconds = 3601: must be 0 to 3600 seconds (Application Auto Scaling ScaleInCooldown)",
        ),
        (
            replace(ASYNC, scale_out_cooldown_seconds=-1),
            "scale_out_cooldown_seconds = -1: must be 0 to 3600 seconds (Application Auto Scaling ScaleOutCooldown)",
        ),
        (
            replace(INSTANCES, queue_scaling=QueueScaling(age_seconds=60, cooldown_seconds=3601)),
            "queue_scaling.cooldown_seconds = 3601: must be 0 to 3600 seconds (Application Auto Scaling Cooldown)",
        ),
    ],
)
def test_what_can_not_scale_is_named(
    synth_pipeline: Synth, capacity: ServerlessCapacity | InstanceCapacity | AsyncCapacity, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(endpoint=_endpoint(capacity))
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language endpoint.capacity.{text}"


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 7 ? * MON-FRI *)",
        "cron(0/15 8-17 1,15 * ? 2026)",
        "rate(5 minutes)",
        "rate(1 day)",
        "at(2026-12-31T23:59:00)",
    ],
)
def test_each_form_of_a_schedule_is_taken(synth_pipeline: Synth, expression: str) -> None:
    entry = replace(NIGHT, schedule=expression)
    synthesized = synth_pipeline(endpoint=_endpoint(replace(INSTANCES, schedule=(entry,))))
    assert synthesized.one("aws_appautoscaling_scheduled_action")["schedule"] == expression


def test_a_range_of_the_schedule_must_be_known_when_synthesizing(synth_pipeline: Synth) -> None:
    reference: Any = Token.as_number("${var.most}")
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(endpoint=_endpoint(replace(ASYNC, schedule=(replace(DAY, max_instances=reference),))))
    (violation,) = raised.value.violations
    assert (violation.property, violation.bound) == (
        "endpoint.capacity.schedule[0].max_instances",
        "known when synthesizing",
    )
