"""Names that follow content: of models, configurations, and the policies that these need."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (
    AsyncCapacity,
    ContainerModel,
    EndpointSettings,
    ExistingRole,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    ModelEndpoint,
    PipelineSettings,
    SettingsError,
    StackSettings,
    VpcSettings,
)

import pytest
from cdktf import Fn, TerraformStack, TerraformVariable, Token
from cdktf_cdktf_provider_aws.data_aws_ssm_parameter import DataAwsSsmParameter
from cdktf_cdktf_provider_aws.data_aws_subnets import DataAwsSubnets

from tests.constructs.everything import EVERYTHING
from tests.constructs.synthesized import Synthesized, policy_name

Plain = Callable[[Callable[[TerraformStack], object]], Synthesized]

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scorer"
MODEL = ContainerModel(image_uri=f"{IMAGE}:1", model_data_url="s3://models/a.tar.gz")
INSTANCES = InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=1, max_instances=1)
ROLE = ExistingRole(arn="arn:aws:iam::123456789012:role/ml/scorer")


def _by_variable(stack: TerraformStack) -> ContainerModel:
    return replace(MODEL, image_uri=f"{IMAGE}:{TerraformVariable(stack, 'tag', type='string').string_value}")


def _by_parameter(stack: TerraformStack) -> ContainerModel:
    return ContainerModel(image_uri=DataAwsSsmParameter(stack, "image", name="/image").value)


def _by_environment(stack: TerraformStack) -> ContainerModel:
    value = TerraformVariable(stack, "level", type="string").string_value
    return replace(MODEL, environment={"LEVEL": f'say "{value}"', "PLAIN": "1"})


def _typed(stack: TerraformStack) -> ContainerModel:
    TerraformVariable(stack, "tag", type="string")
    return replace(MODEL, image_uri=f"{IMAGE}:${{var.tag}}")


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (_by_variable, [f"{IMAGE}:${{var.tag}}"]),
        (_by_parameter, ["${data.aws_ssm_parameter.image.value}"]),
        (_by_environment, ['say "${var.level}"']),
        (_typed, [f"{IMAGE}:${{var.tag}}"]),
    ],
)
def test_terraform_makes_the_name_from_the_values_of_references(
    synth_in_plain_stack: Plain, model: Callable[[TerraformStack], ContainerModel], values: list[str]
) -> None:
    def build(stack: TerraformStack) -> None:
        ModelEndpoint(
            stack, "endpoint", name="scorer", settings=EndpointSettings(model=model(stack), capacity=INSTANCES)
        )

    synthesized = synth_in_plain_stack(build)
    made = {kind: synthesized.one(kind)["name"] for kind in ("aws_sagemaker_model", CONFIGURATION)}
    contents = {kind: _content(synthesized, name) for kind, name in made.items()}
    assert contents["aws_sagemaker_model"][1:] == values
    assert contents[CONFIGURATION][1:] == [made["aws_sagemaker_model"]]
    assert all(re.fullmatch("[0-9a-f]{8}", content[0]) for content in contents.values())


CONFIGURATION = "aws_sagemaker_endpoint_configuration"


def _content(synthesized: Synthesized, name: str) -> list[str]:
    """Return what Terraform makes a name's hash from."""
    pattern = r"scorer-\$\{substr\(nonsensitive\(sha256\(jsonencode\(local\.([\w-]+)\)\)\), 0, 8\)\}"
    found = re.fullmatch(pattern, name)
    assert found, name
    content: list[str] = synthesized.document["locals"][found[1]]
    return content


@pytest.mark.parametrize(
    "endpoint",
    [
        EndpointSettings(model=MODEL, capacity=INSTANCES),
        EndpointSettings(model=HuggingFaceModel(model_id="a/b", task="fill-mask"), capacity=INSTANCES),
        EndpointSettings(
            model=MODEL,
            capacity=AsyncCapacity(
                instance_type="ml.m5.xlarge", request_location="s3://bucket/in/", output_location="s3://bucket/out/"
            ),
        ),
    ],
)
def test_names_are_plain_where_only_account_and_region_are_left_to_terraform(
    synth_pipeline: Callable[..., Synthesized], endpoint: EndpointSettings
) -> None:
    synthesized = synth_pipeline(endpoint=endpoint, inference=InferenceSettings(codec="single"))
    assert "locals" not in synthesized.document
    for kind in ("aws_sagemaker_model", CONFIGURATION):
        assert re.fullmatch("dev-language-[0-9a-f]{8}", synthesized.one(kind)["name"])


def test_a_right_that_comes_back_has_digits_of_its_own(synth_pipeline: Callable[..., Synthesized]) -> None:
    # After an update that failed, the old policy is still to be deleted: a new one of its name would go with it.
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=MODEL, capacity=INSTANCES))
    policy = synthesized.one("aws_iam_role_policy", "endpoint_role_pull-image")
    assert "name" not in policy
    assert re.fullmatch("pull-image-[0-9a-f]{8}-", policy["name_prefix"])


def _policy_name(synth_pipeline: Callable[..., Synthesized], policy: str, **changes: Any) -> str:
    endpoint = EndpointSettings(**{"model": MODEL, "capacity": INSTANCES, **changes})
    synthesized = synth_pipeline(endpoint=endpoint)
    found = synthesized.one("aws_iam_role_policy", f"endpoint_role_{policy}")
    name = policy_name(found)
    assert (
        synthesized.reference("aws_iam_role_policy", f"endpoint_role_{policy}")
        in synthesized.one("aws_sagemaker_model")["depends_on"]
    )
    return name


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("read-model", {"model": replace(MODEL, model_data_url="s3://models/b.tar.gz")}),
        ("pull-image", {"model": replace(MODEL, image_uri=f"{IMAGE}-b:1")}),
        ("use-keys", {"bucket_key_arns": ("arn:aws:kms:eu-central-1:123456789012:key/b",)}),
    ],
)
def test_a_right_of_the_old_model_stays_beside_that_of_the_new_one(
    synth_pipeline: Callable[..., Synthesized], policy: str, changes: dict[str, Any]
) -> None:
    before = {"bucket_key_arns": ("arn:aws:kms:eu-central-1:123456789012:key/a",)}
    old, new = (_policy_name(synth_pipeline, policy, **{**before, **change}) for change in ({}, changes))
    assert old != new
    assert all(re.fullmatch(f"{policy}-[0-9a-f]{{8}}", name) for name in (old, new))


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("read-model", {"model": replace(MODEL, image_uri=f"{IMAGE}:2")}),
        ("write-logs-and-metrics", {"model": replace(MODEL, model_data_url="s3://models/b.tar.gz")}),
        ("watch-alarms", {"capacity": replace(INSTANCES, instance_type="ml.c5.xlarge")}),
    ],
)
def test_a_right_that_stays_the_same_keeps_its_name(
    synth_pipeline: Callable[..., Synthesized], policy: str, changes: dict[str, Any]
) -> None:
    old, new = (_policy_name(synth_pipeline, policy, **change) for change in ({}, changes))
    assert old == new


def test_a_subnet_that_only_terraform_knows_is_part_of_the_name(synth_in_plain_stack: Plain) -> None:
    def build(stack: TerraformStack) -> None:
        subnet = Token.as_string(Fn.element(DataAwsSubnets(stack, "subnets").ids, 0))
        network = VpcSettings(subnet_ids=(subnet,), security_group_ids=("sg-0c3",))
        settings = EndpointSettings(model=MODEL, capacity=INSTANCES, vpc=network)
        ModelEndpoint(stack, "endpoint", name="scorer", settings=settings)

    synthesized = synth_in_plain_stack(build)
    content = _content(synthesized, synthesized.one("aws_sagemaker_model")["name"])
    assert content[1:] == ["${element(data.aws_subnets.subnets.ids, 0)}"]


def test_a_right_that_only_terraform_knows_is_named_by_it(synth_in_plain_stack: Plain) -> None:
    def build(stack: TerraformStack) -> None:
        key = TerraformVariable(stack, "key", type="string").string_value
        model = replace(MODEL, model_data_url=f"s3://models/{key}")
        ModelEndpoint(stack, "endpoint", name="scorer", settings=EndpointSettings(model=model, capacity=INSTANCES))

    synthesized = synth_in_plain_stack(build)
    name = policy_name(synthesized.one("aws_iam_role_policy", "read-model"))
    (content,) = (value for id_, value in synthesized.document["locals"].items() if "read-model" in id_)
    assert name.startswith("read-model-${substr(nonsensitive(sha256(jsonencode(local.")
    assert content[1:] == [f"{synthesized.readable('arn:')}{_partition(synthesized)}:s3:::models/${{var.key}}"]


def _partition(synthesized: Synthesized) -> str:
    (id_,) = synthesized.document["data"]["aws_partition"]
    return f"${{data.aws_partition.{id_}.partition}}"


def _shared(count: int, role: ExistingRole) -> StackSettings:
    """Return pipelines whose functions and endpoints all have one role."""
    pipeline = PipelineSettings(
        endpoint=replace(EVERYTHING.endpoint, role=role),  # type: ignore[arg-type]
        function=replace(EVERYTHING.function, role=role),
        inference=EVERYTHING.inference,
        queue=EVERYTHING.queue,
        bucket_key_arns=EVERYTHING.bucket_key_arns,
    )
    return StackSettings(region="eu-central-1", pipelines={f"p{i}": pipeline for i in range(count)})


def test_pipelines_that_share_a_role_have_no_more_policies_than_iam_takes(
    synth_stack: Callable[..., Synthesized],
) -> None:
    with pytest.raises(SettingsError) as error:
        synth_stack(_shared(3, ROLE))
    (violation,) = error.value.violations
    assert isinstance(violation.value, int)
    assert violation.value > 10_240
    assert str(violation) == (
        f"dev inline policies of {ROLE.arn} = {violation.value}: must be at most 10240 characters, those of an "
        "update's old and new model together; use fewer pipelines a role, or attach_policies=False (IAM quotas)"
    )


@pytest.mark.parametrize(("count", "role"), [(1, ROLE), (3, replace(ROLE, attach_policies=False))])
def test_a_role_that_has_room_or_its_rights_already_is_taken(
    synth_stack: Callable[..., Synthesized], count: int, role: ExistingRole
) -> None:
    assert len(synth_stack(_shared(count, role)).all("aws_sagemaker_endpoint")) == count


def test_what_is_counted_is_what_iam_counts(synth_stack: Callable[..., Synthesized]) -> None:
    def counted(count: int) -> int:
        with pytest.raises(SettingsError) as error:
            synth_stack(_shared(count, ROLE))
        (violation,) = error.value.violations
        assert isinstance(violation.value, int)
        return violation.value

    synthesized = synth_stack(_shared(1, ROLE))
    policies = synthesized.all("aws_iam_role_policy")
    total = 0
    for id_, policy in policies.items():
        text = synthesized.readable(policy["policy"]).replace("ACCOUNT", "123456789012").replace("PARTITION", "aws")
        follows = "endpoint_role" in id_ and "write-logs" not in id_
        total += (2 if follows else 1) * len(json.dumps(json.loads(text), separators=(",", ":")))
    assert counted(4) - counted(3) == total
