"""Variants: shares of the requests, models, hardware, and scaling of their own."""

from dataclasses import replace

from constructs_lib import HuggingFaceModel, ServerlessCapacity

import pytest

from tests.constructs.conftest import Synth
from tests.constructs.endpoints import CONFIGURATION, CONTAINER, FIXED, GREEN, HUB, INSTANCES, endpoint_with


def test_variants_share_the_requests_by_weight(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(endpoint=endpoint_with(weight=7, more_variants=(GREEN,)))
    configuration = synthesized.one(CONFIGURATION)
    primary, green = configuration["production_variants"]
    assert [(v["variant_name"], v["initial_variant_weight"]) for v in (primary, green)] == [
        ("primary", 7),
        ("green", 3),
    ]
    models = synthesized.all("aws_sagemaker_model")
    assert len(models) == 2
    assert models["language_endpoint_model-green"]["primary_container"] == {"image": CONTAINER.image_uri}
    assert synthesized.reference("aws_sagemaker_model", "model-green") in green["model_name"]
    # Scaling owns the first one's count alone: the second's is fixed.
    assert configuration["lifecycle"]["ignore_changes"] == ["production_variants[0].initial_instance_count"]
    assert [t["resource_id"] for t in synthesized.all("aws_appautoscaling_target").values()] == [
        "endpoint/dev-language/variant/primary"
    ]


def test_each_variant_scales_by_itself(synth_pipeline: Synth) -> None:
    green = replace(GREEN, capacity=replace(INSTANCES, max_instances=9))
    synthesized = synth_pipeline(endpoint=endpoint_with(more_variants=(green,)))
    targets = synthesized.all("aws_appautoscaling_target").values()
    assert {target["resource_id"]: target["max_capacity"] for target in targets} == {
        "endpoint/dev-language/variant/primary": 4,
        "endpoint/dev-language/variant/green": 9,
    }
    assert synthesized.one(CONFIGURATION)["lifecycle"]["ignore_changes"] == [
        "production_variants[0].initial_instance_count",
        "production_variants[1].initial_instance_count",
    ]


@pytest.mark.parametrize("model", [None, HUB, replace(HUB)])
def test_variants_with_the_same_model_share_it(synth_pipeline: Synth, model: HuggingFaceModel | None) -> None:
    synthesized = synth_pipeline(endpoint=endpoint_with(more_variants=(replace(GREEN, model=model),)))
    reference = synthesized.reference("aws_sagemaker_model")
    variants = synthesized.one(CONFIGURATION)["production_variants"]
    assert [variant["model_name"] for variant in variants] == [f"${{{reference}.name}}"] * 2


def test_a_shadow_gets_copies_of_requests(synth_pipeline: Synth) -> None:
    shadow = replace(GREEN, name="shadow", weight=1, capacity=INSTANCES)
    synthesized = synth_pipeline(endpoint=endpoint_with(shadow=shadow))
    configuration = synthesized.one(CONFIGURATION)
    (copy,) = configuration["shadow_production_variants"]
    assert copy == {
        "variant_name": "shadow",
        "model_name": f"${{{synthesized.reference('aws_sagemaker_model', 'model-shadow')}.name}}",
        "initial_variant_weight": 1,
        "instance_type": "ml.c5.xlarge",
        "initial_instance_count": 1,
        "routing_config": [{"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"}],
    }
    assert "shadow_production_variants[0].initial_instance_count" in configuration["lifecycle"]["ignore_changes"]


def test_the_hardware_of_a_variant_is_what_was_asked_for(synth_pipeline: Synth) -> None:
    capacity = replace(
        FIXED,
        volume_gib=64,
        model_download_timeout_seconds=600,
        startup_timeout_seconds=900,
        inference_ami_version="al2-ami-sagemaker-inference-gpu-2",
        routing_strategy="RANDOM",
    )
    (variant,) = synth_pipeline(endpoint=endpoint_with(capacity=capacity)).one(CONFIGURATION)["production_variants"]
    del variant["model_name"]
    assert variant == {
        "variant_name": "primary",
        "initial_variant_weight": 1,
        "instance_type": "ml.c5.xlarge",
        "initial_instance_count": 2,
        "volume_size_in_gb": 64,
        "model_data_download_timeout_in_seconds": 600,
        "container_startup_health_check_timeout_in_seconds": 900,
        "inference_ami_version": "al2-ami-sagemaker-inference-gpu-2",
        "routing_config": [{"routing_strategy": "RANDOM"}],
    }


def test_warm_serverless_containers_are_kept(synth_pipeline: Synth) -> None:
    fixed = ServerlessCapacity(provisioned_concurrency=2)
    scaled = replace(fixed, max_provisioned_concurrency=5)
    for capacity in (fixed, scaled):
        configuration = synth_pipeline(endpoint=endpoint_with(capacity=capacity)).one(CONFIGURATION)
        (variant,) = configuration["production_variants"]
        assert variant["serverless_config"]["provisioned_concurrency"] == 2
        ignored = configuration["lifecycle"].get("ignore_changes", [])
        path = "production_variants[0].serverless_config[0].provisioned_concurrency"
        assert ignored == ([path] if capacity is scaled else [])


def test_the_event_source_keeps_to_the_variant_that_is_full_first(synth_pipeline: Synth) -> None:
    """Half of the requests go to green, whose 2 instances take 8 at once: 16 in all, 8 invocations of 2 each."""
    green = replace(GREEN, weight=1)
    large = replace(INSTANCES, max_instances=100)
    mapping = synth_pipeline(endpoint=endpoint_with(capacity=large, more_variants=(green,))).one(
        "aws_lambda_event_source_mapping"
    )
    assert mapping["scaling_config"]["maximum_concurrency"] == 8
