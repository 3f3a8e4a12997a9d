import json
from dataclasses import replace

from constructs_lib import (
    ContainerModel,
    EndpointSettings,
    HuggingFaceModel,
    InstanceCapacity,
    ModelEndpoint,
    ServerlessCapacity,
)

import pytest
from cdktf import TerraformStack
from cdktf_cdktf_provider_aws.ecr_repository import EcrRepository

from tests.constructs.conftest import Synth, SynthInPlainStack
from tests.constructs.synthesized import Synthesized

HUB = HuggingFaceModel(model_id="owner/model", task="text-classification")
CONTAINER = ContainerModel(
    image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2",
    model_data_url="s3://models/scorer/model.tar.gz",
    environment={"WORKERS": "2"},
)
INSTANCES = InstanceCapacity(instance_type="ml.c5.xlarge", min_instances=2, max_instances=6)


def test_a_hub_model_runs_on_awss_own_image(smallest: Synthesized) -> None:
    image = next(iter(smallest.document["data"]["aws_sagemaker_prebuilt_ecr_image"].items()))
    assert image[1]["repository_name"] == "huggingface-pytorch-inference"
    assert image[1]["image_tag"] == "2.6.0-transformers4.49.0-cpu-py312-ubuntu22.04"
    container = smallest.one("aws_sagemaker_model")["primary_container"]
    assert container == {
        "image": f"${{data.aws_sagemaker_prebuilt_ecr_image.{image[0]}.registry_path}}",
        "environment": {"HF_MODEL_ID": "owner/model", "HF_TASK": "text-classification"},
    }


def test_a_revision_and_own_variables_reach_the_container(synth_pipeline: Synth) -> None:
    model = replace(HUB, revision="abc123", environment={"HF_TASK": "feature-extraction", "X": "1"})
    container = synth_pipeline(endpoint=EndpointSettings(model=model)).one("aws_sagemaker_model")["primary_container"]
    assert container["environment"] == {
        "HF_MODEL_ID": "owner/model",
        "HF_MODEL_REVISION": "abc123",
        "HF_TASK": "feature-extraction",
        "X": "1",
    }


def test_a_serverless_endpoint_costs_nothing_when_idle(synth_pipeline: Synth) -> None:
    capacity = ServerlessCapacity(memory_mib=2048, max_concurrency=20)
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=capacity))
    (variant,) = synthesized.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    model = synthesized.reference("aws_sagemaker_model")
    assert variant == {
        "variant_name": "primary",
        "model_name": f"${{{model}.name}}",
        "initial_variant_weight": 1,
        "serverless_config": {"memory_size_in_mb": 2048, "max_concurrency": 20},
    }
    assert synthesized.all("aws_appautoscaling_target") == {}


def test_instances_scale_on_concurrent_requests(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=INSTANCES))
    configuration = synthesized.one("aws_sagemaker_endpoint_configuration")
    (variant,) = configuration["production_variants"]
    assert variant["instance_type"] == "ml.c5.xlarge"
    assert variant["initial_instance_count"] == 2
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    target = synthesized.one("aws_appautoscaling_target")
    assert target["resource_id"] == "endpoint/dev-language/variant/primary"
    assert (target["min_capacity"], target["max_capacity"]) == (2, 6)
    assert target["depends_on"] == [synthesized.reference("aws_sagemaker_endpoint")]
    tracking = synthesized.one("aws_appautoscaling_policy")["target_tracking_scaling_policy_configuration"]
    assert tracking == {
        "target_value": 2.8,
        "predefined_metric_specification": {
            "predefined_metric_type": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        },
        "scale_in_cooldown": 300,
        "scale_out_cooldown": 60,
    }


def test_a_fixed_number_of_instances_is_not_scaled(synth_pipeline: Synth) -> None:
    fixed = replace(INSTANCES, max_instances=2)
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=fixed))
    assert synthesized.all("aws_appautoscaling_target") == {}
    assert synthesized.all("aws_appautoscaling_policy") == {}


def test_the_role_may_pull_this_image_and_read_this_model(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=CONTAINER))
    policies = synthesized.policies("endpoint")
    assert policies["read-model"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [policies["read-model"][0]["Resource"][0]],
        }
    ]
    model_data = synthesized.readable(policies["read-model"][0]["Resource"][0])
    assert model_data == "arn:PARTITION:s3:::models/scorer/model.tar.gz"
    pull, token = policies["pull-image"]
    repository = "arn:PARTITION:ecr:eu-central-1:123456789012:repository/team/scorer"
    assert [synthesized.readable(resource) for resource in pull["Resource"]] == [repository]
    assert token == {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"]}
    model = synthesized.one("aws_sagemaker_model")
    assert model["primary_container"]["model_data_url"] == "s3://models/scorer/model.tar.gz"
    assert len(model["depends_on"]) == len(policies)


def test_only_what_has_no_resource_level_permission_has_a_wildcard(smallest: Synthesized) -> None:
    wild = {
        action
        for role in ("function", "endpoint")
        for statements in smallest.policies(role).values()
        for statement in statements
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert wild == {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_a_changed_model_makes_a_new_one_before_the_old_goes(synth_pipeline: Synth) -> None:
    before = synth_pipeline(endpoint=EndpointSettings(model=HUB))
    again = synth_pipeline(endpoint=EndpointSettings(model=HUB))
    after = synth_pipeline(endpoint=EndpointSettings(model=replace(HUB, revision="v2")))
    for kind in ("aws_sagemaker_model", "aws_sagemaker_endpoint_configuration"):
        assert before.one(kind)["lifecycle"]["create_before_destroy"] is True
        assert before.one(kind)["name"] == again.one(kind)["name"]
        assert before.one(kind)["name"] != after.one(kind)["name"]
        assert before.one(kind)["name"].startswith("dev-language-")
    assert before.one("aws_sagemaker_endpoint")["name"] == after.one("aws_sagemaker_endpoint")["name"]


def test_a_changed_instance_count_makes_no_new_configuration(synth_pipeline: Synth) -> None:
    before = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=INSTANCES))
    after = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=replace(INSTANCES, min_instances=3)))
    kind = "aws_sagemaker_endpoint_configuration"
    assert before.one(kind)["name"] == after.one(kind)["name"]


def test_another_image_tag_makes_a_new_model_and_configuration(synth_pipeline: Synth) -> None:
    before = synth_pipeline(endpoint=EndpointSettings(model=HUB))
    after = synth_pipeline(endpoint=EndpointSettings(model=replace(HUB, image_tag="2.7.1-cpu")))
    for kind in ("aws_sagemaker_model", "aws_sagemaker_endpoint_configuration"):
        assert before.one(kind)["name"] != after.one(kind)["name"]


@pytest.mark.parametrize(
    "capacity",
    [
        ServerlessCapacity(memory_mib=2048),
        ServerlessCapacity(max_concurrency=11),
        replace(INSTANCES, instance_type="ml.c5.large"),
    ],
)
def test_another_size_makes_a_new_configuration(
    synth_pipeline: Synth, capacity: ServerlessCapacity | InstanceCapacity
) -> None:
    base = INSTANCES if isinstance(capacity, InstanceCapacity) else ServerlessCapacity()
    kind = "aws_sagemaker_endpoint_configuration"
    before = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=base)).one(kind)
    after = synth_pipeline(endpoint=EndpointSettings(model=HUB, capacity=capacity)).one(kind)
    assert before["name"] != after["name"]


def test_another_variant_name_makes_a_new_configuration(synth_pipeline: Synth) -> None:
    kind = "aws_sagemaker_endpoint_configuration"
    before = synth_pipeline(endpoint=EndpointSettings(model=HUB)).one(kind)
    after = synth_pipeline(endpoint=EndpointSettings(model=HUB, variant_name="blue")).one(kind)
    assert before["name"] != after["name"]


def test_another_number_of_fixed_instances_is_deployed(synth_pipeline: Synth) -> None:
    kind = "aws_sagemaker_endpoint_configuration"
    two, three = (
        synth_pipeline(
            endpoint=EndpointSettings(model=HUB, capacity=replace(INSTANCES, min_instances=count, max_instances=count))
        ).one(kind)
        for count in (2, 3)
    )
    assert two["name"] != three["name"]
    assert "ignore_changes" not in two["lifecycle"]


def test_the_endpoints_role_has_these_rights_and_no_others(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=CONTAINER))
    logs = "arn:PARTITION:logs:eu-central-1:ACCOUNT:log-group:/aws/sagemaker/Endpoints/dev-language"
    repository = "arn:PARTITION:ecr:eu-central-1:123456789012:repository/team/scorer"
    rights = {
        (action, synthesized.readable(resource), str(statement.get("Condition", "")))
        for statements in synthesized.policies("endpoint").values()
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    condition = str({"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Endpoints"}})
    assert rights == {
        ("ecr:BatchCheckLayerAvailability", repository, ""),
        ("ecr:BatchGetImage", repository, ""),
        ("ecr:GetDownloadUrlForLayer", repository, ""),
        ("ecr:GetAuthorizationToken", "*", ""),
        *(
            (f"logs:{action}", resource, "")
            for action in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")
            for resource in (logs, f"{logs}:log-stream:*")
        ),
        ("cloudwatch:PutMetricData", "*", condition),
        ("s3:GetObject", "arn:PARTITION:s3:::models/scorer/model.tar.gz", ""),
    }


@pytest.mark.parametrize(
    ("role", "service", "condition"),
    [
        ("function", "lambda", {}),
        ("endpoint", "sagemaker", {"Condition": {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}}}),
    ],
)
def test_a_role_can_be_assumed_by_its_service_alone(
    smallest: Synthesized, role: str, service: str, condition: dict[str, object]
) -> None:
    document = json.loads(smallest.readable(smallest.one("aws_iam_role", f"{role}_role")["assume_role_policy"]))
    principal = {"Service": f"{service}.amazonaws.com"}
    assert document["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **condition}
    ]


def test_names_do_not_change_with_what_else_is_in_the_stack(
    synth_in_plain_stack: SynthInPlainStack,
) -> None:
    """References are numbered in the order of creation; the hash in a name must not see the numbers."""

    def build(stack: TerraformStack, others: int) -> None:
        for number in range(others):
            EcrRepository(stack, f"other-{number}", name=f"other-{number}").repository_url  # noqa: B018
        repository = EcrRepository(stack, "images", name="images")
        model = ContainerModel(image_uri=f"{repository.repository_url}:1")
        ModelEndpoint(stack, "scorer", name="scorer", settings=EndpointSettings(model=model))

    alone = synth_in_plain_stack(lambda stack: build(stack, 0)).one("aws_sagemaker_model")
    among_others = synth_in_plain_stack(lambda stack: build(stack, 3)).one("aws_sagemaker_model")
    assert alone["name"] == among_others["name"]
    assert alone["primary_container"]["image"] == among_others["primary_container"]["image"]
