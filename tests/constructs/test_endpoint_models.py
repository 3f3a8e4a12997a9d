"""Sources of a model: the container that each becomes, and the role's rights to it."""

import json
from dataclasses import replace
from typing import Any

from constructs_lib import (
    ContainerModel,
    DataCapture,
    EndpointSettings,
    ExistingRole,
    HuggingFaceModel,
    InferenceSettings,
    InstanceCapacity,
    ModelPackage,
    PipelineSettings,
    SettingsError,
    Variant,
)

import pytest

from tests.constructs.conftest import Synth, SynthStack, stack_of
from tests.constructs.synthesized import Synthesized

INSTANCES = InstanceCapacity(instance_type="ml.c5.xlarge")
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/scorer:1.2"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub/token-a1B2c3"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
GATED = HuggingFaceModel(
    model_id="owner/gated",
    task="text-classification",
    revision="v1",
    token_secret_arn=SECRET,
    bundle_location="s3://bundles/hub/",
)
PACKAGE = ModelPackage(arn="arn:aws:sagemaker:eu-central-1:123456789012:model-package/scorer/3")


def _rights(synthesized: Synthesized, policy: str) -> set[tuple[str, str, str]]:
    """Return (action, resource, condition) of each right that the endpoint's role has by a policy."""
    return {
        (action, synthesized.readable(resource), json.dumps(statement.get("Condition", {})))
        for statement in synthesized.policies("endpoint").get(policy, [])
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def _refused(synth_pipeline: Synth, **changes: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    return [str(violation).removeprefix("dev/language ") for violation in raised.value.violations]


def test_uncompressed_files_are_read_below_their_prefix_alone(synth_pipeline: Synth) -> None:
    model = ContainerModel(image_uri=IMAGE, model_data_prefix="s3://models/scorer/")
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=model, capacity=INSTANCES))
    assert synthesized.one("aws_sagemaker_model")["primary_container"] == {
        "image": IMAGE,
        "model_data_source": {
            "s3_data_source": [
                {"s3_uri": "s3://models/scorer/", "s3_data_type": "S3Prefix", "compression_type": "None"}
            ]
        },
    }
    assert _rights(synthesized, "read-model") == {
        ("s3:GetObject", "arn:PARTITION:s3:::models/scorer/*", "{}"),
        ("s3:ListBucket", "arn:PARTITION:s3:::models", json.dumps({"StringLike": {"s3:prefix": "scorer/*"}})),
    }


def test_a_whole_bucket_of_files_is_listed_without_a_condition(synth_pipeline: Synth) -> None:
    model = ContainerModel(image_uri=IMAGE, model_data_prefix="s3://models/")
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=model, capacity=INSTANCES))
    assert _rights(synthesized, "read-model") == {
        ("s3:GetObject", "arn:PARTITION:s3:::models/*", "{}"),
        ("s3:ListBucket", "arn:PARTITION:s3:::models", "{}"),
    }


def test_a_multi_model_container_chooses_among_the_archives_of_its_prefix(synth_pipeline: Synth) -> None:
    model = ContainerModel(image_uri=IMAGE, model_data_prefix="s3://models/all/", multi_model=True)
    synthesized = synth_pipeline(
        endpoint=EndpointSettings(model=model, capacity=INSTANCES), inference=InferenceSettings(target_model="a.tar.gz")
    )
    assert synthesized.one("aws_sagemaker_model")["primary_container"] == {
        "image": IMAGE,
        "mode": "MultiModel",
        "model_data_url": "s3://models/all/",
    }
    assert _rights(synthesized, "read-model") == {
        ("s3:GetObject", "arn:PARTITION:s3:::models/all/*", "{}"),
        ("s3:ListBucket", "arn:PARTITION:s3:::models", json.dumps({"StringLike": {"s3:prefix": "all/*"}})),
    }


def test_a_gated_model_is_fetched_with_a_token_that_stands_nowhere(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=replace(GATED, token_key_arn=KEY)))
    bundle = synthesized.one("aws_s3_object")
    container = synthesized.one("aws_sagemaker_model")["primary_container"]
    assert container["environment"] == {
        "HF_TASK": "text-classification",
        "HUB_MODEL_ID": "owner/gated",
        "HUB_MODEL_REVISION": "v1",
        "HUB_TOKEN_SECRET_ARN": SECRET,
    }
    assert container["model_data_url"] == f"s3://bundles/{bundle['key']}"
    assert bundle["bucket"] == "bundles"
    assert bundle["key"] == f"hub/dev-language/model/{bundle['source_hash'][:16]}/model.tar.gz"
    assert synthesized.reference("aws_s3_object") in synthesized.one("aws_sagemaker_model")["depends_on"]
    assert bundle["lifecycle"] == {"create_before_destroy": True}
    assert bundle["override_provider"] == {"default_tags": {"tags": {}}}
    assert "aws_secretsmanager_secret_version" not in synthesized.document["data"]
    assert _rights(synthesized, "read-model") == {("s3:GetObject", f"arn:PARTITION:s3:::bundles/{bundle['key']}", "{}")}
    via = json.dumps({"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}})
    assert _rights(synthesized, "read-token") == {
        ("secretsmanager:GetSecretValue", SECRET, "{}"),
        ("kms:Decrypt", KEY, via),
    }


def test_models_with_the_same_bundle_share_no_object_that_one_would_delete(
    pipeline_settings: PipelineSettings, synth_stack: SynthStack
) -> None:
    other = Variant(name="other", model=replace(GATED, model_id="owner/other"), capacity=INSTANCES)
    pipeline = replace(
        pipeline_settings, endpoint=EndpointSettings(model=GATED, capacity=INSTANCES, more_variants=(other,))
    )
    synthesized = synth_stack(stack_of(one=pipeline, two=pipeline))
    keys = [bundle["key"].rsplit("/", 2)[0] for bundle in synthesized.all("aws_s3_object").values()]
    assert sorted(keys) == [f"hub/dev-{name}/{model}" for name in ("one", "two") for model in ("model", "model-other")]


def test_a_package_of_ones_own_registry_is_started_from_its_repository_and_archive(
    synth_pipeline: Synth,
) -> None:
    repository = "arn:aws:ecr:eu-central-1:123456789012:repository/team/scorer"
    package = replace(
        PACKAGE,
        repository_arns=(repository,),
        model_data_urls=("s3://models/scorer.tar.gz",),
        environment={"WORKERS": "2"},
    )
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=package, capacity=INSTANCES))
    assert synthesized.one("aws_sagemaker_model")["primary_container"] == {
        "model_package_name": PACKAGE.arn,
        "environment": {"WORKERS": "2"},
    }
    assert ("ecr:BatchGetImage", repository, "{}") in _rights(synthesized, "pull-image")
    assert _rights(synthesized, "read-model") == {("s3:GetObject", "arn:PARTITION:s3:::models/scorer.tar.gz", "{}")}


def test_a_package_that_aws_keeps_needs_no_right_to_images_or_data(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=PACKAGE, capacity=INSTANCES, network_isolation=True))
    assert set(synthesized.policies("endpoint")) == {"watch-alarms", "write-logs-and-metrics"}
    assert synthesized.one("aws_sagemaker_model")["enable_network_isolation"] is True


CONTAINER = ContainerModel(image_uri=IMAGE, model_data_url="s3://models/a.tar.gz")


@pytest.mark.parametrize(
    "changed",
    [
        EndpointSettings(model=replace(CONTAINER, model_data_url="s3://models/b.tar.gz"), capacity=INSTANCES),
        EndpointSettings(model=replace(CONTAINER, environment={"A": "1"}), capacity=INSTANCES),
        EndpointSettings(model=CONTAINER, capacity=INSTANCES, network_isolation=True),
        EndpointSettings(
            model=CONTAINER, capacity=INSTANCES, role=ExistingRole(arn="arn:aws:iam::123456789012:role/scorer")
        ),
    ],
)
def test_whatever_a_model_is_made_of_is_in_its_name(synth_pipeline: Synth, changed: EndpointSettings) -> None:
    """Each of these makes Terraform replace the model, which the old name would not let it."""
    before = synth_pipeline(endpoint=EndpointSettings(model=CONTAINER, capacity=INSTANCES))
    after = synth_pipeline(endpoint=changed)
    for kind in ("aws_sagemaker_model", "aws_sagemaker_endpoint_configuration"):
        assert before.one(kind)["name"] != after.one(kind)["name"]


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            replace(GATED, bundle_location=None),
            "endpoint.model.bundle_location = None: must be s3://bucket/prefix/ with token_secret_arn (what reads it "
            "lies there)",
        ),
        (
            replace(GATED, token_secret_arn=None),
            "endpoint.model.bundle_location = 's3://bundles/hub/': must be None without token_secret_arn (it is for "
            "the secret)",
        ),
        (
            replace(GATED, token_secret_arn=SECRET.rpartition("-")[0]),
            "endpoint.model.token_secret_arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub/token': "
            "must be the ARN of a secret of AWS Secrets Manager, with the six characters that it adds (AWS ARN "
            "formats)",
        ),
        (
            replace(GATED, environment={"HF_MODEL_ID": "owner/gated"}),
            "endpoint.model.environment = ['HF_MODEL_ID']: must be without HF_MODEL_ID with token_secret_arn (AWS's "
            "toolkit would fetch the model by itself, without the token)",
        ),
        (
            HuggingFaceModel(model_id="a/b", task="fill-mask", environment={"HF_TOKEN": "hf_secret"}),
            "endpoint.model.environment = ['HF_TOKEN']: must be without a token, with token_secret_arn (it would be "
            "readable in the state)",
        ),
        (
            HuggingFaceModel(model_id="a/b", task="fill-mask", image_tag="2.6.0-gpu-py312"),
            "endpoint.model.image_tag = '2.6.0-gpu-py312': must be a CPU image on serverless capacity (not a feature "
            "of serverless endpoints)",
        ),
        (
            replace(CONTAINER, environment={"LONG": "x" * 1025}),
            "endpoint.model.environment = 'LONG of 1025 bytes': must be at most 1024 bytes a value (SageMaker "
            "Environment)",
        ),
        (
            replace(CONTAINER, environment={"1ST": "x"}),
            "endpoint.model.environment = '1ST': must be letters, digits and underscores, no digit first, as a name "
            "(SageMaker Environment)",
        ),
        (
            replace(CONTAINER, environment={f"X{n}": "" for n in range(101)}),
            "endpoint.model.environment = '101 variables': must be at most 100 (SageMaker Environment)",
        ),
        (
            replace(CONTAINER, environment={f"X{n}": "x" * 1000 for n in range(40)}),
            "endpoint.model.environment = '40110 bytes': must be at most 32768 bytes together (SageMaker Environment)",
        ),
        (
            replace(CONTAINER, model_data_prefix="s3://models/"),
            "endpoint.model.model_data_prefix = 's3://models/': must be None with model_data_url (one source of data)",
        ),
        (
            ContainerModel(image_uri=IMAGE, model_data_prefix="s3://models/"),
            "endpoint.model.model_data_prefix = 's3://models/': must be None on serverless capacity, with "
            "model_data_url (SageMaker ModelDataSource)",
        ),
        (
            replace(PACKAGE, arn="scorer"),
            "endpoint.model.arn = 'scorer': must be the ARN of a model package's version (AWS ARN formats)",
        ),
    ],
)
def test_what_no_model_can_be_is_refused(synth_pipeline: Synth, model: Any, text: str) -> None:
    assert text in _refused(synth_pipeline, endpoint=EndpointSettings(model=model))


def test_a_url_known_to_terraform_alone_must_show_that_it_is_one(synth_pipeline: Synth) -> None:
    capture = DataCapture(location="${aws_s3_bucket.audit.id}/captured/")
    endpoint = EndpointSettings(model=CONTAINER, capacity=INSTANCES, data_capture=capture)
    assert _refused(synth_pipeline, endpoint=endpoint) == [
        "endpoint.data_capture.location = '${aws_s3_bucket.audit.id}/captured/': must be s3:// and what follows (the "
        "role's rights are built from it)"
    ]
    shown = replace(capture, location="s3://${aws_s3_bucket.audit.id}/captured/")
    synthesized = synth_pipeline(endpoint=replace(endpoint, data_capture=shown))
    assert _rights(synthesized, "capture-data") == {
        ("s3:PutObject", "arn:PARTITION:s3:::${aws_s3_bucket.audit.id}/captured/*", "{}")
    }


def test_a_token_is_not_repeated_in_the_message_that_refuses_it(synth_pipeline: Synth) -> None:
    model = HuggingFaceModel(model_id="a/b", task="fill-mask", environment={"HF_TOKEN": "hf_secret"})
    assert "hf_secret" not in "".join(_refused(synth_pipeline, endpoint=EndpointSettings(model=model)))


@pytest.mark.parametrize(
    ("model", "inference", "text"),
    [
        (
            ContainerModel(image_uri=IMAGE, model_data_prefix="s3://models/", multi_model=True),
            InferenceSettings(),
            "inference.target_model = None: must be an archive's name, or targets_from_messages True (each request to "
            "a multi-model endpoint names its model)",
        ),
        (
            CONTAINER,
            InferenceSettings(target_model="a.tar.gz"),
            "inference.target_model = 'a.tar.gz': must be None without multi_model (the endpoint has one model)",
        ),
        (
            CONTAINER,
            InferenceSettings(target_variant="green"),
            "inference.target_variant = 'green': must be one of primary (the endpoint's variants)",
        ),
        (
            CONTAINER,
            InferenceSettings(inference_component_name="small"),
            "inference.inference_component_name = 'small': must be None, or endpoint an ExistingEndpoint that has "
            "components (each variant that is created has a model of its own)",
        ),
    ],
)
def test_targets_that_the_endpoint_lacks_are_refused(
    synth_pipeline: Synth, model: ContainerModel, inference: InferenceSettings, text: str
) -> None:
    endpoint = EndpointSettings(model=model, capacity=INSTANCES)
    assert _refused(synth_pipeline, endpoint=endpoint, inference=inference) == [text]


@pytest.mark.parametrize(
    ("endpoint", "task"),
    [
        ({"model": HuggingFaceModel(model_id="a/b", task="fill-mask")}, "fill-mask"),
        ({"model": ContainerModel(image_uri=IMAGE, environment={"HF_TASK": "ner"})}, "ner"),
        ({"model": ContainerModel(image_uri=IMAGE)}, ""),
    ],
)
def test_the_handler_knows_the_models_task(synth_pipeline: Synth, endpoint: dict[str, Any], task: str) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(**endpoint))
    assert synthesized.one("aws_lambda_function")["environment"]["variables"]["TASK"] == task
