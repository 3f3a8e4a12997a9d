"""Models on AWS's images of model servers: image, environment, GPUs, and whether the weights fit."""

from dataclasses import replace
from typing import Any

from constructs_lib import (
    EndpointSettings,
    InferenceSettings,
    InstanceCapacity,
    LanguageModel,
    PipelineSettings,
    ServerlessCapacity,
    SettingsError,
    StackSettings,
    TextEmbeddingsModel,
    Variant,
)
from constructs_lib.settings.models import LMI_IMAGE_TAG, TEI_CPU_IMAGE_TAG, TEI_GPU_IMAGE_TAG, TGI_IMAGE_TAG
from constructs_lib.validation.accelerators import GPUS, gpus_of, memory_gib
from constructs_lib.validation.instances import has_nvme, price_list
from constructs_lib.validation.served_models import million_parameters

import pytest

from tests.constructs.conftest import Synth, SynthStack
from tests.constructs.synthesized import Synthesized

CPU = InstanceCapacity(instance_type="ml.c6i.xlarge", max_instances=1)
GPU = InstanceCapacity(instance_type="ml.g5.xlarge", max_instances=1)
GPUS_4 = InstanceCapacity(instance_type="ml.g5.12xlarge", max_instances=1)
TEI = TextEmbeddingsModel(model_id="BAAI/bge-base-en-v1.5", revision="v1", million_parameters=109)
LMI = LanguageModel(model_id="Qwen/Qwen2.5-7B-Instruct", revision="a1b2")
CHAT = InferenceSettings(codec="chat", parameters={"max_tokens": 256})


def images(synthesized: Synthesized) -> list[dict[str, Any]]:
    """Return the data sources that find AWS's images."""
    return list(synthesized.document["data"].get("aws_sagemaker_prebuilt_ecr_image", {}).values())


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = found
    return one


def container(synth_pipeline: Synth, model: Any, capacity: Any, **more: Any) -> dict[str, Any]:
    """Return the container that is synthesized."""
    inference = CHAT if isinstance(model, LanguageModel) else InferenceSettings()
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=model, capacity=capacity), inference=inference, **more)
    found: dict[str, Any] = synthesized.one("aws_sagemaker_model")["primary_container"]
    return found


def refused(synth_pipeline: Synth, **changes: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    return [str(violation).removeprefix("dev/language ") for violation in raised.value.violations]


def of(model: Any, capacity: Any, **inference: Any) -> dict[str, Any]:
    return {
        "endpoint": EndpointSettings(model=model, capacity=capacity),
        "inference": replace(CHAT if isinstance(model, LanguageModel) else InferenceSettings(), **inference),
    }


@pytest.mark.parametrize(
    ("capacity", "repository", "tag"), [(CPU, "tei-cpu", TEI_CPU_IMAGE_TAG), (GPU, "tei", TEI_GPU_IMAGE_TAG)]
)
def test_embeddings_have_the_image_for_their_hardware(
    synth_pipeline: Synth, capacity: InstanceCapacity, repository: str, tag: str
) -> None:
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=TEI, capacity=capacity))
    image = only(images(synthesized))
    assert (image["repository_name"], image["image_tag"]) == (repository, tag)
    assert synthesized.one("aws_sagemaker_model")["primary_container"]["environment"] == {
        "HF_MODEL_ID": "BAAI/bge-base-en-v1.5",
        "HF_MODEL_REVISION": "v1",
        "MAX_BATCH_TOKENS": "16384",
        "MAX_CLIENT_BATCH_SIZE": "32",
        "AUTO_TRUNCATE": "true",
    }


def test_a_language_model_is_spread_over_the_gpus_of_the_instance(synth_pipeline: Synth) -> None:
    assert container(synth_pipeline, replace(LMI, quantization="fp8"), GPUS_4)["environment"] == {
        "HF_MODEL_ID": "Qwen/Qwen2.5-7B-Instruct",
        "OPTION_REVISION": "a1b2",
        "OPTION_ENTRYPOINT": "djl_python.lmi_vllm.vllm_async_service",
        "OPTION_ASYNC_MODE": "true",
        "OPTION_ROLLING_BATCH": "disable",
        "OPTION_TENSOR_PARALLEL_DEGREE": "4",
        "OPTION_MAX_MODEL_LEN": "8192",
        "OPTION_QUANTIZE": "fp8",
        "SERVING_FAIL_FAST": "true",
    }


def test_tgi_has_variables_of_its_own(synth_pipeline: Synth) -> None:
    model = replace(LMI, server="tgi", quantization="awq", max_model_tokens=4096, environment={"MAX_INPUT_TOKENS": "9"})
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=model, capacity=GPU), inference=CHAT)
    image = only(images(synthesized))
    assert (image["repository_name"], image["image_tag"]) == ("huggingface-pytorch-tgi-inference", TGI_IMAGE_TAG)
    assert synthesized.one("aws_sagemaker_model")["primary_container"]["environment"] == {
        "HF_MODEL_ID": "Qwen/Qwen2.5-7B-Instruct",
        "HF_MODEL_REVISION": "a1b2",
        "SM_NUM_GPUS": "1",
        "HF_MODEL_QUANTIZE": "awq",
        "MAX_TOTAL_TOKENS": "4096",
        "MAX_INPUT_TOKENS": "9",
    }


def test_a_model_that_was_quantized_before_is_loaded_as_its_configuration_says(synth_pipeline: Synth) -> None:
    assert "OPTION_QUANTIZE" not in container(synth_pipeline, replace(LMI, quantization="awq"), GPU)["environment"]


def test_files_in_s3_take_the_place_of_the_hub(synth_pipeline: Synth) -> None:
    model = replace(LMI, revision=None, model_data_prefix="s3://models/qwen/")
    endpoint = EndpointSettings(model=model, capacity=GPU, network_isolation=True)
    synthesized = synth_pipeline(endpoint=endpoint, inference=CHAT)
    found = synthesized.one("aws_sagemaker_model")["primary_container"]
    assert found["environment"]["HF_MODEL_ID"] == "/opt/ml/model"
    assert found["model_data_source"] == {
        "s3_data_source": [{"s3_uri": "s3://models/qwen/", "s3_data_type": "S3Prefix", "compression_type": "None"}]
    }
    rights = {
        action for policy in synthesized.policies("endpoint").values() for one in policy for action in one["Action"]
    }
    assert {"s3:GetObject", "s3:ListBucket", "ecr:BatchGetImage"} <= rights


@pytest.mark.parametrize(
    ("region", "registry"),
    [("mx-central-1", "637423239942"), ("ap-southeast-5", "550225433462"), ("ap-southeast-7", "590183813437")],
)
def test_a_region_that_the_provider_does_not_know_has_the_registry_of_ours(
    synth_stack: SynthStack, region: str, registry: str
) -> None:
    pipeline = PipelineSettings(endpoint=EndpointSettings(model=LMI, capacity=GPU), inference=CHAT)
    synthesized = synth_stack(StackSettings(region=region, pipelines={"language": pipeline}))
    image = synthesized.one("aws_sagemaker_model")["primary_container"]["image"]
    assert image == f"{registry}.dkr.ecr.{region}.amazonaws.com/djl-inference:{LMI_IMAGE_TAG}"
    assert not images(synthesized)


def test_a_registry_of_yours_wins_and_the_role_may_pull_from_it(synth_pipeline: Synth) -> None:
    model = replace(TEI, registry_id="123456789012", image_tag="1.9-cpu-mirror")
    synthesized = synth_pipeline(endpoint=EndpointSettings(model=model, capacity=CPU))
    image = synthesized.one("aws_sagemaker_model")["primary_container"]["image"]
    assert image == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tei-cpu:1.9-cpu-mirror"
    pulled = [
        resource
        for policy in synthesized.policies("endpoint").values()
        for statement in policy
        if "ecr:BatchGetImage" in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert [one.rpartition(":")[2] for one in pulled] == ["repository/tei-cpu"]
    assert ":123456789012:" in pulled[0]


def test_variants_on_other_hardware_have_another_image(synth_pipeline: Synth) -> None:
    endpoint = EndpointSettings(model=TEI, capacity=CPU, more_variants=(Variant(name="fast", capacity=GPU),))
    synthesized = synth_pipeline(endpoint=endpoint)
    repositories = [image["repository_name"] for image in images(synthesized)]
    assert sorted(repositories) == ["tei", "tei-cpu"]


LARGE = replace(LMI, model_id="meta-llama/Llama-3.3-70B-Instruct")
FITS = "quantization, a smaller model or a larger instance type fits"


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        (
            of(LARGE, GPUS_4),
            [
                "endpoint.model = 'meta-llama/Llama-3.3-70B-Instruct': must be a model with at most 86 GB of weights, "
                f"90 % of the memory of the GPUs of ml.g5.12xlarge (it has about 140 GB; {FITS})"
            ],
        ),
        (of(replace(LARGE, quantization="awq"), GPUS_4), []),
        (
            of(replace(LMI, tensor_parallel_degree=1, million_parameters=14_000), GPUS_4),
            [
                "endpoint.model = 'Qwen/Qwen2.5-7B-Instruct': must be a model with at most 22 GB of weights, "
                f"90 % of the memory of the GPUs of ml.g5.12xlarge (it has about 28 GB; {FITS})"
            ],
        ),
        (
            of(replace(LMI, tensor_parallel_degree=8), GPUS_4),
            [
                "endpoint.model.tensor_parallel_degree = 8: must be at most 4, the GPUs of ml.g5.12xlarge (each part "
                "is on a GPU of its own)"
            ],
        ),
        (
            of(LMI, CPU),
            [
                "endpoint.model = 'Qwen/Qwen2.5-7B-Instruct': must be on an instance type with GPUs, not ml.c6i.xlarge "
                "(AWS's images)"
            ],
        ),
        (
            of(LMI, ServerlessCapacity()),
            [
                "endpoint.model = 'Qwen/Qwen2.5-7B-Instruct': must be no LanguageModel on serverless capacity (it has "
                "no GPU)"
            ],
        ),
        (
            of(LMI, replace(GPU, instance_type="ml.g9.xlarge")),
            [
                "endpoint.model.tensor_parallel_degree = None: must be the number of GPUs (it is not known how many "
                "GPUs ml.g9.xlarge has)"
            ],
        ),
        (
            of(replace(TEI, million_parameters=7600), CPU),
            [
                "endpoint.model = 'BAAI/bge-base-en-v1.5': must be a model with at most 7 GB of weights, 90 % of the "
                f"memory of ml.c6i.xlarge (it has about 30 GB; {FITS})"
            ],
        ),
        (
            of(replace(LMI, quantization="eetq"), GPU),
            [
                "endpoint.model.quantization = 'eetq': must be None or one of fp8, bitsandbytes, awq, gptq with server "
                "lmi (what the server can load)"
            ],
        ),
        (
            of(replace(LMI, environment={"HF_TOKEN": "hf_secret"}), GPU),
            [
                "endpoint.model.environment = ['HF_TOKEN']: must be without a token, with model_data_prefix (it would "
                "be readable in the state)"
            ],
        ),
        (
            of(replace(LMI, model_data_prefix="s3://models/a/"), GPU),
            ["endpoint.model.revision = 'a1b2': must be None with model_data_prefix (the files are in S3)"],
        ),
        (
            of(LMI, GPU, codec="huggingface"),
            [
                "inference.codec = 'huggingface': must be chat, single or one of your own with a LanguageModel (the "
                "form that the model's server takes)"
            ],
        ),
        (of(LMI, GPU, codec="huggingface", max_records_per_request=1), []),
        (
            of(TEI, CPU, codec="chat"),
            [
                "inference.codec = 'chat': must be huggingface, instances, single or one of your own with a "
                "TextEmbeddingsModel (the form that the model's server takes)"
            ],
        ),
        (
            of(TEI, CPU, max_records_per_request=64),
            [
                "inference.max_records_per_request = 64: must be at most endpoint.model.max_client_batch_size, 32 (the "
                "server refuses more texts)"
            ],
        ),
        (of(replace(TEI, max_client_batch_size=64), CPU, max_records_per_request=64), []),
        (
            of(replace(TEI, pooling="max"), CPU),
            ["endpoint.model.pooling = 'max': must be one of cls, mean, splade, last-token (TEI POOLING)"],
        ),
        (
            of(LMI, replace(GPU, routing_strategy="PREFIX_AWARE")),
            [
                "endpoint.capacity.routing_strategy = 'PREFIX_AWARE': must be one of LEAST_OUTSTANDING_REQUESTS, "
                "RANDOM (SageMaker RoutingStrategy; Terraform's AWS provider 6.25 can't set what PREFIX_AWARE needs)"
            ],
        ),
    ],
)
def test_what_does_not_fit_is_said_in_words(synth_pipeline: Synth, settings: dict[str, Any], texts: list[str]) -> None:
    if texts:
        assert refused(synth_pipeline, **settings) == texts
    else:
        synth_pipeline(**settings)


def test_what_follows_from_an_instance_type_must_be_set_beside_a_reference(synth_pipeline: Synth) -> None:
    capacity = replace(GPU, instance_type="${var.instance_type}")
    assert refused(synth_pipeline, **of(TEI, capacity)) == [
        "endpoint.model.image_tag = None: must be that of the image for CPUs or for GPUs (the instance type is a "
        "Terraform reference)"
    ]
    assert refused(synth_pipeline, **of(replace(LMI, server="tgi"), capacity)) == [
        "endpoint.model.tensor_parallel_degree = None: must be the number of GPUs (the instance type is a Terraform "
        "reference)"
    ]
    environment = container(synth_pipeline, LMI, capacity)["environment"]
    assert environment["OPTION_TENSOR_PARALLEL_DEGREE"] == "max"


def test_a_hub_model_can_not_be_isolated(synth_pipeline: Synth) -> None:
    endpoint = EndpointSettings(model=TEI, capacity=CPU, network_isolation=True)
    assert refused(synth_pipeline, endpoint=endpoint) == [
        "endpoint.model = 'BAAI/bge-base-en-v1.5': must be with model_data_prefix, with network_isolation (its "
        "container loads it from the Hub)"
    ]


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7000),
        ("bigscience/bloom-560m", 560),
        ("Qwen/Qwen3-0.6B", 600),
        ("mistralai/Mixtral-8x7B-v0.1", None),
        ("BAAI/bge-m3", None),
        ("7b-team/model", None),
    ],
)
def test_the_number_of_parameters_is_read_from_the_models_name(name: str, millions: int | None) -> None:
    assert million_parameters(LanguageModel(model_id=name)) == millions


def test_every_family_with_gpus_that_is_sold_is_in_the_table() -> None:
    sold = {one.split(".")[1] for one in price_list().everywhere}
    assert {family for family in sold if family.startswith(("g", "p"))} <= GPUS.keys()
    assert [gpus_of("ml.g5.48xlarge"), gpus_of("ml.g4dn.48xlarge"), gpus_of("ml.c5.xlarge")] == [(8, 24), None, None]
    assert [memory_gib("ml.c6i.large"), memory_gib("ml.m5.xlarge"), memory_gib("ml.r5.2xlarge")] == [4, 16, 64]
    assert memory_gib("ml.t2.medium") is None
    assert has_nvme("ml.g5.xlarge")
