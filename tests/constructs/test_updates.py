"""Updates of an endpoint that serves and a function that works: their order, and steps that never happen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    Deployment,
    EndpointSettings,
    FunctionSettings,
    IdempotencySettings,
    InferenceSettings,
    InstanceCapacity,
    QueueScaling,
    ScheduledCapacity,
    ServerlessCapacity,
    Variant,
)
from constructs_lib.settings import Capacity

import pytest

from tests.constructs.synthesized import Synthesized

Synth = Callable[..., Synthesized]

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer"
MODEL = ContainerModel(image_uri=f"{IMAGE}:1")
DAY = ScheduledCapacity(name="day", schedule="cron(0 7 ? * MON-FRI *)", min_instances=2, max_instances=6)
NIGHT = ScheduledCapacity(name="night", schedule="cron(0 19 ? * MON-FRI *)", min_instances=1, max_instances=2)
INSTANCES = InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=2, max_instances=6)
FULL = replace(INSTANCES, queue_scaling=QueueScaling(age_seconds=300), schedule=(DAY, NIGHT))
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://bucket/requests/", output_location="s3://bucket/answers/"
)
GREEN = Variant(name="green", capacity=replace(INSTANCES, instance_type="ml.c5.xlarge"))
BLUE = Variant(name="blue", capacity=replace(INSTANCES, instance_type="ml.c5.2xlarge"))

SCALING = ("aws_appautoscaling_target", "aws_appautoscaling_policy", "aws_appautoscaling_scheduled_action")


def _endpoint(capacity: Capacity = INSTANCES, **changes: Any) -> EndpointSettings:
    return EndpointSettings(**{"model": MODEL, "capacity": capacity, **changes})


def _synth(synth_pipeline: Synth, endpoint: EndpointSettings) -> Synthesized:
    codec = "single" if isinstance(endpoint.capacity, AsyncCapacity) else "instances"
    return synth_pipeline(endpoint=endpoint, inference=InferenceSettings(codec=codec))


def _scaling(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    """Return what scales, by address."""
    return {
        f"{kind}.{id_}": block
        for kind in SCALING
        for id_, block in synthesized.document["resource"].get(kind, {}).items()
    }


@pytest.mark.parametrize(("capacity", "count"), [(INSTANCES, 2), (FULL, 5), (ASYNC, 3)])
def test_with_another_instance_type_all_that_scales_a_variant_is_replaced(
    synth_pipeline: Synth, capacity: Capacity, count: int
) -> None:
    synthesized = _synth(synth_pipeline, _endpoint(capacity))
    hardware = synthesized.reference("terraform_data")
    assert synthesized.one("terraform_data")["input"] == {"instance_type": capacity.instance_type}  # type: ignore[union-attr]
    scaling = _scaling(synthesized)
    assert len(scaling) == count
    assert all(block["lifecycle"]["replace_triggered_by"] == [hardware] for block in scaling.values())


@pytest.mark.parametrize(
    "changed",
    [
        _endpoint(FULL, model=replace(MODEL, image_uri=f"{IMAGE}:2")),
        _endpoint(replace(FULL, volume_gib=64)),
        _endpoint(FULL, weight=3),
    ],
)
def test_what_is_not_the_instance_type_leaves_scaling_alone(synth_pipeline: Synth, changed: EndpointSettings) -> None:
    before, after = (_synth(synth_pipeline, endpoint) for endpoint in (_endpoint(FULL), changed))
    assert before.one("aws_sagemaker_endpoint_configuration") != after.one("aws_sagemaker_endpoint_configuration")
    assert before.all("terraform_data") == after.all("terraform_data")
    assert _scaling(before) == _scaling(after)


@pytest.mark.parametrize("kept", [(BLUE,), (GREEN,), ()])
def test_a_variant_that_goes_touches_no_other(synth_pipeline: Synth, kept: tuple[Variant, ...]) -> None:
    both, fewer = (
        _synth(synth_pipeline, _endpoint(FULL, more_variants=variants)) for variants in ((GREEN, BLUE), kept)
    )
    assert len(fewer.all("terraform_data")) == 1 + len(kept)
    for part in (lambda it: it.document["resource"]["terraform_data"], _scaling):
        assert part(fewer).items() <= part(both).items()


@pytest.mark.parametrize(
    "capacity",
    [
        ServerlessCapacity(provisioned_concurrency=1, max_provisioned_concurrency=4),
        replace(INSTANCES, max_instances=2),
        replace(ASYNC, min_instances=4),
    ],
)
def test_without_instances_that_scale_no_instance_type_is_kept(synth_pipeline: Synth, capacity: Capacity) -> None:
    synthesized = _synth(synth_pipeline, _endpoint(capacity))
    assert synthesized.all("terraform_data") == {}
    assert not any("replace_triggered_by" in block.get("lifecycle", {}) for block in _scaling(synthesized).values())


@pytest.mark.parametrize(("capacity", "count"), [(INSTANCES, 2), (FULL, 5), (replace(ASYNC, schedule=(DAY,)), 4)])
def test_what_scales_one_target_is_a_chain(synth_pipeline: Synth, capacity: Capacity, count: int) -> None:
    synthesized = _synth(synth_pipeline, _endpoint(capacity))
    scaling = _scaling(synthesized)
    after = {block["depends_on"][0]: address for address, block in scaling.items()}
    chain = [synthesized.reference("aws_sagemaker_endpoint")]
    while chain[-1] in after:
        chain.append(after[chain[-1]])
    assert all(len(block["depends_on"]) == 1 for block in scaling.values())
    assert len(chain) == 1 + count == 1 + len(scaling)
    assert chain[1] == synthesized.reference("aws_appautoscaling_target")


ROLLED_BACK = (
    "SageMaker rolled the update of dev-language back: it runs on ${self.endpoint_config_name}, not on ${CONFIG.name}. "
    "Nothing that it runs on was deleted. Look ALARMSat its FailureReason and logs, mend the cause, and apply again. "
    "To go back to the settings of before, change an environment variable of the model with them, since their names "
    'are still in use: docs/operations.md, "What an automatic rollback leaves".'
)


@pytest.mark.parametrize(
    ("endpoint", "alarms"),
    [
        (_endpoint(), "at the alarms dev-language.primary-rollback-errors and "),
        (
            _endpoint(more_variants=(GREEN,), deployment=Deployment(rollback_alarm_names=("own",))),
            "at the alarms dev-language.primary-rollback-errors, dev-language.green-rollback-errors, own and ",
        ),
        (_endpoint(ASYNC), "at the alarms dev-language.primary-rollback-errors and "),
        (_endpoint(ServerlessCapacity()), ""),
    ],
)
def test_an_update_that_was_rolled_back_fails_before_anything_is_deleted(
    synth_pipeline: Synth, endpoint: EndpointSettings, alarms: str
) -> None:
    synthesized = _synth(synth_pipeline, endpoint)
    configuration = synthesized.reference("aws_sagemaker_endpoint_configuration")
    (postcondition,) = synthesized.one("aws_sagemaker_endpoint")["lifecycle"]["postcondition"]
    assert postcondition == {
        "condition": f"${{(self.endpoint_config_name == {configuration}.name)}}",
        "error_message": ROLLED_BACK.replace("CONFIG", configuration).replace("ALARMS", alarms),
    }


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({"idempotency": IdempotencySettings()}, "remember-results"),
        ({"inference": InferenceSettings(input_location="s3://bucket/inputs/")}, "read-inputs"),
        ({"function": FunctionSettings(tracing=True)}, "write-traces"),
    ],
)
def test_a_right_goes_once_the_function_no_longer_uses_it(
    synth_pipeline: Synth, settings: dict[str, Any], policy: str
) -> None:
    synthesized = synth_pipeline(**settings)
    function = synthesized.one("aws_lambda_function")
    assert synthesized.reference("aws_iam_role_policy", policy) in function["depends_on"]
    assert synthesized.one("aws_iam_role_policy", policy)["lifecycle"] == {"create_before_destroy": True}


def test_the_table_of_results_goes_once_the_function_no_longer_uses_it(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(idempotency=IdempotencySettings())
    assert synthesized.one("aws_dynamodb_table")["lifecycle"] == {"create_before_destroy": True}
    variables = synthesized.one("aws_lambda_function")["environment"]["variables"]
    assert f"${{{synthesized.reference('aws_dynamodb_table')}.name}}" in variables.values()


def test_the_function_of_notifications_has_its_rights_first_too(synth_pipeline: Synth) -> None:
    synthesized = _synth(synth_pipeline, _endpoint(ASYNC))
    function = synthesized.one("aws_lambda_function", "notify")
    assert synthesized.reference("aws_iam_role_policy", "read-answers") in function["depends_on"]
