"""Terraform references in settings: lists, values of variables, numbers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (
    ContainerModel,
    Deployment,
    EndpointSettings,
    FunctionSettings,
    InferencePipeline,
    InstanceCapacity,
    PipelineSettings,
    QueueSettings,
    SettingsError,
    VpcSettings,
)

import pytest
from cdktf import Fn, TerraformStack, TerraformVariable, Token
from cdktf_cdktf_provider_aws.data_aws_security_groups import DataAwsSecurityGroups
from cdktf_cdktf_provider_aws.data_aws_subnets import DataAwsSubnets

from tests.constructs.synthesized import Synthesized

SCORER = ContainerModel(image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer:1")
ENDPOINT = EndpointSettings(model=SCORER, capacity=InstanceCapacity(instance_type="ml.m5.large"))
PIPELINE = PipelineSettings(endpoint=ENDPOINT)

InPlainStack = Callable[[Callable[[TerraformStack], object]], Synthesized]


def found_network(stack: TerraformStack) -> VpcSettings:
    subnets, groups = DataAwsSubnets(stack, "subnets"), DataAwsSecurityGroups(stack, "groups")
    return VpcSettings(subnet_ids=tuple(subnets.ids), security_group_ids=tuple(groups.ids))


def refused(synth_in_plain_stack: InPlainStack, build: Callable[[TerraformStack], PipelineSettings]) -> list[str]:
    def build_pipeline(stack: TerraformStack) -> None:
        InferencePipeline(stack, "x", name="x", settings=build(stack))

    with pytest.raises(SettingsError) as raised:
        synth_in_plain_stack(build_pipeline)
    return [str(violation).removeprefix("plain/x ") for violation in raised.value.violations]


def test_the_functions_network_may_be_what_terraform_finds(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        layers = tuple(TerraformVariable(stack, "layers", type="list(string)").list_value)
        settings = FunctionSettings(vpc=found_network(stack), layers=layers)
        InferencePipeline(stack, "x", name="x", settings=replace(PIPELINE, function=settings))

    function = synth_in_plain_stack(build).one("aws_lambda_function")
    assert function["vpc_config"] == {
        "subnet_ids": "${data.aws_subnets.subnets.ids}",
        "security_group_ids": "${data.aws_security_groups.groups.ids}",
    }
    assert function["layers"] == "${var.layers}"


def test_the_containers_network_is_named_item_by_item(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> PipelineSettings:
        return replace(PIPELINE, endpoint=replace(ENDPOINT, vpc=found_network(stack)))

    bound, reason = "Token.as_string(Fn.element(…, 0)) and so on", "the role's rights name each of them"
    why = f"a Terraform reference: must be {bound} ({reason})"
    assert refused(synth_in_plain_stack, build) == [
        f"endpoint.vpc.subnet_ids = {why}",
        f"endpoint.vpc.security_group_ids = {why}",
    ]


def test_items_of_a_list_that_terraform_finds_are_taken(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        found = found_network(stack)
        network = VpcSettings(
            subnet_ids=tuple(Token.as_string(Fn.element(list(found.subnet_ids), i)) for i in range(2)),
            security_group_ids=(Token.as_string(Fn.element(list(found.security_group_ids), 0)),),
        )
        InferencePipeline(stack, "x", name="x", settings=replace(PIPELINE, endpoint=replace(ENDPOINT, vpc=network)))

    stack = synth_in_plain_stack(build)
    assert stack.one("aws_sagemaker_model")["vpc_config"]["subnets"] == [
        "${element(data.aws_subnets.subnets.ids, 0)}",
        "${element(data.aws_subnets.subnets.ids, 1)}",
    ]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "endpoint.deployment.rollback_alarm_names",
            lambda found: replace(
                PIPELINE, endpoint=replace(ENDPOINT, deployment=Deployment(rollback_alarm_names=found))
            ),
        ),
        ("bucket_key_arns", lambda found: replace(PIPELINE, bucket_key_arns=found)),
    ],
)
def test_a_list_that_is_gone_through_must_be_known(
    synth_in_plain_stack: InPlainStack, name: str, change: Callable[[Any], PipelineSettings]
) -> None:
    def build(stack: TerraformStack) -> PipelineSettings:
        return change(tuple(TerraformVariable(stack, "list", type="list(string)").list_value))

    assert refused(synth_in_plain_stack, build) == [
        f"{name} = a Terraform reference: must be a tuple of Token.as_string(Fn.element(…, 0)) and so on (each item is "
        "looked at by itself)"
    ]


def test_the_value_of_a_variable_is_not_text(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> PipelineSettings:
        value: Any = TerraformVariable(stack, "key", type="string").value
        return replace(PIPELINE, queue=QueueSettings(kms_key_arn=value))

    assert refused(synth_in_plain_stack, build) == [
        "queue.kms_key_arn = a Terraform reference: must be text: use string_value of a variable, or "
        "Token.as_string(…) (only text can be left to Terraform)"
    ]


def test_the_text_of_a_variable_is_taken(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        key = TerraformVariable(stack, "key", type="string").string_value
        settings = replace(PIPELINE, queue=QueueSettings(kms_key_arn=key))
        InferencePipeline(stack, "x", name="x", settings=settings)

    assert synth_in_plain_stack(build).one("aws_sqs_queue", "work_queue")["kms_master_key_id"] == "${var.key}"


def test_a_number_is_shown_as_a_reference(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> PipelineSettings:
        number: Any = TerraformVariable(stack, "memory", type="number").number_value
        return replace(PIPELINE, function=FunctionSettings(memory_mib=number))

    assert refused(synth_in_plain_stack, build) == [
        "function.memory_mib = a Terraform reference: must be known when synthesizing (checks and derived settings "
        "need it)"
    ]


def test_a_plain_list_is_as_good_as_a_tuple() -> None:
    layer = "arn:aws:lambda:eu-central-1:123456789012:layer:words:1"
    listed = FunctionSettings(layers=[layer])  # type: ignore[arg-type]
    assert listed == FunctionSettings(layers=(layer,))
    assert hash(listed) == hash(FunctionSettings(layers=(layer,)))


def test_the_list_that_terraform_knows_needs_no_tuple(synth_in_plain_stack: InPlainStack) -> None:
    def build(stack: TerraformStack) -> None:
        subnets, groups = DataAwsSubnets(stack, "subnets"), DataAwsSecurityGroups(stack, "groups")
        network = VpcSettings(subnet_ids=subnets.ids, security_group_ids=groups.ids)  # type: ignore[arg-type]
        settings = replace(PIPELINE, function=FunctionSettings(vpc=network))
        InferencePipeline(stack, "language", name="language", settings=settings)

    vpc = synth_in_plain_stack(build).one("aws_lambda_function")["vpc_config"]
    assert vpc == {
        "subnet_ids": "${data.aws_subnets.subnets.ids}",
        "security_group_ids": "${data.aws_security_groups.groups.ids}",
    }
