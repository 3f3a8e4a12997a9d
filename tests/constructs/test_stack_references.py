"""Values that Terraform alone knows: refused where checks need them, passed on elsewhere."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    ContainerModel,
    Deployment,
    EndpointSettings,
    FunctionSettings,
    InferenceSettings,
    InstanceCapacity,
    MonitoringSettings,
    PipelineSettings,
    QueueSettings,
    ResultsSettings,
    S3StateSettings,
    ScheduledCapacity,
    StackSettings,
    Variant,
    VpcSettings,
)
from constructs_lib.stack import check_stack

import pytest
from cdktf import Token

from tests.constructs.conftest import MODEL, SynthStack, stack_of

TEXT: Any = "${var.x}"
NUMBER: Any = Token.as_number("${var.x}")
BOOLEAN: Any = Token.as_any("${var.x}")
INSTANCES = InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=2)


def _with_endpoint(**changes: Any) -> dict[str, Any]:
    return {"endpoint": replace(EndpointSettings(model=MODEL, capacity=INSTANCES), **changes)}


UNKNOWN: list[tuple[str, dict[str, Any]]] = [
    ("function.tracing", {"function": FunctionSettings(tracing=TEXT)}),
    ("function.log_level", {"function": FunctionSettings(log_level=TEXT)}),
    ("function.vpc", {"function": FunctionSettings(vpc=TEXT)}),
    ("function.layers", {"function": FunctionSettings(layers=TEXT)}),
    ("queue.fifo", {"queue": QueueSettings(fifo=TEXT)}),
    ("results.sink", {"results": ResultsSettings(sink=TEXT)}),
    ("results", {"results": TEXT}),
    ("inference.codec", {"inference": InferenceSettings(codec=TEXT)}),
    ("inference.parameters", {"inference": InferenceSettings(parameters=TEXT)}),
    ("endpoint", {"endpoint": TEXT}),
    ("endpoint.capacity", _with_endpoint(capacity=TEXT)),
    ("endpoint.weight", _with_endpoint(weight=TEXT)),
    ("endpoint.variant_name", _with_endpoint(variant_name=TEXT)),
    ("endpoint.deployment", _with_endpoint(deployment=TEXT)),
    ("endpoint.deployment.strategy", _with_endpoint(deployment=Deployment(strategy=TEXT))),
    ("endpoint.deployment.rollback_error_percent", _with_endpoint(deployment=Deployment(rollback_error_percent=TEXT))),
    ("endpoint.more_variants[0].name", _with_endpoint(more_variants=(Variant(name=TEXT, capacity=INSTANCES),))),
    (
        "endpoint.shadow.capacity.min_instances",
        _with_endpoint(shadow=Variant(name="s", capacity=replace(INSTANCES, min_instances=TEXT))),
    ),
    (
        "endpoint.capacity.schedule[0].name",
        _with_endpoint(
            capacity=replace(
                INSTANCES,
                schedule=(ScheduledCapacity(name=TEXT, schedule="rate(5 minutes)", min_instances=2, max_instances=4),),
            )
        ),
    ),
]


@pytest.mark.parametrize(("property_", "changes"), UNKNOWN)
def test_what_is_not_passed_on_as_text_must_be_known(
    pipeline_settings: PipelineSettings, property_: str, changes: dict[str, Any]
) -> None:
    settings = stack_of(language=replace(pipeline_settings, **changes))
    assert [str(violation) for violation in check_stack("dev", settings)] == [
        f"dev/language {property_} = '{TEXT}': must be known when synthesizing (checks and derived settings need it)"
    ]


def test_numbers_and_booleans_that_terraform_alone_knows_are_refused(pipeline_settings: PipelineSettings) -> None:
    function = FunctionSettings(tracing=BOOLEAN)
    changed = replace(
        pipeline_settings, function=function, **_with_endpoint(deployment=Deployment(step_percent=NUMBER))
    )
    violations = check_stack("dev", stack_of(language=changed))
    assert [(violation.property, violation.bound) for violation in violations] == [
        ("endpoint.deployment.step_percent", "known when synthesizing"),
        ("function.tracing", "known when synthesizing"),
    ]
    assert str(violations[1]) == (
        "dev/language function.tracing = a Terraform reference: must be known when synthesizing (checks and derived "
        "settings need it)"
    )


def test_region_and_state_must_be_known(pipeline_settings: PipelineSettings) -> None:
    state = S3StateSettings(bucket=TEXT, region=TEXT, key=TEXT)
    settings = StackSettings(region=TEXT, pipelines={"language": pipeline_settings}, state=state)
    violations = check_stack("dev", settings)
    assert [violation.property for violation in violations] == ["region", "state.bucket", "state.region", "state.key"]
    assert {violation.bound for violation in violations} == {"known when synthesizing"}


@pytest.mark.parametrize(
    ("location", "bound"),
    [
        ("${var.x}", "s3:// and what follows"),
        ("s3://${var.x}", "s3://bucket/ or s3://bucket/prefix/, with a slash last"),
        ("s3://${var.x}/", None),
        ("s3://bucket/${var.x}/", None),
    ],
)
def test_a_location_shows_where_it_begins_and_ends(
    pipeline_settings: PipelineSettings, location: str, bound: str | None
) -> None:
    results = ResultsSettings(sink="s3", location=location, overflow_location=location)
    inference = InferenceSettings(input_location=location)
    violations = check_stack("dev", stack_of(language=replace(pipeline_settings, results=results, inference=inference)))
    assert [str(violation) for violation in violations] == [
        f"dev/language {name} = '{location}': must be {bound} (the role's rights are built from it)"
        for name in ("inference.input_location", "results.location", "results.overflow_location")
        if bound
    ]


def test_text_that_is_passed_on_may_be_a_reference(synth_stack: SynthStack) -> None:
    model = ContainerModel(image_uri=TEXT, model_data_url="s3://bucket/${var.x}", environment={"MODE": TEXT})
    settings = PipelineSettings(
        endpoint=EndpointSettings(model=model, capacity=INSTANCES, volume_key_arn=TEXT),
        queue=QueueSettings(kms_key_arn=TEXT),
        function=FunctionSettings(vpc=VpcSettings(subnet_ids=(TEXT,), security_group_ids=(TEXT,)), layers=(TEXT,)),
        monitoring=MonitoringSettings(subscribers=(TEXT,)),
    )
    synthesized = synth_stack(stack_of(language=settings))
    container = synthesized.one("aws_sagemaker_model")["primary_container"]
    assert container == {"image": TEXT, "model_data_url": "s3://bucket/${var.x}", "environment": {"MODE": TEXT}}
    assert synthesized.one("aws_sqs_queue", "work_queue")["kms_master_key_id"] == TEXT
    function = synthesized.one("aws_lambda_function")
    assert function["layers"] == [TEXT]
    assert function["vpc_config"] == {"subnet_ids": [TEXT], "security_group_ids": [TEXT]}
    assert synthesized.one("aws_sns_topic_subscription")["endpoint"] == TEXT
