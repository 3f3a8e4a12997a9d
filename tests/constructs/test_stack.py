"""Stacks as a whole: outputs, tags, state, warnings, the default app, the public names."""

import json
from dataclasses import replace
from pathlib import Path

import constructs_lib
from constructs_lib import FunctionSettings, InferenceStack, PipelineSettings, QueueSettings, S3StateSettings

from cdktf import Testing

import main
from tests.constructs.conftest import SynthStack, stack_of
from tests.constructs.synthesized import Synthesized


def test_the_outputs_say_where_everything_is(smallest: Synthesized) -> None:
    addresses = {name: output["value"] for name, output in smallest.document["output"].items()}
    queue = "aws_sqs_queue"
    assert addresses == {
        "language_queue_url": f"${{{smallest.reference(queue, 'work_queue')}.url}}",
        "language_dead_letter_queue_url": f"${{{smallest.reference(queue, 'dead-letter')}.url}}",
        "language_results_queue_url": f"${{{smallest.reference(queue, 'results')}.url}}",
        "language_function_name": f"${{{smallest.reference('aws_lambda_function')}.function_name}}",
        "language_endpoint_name": f"${{{smallest.reference('aws_sagemaker_endpoint')}.name}}",
    }


def test_the_provider_tags_everything(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    settings = replace(stack_of(language=pipeline_settings), tags={"team": "support"})
    (provider,) = synth_stack(settings).document["provider"]["aws"]
    assert provider["region"] == "eu-central-1"
    assert provider["default_tags"] == [{"tags": {"stack": "dev", "managed-by": "terraform", "team": "support"}}]


def test_state_is_local_by_default(smallest: Synthesized) -> None:
    path = Path(smallest.document["terraform"]["backend"]["local"]["path"])
    assert path == Path.cwd() / "terraform.dev.tfstate"


def test_state_in_s3_is_encrypted_and_locked(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    state = S3StateSettings(bucket="company-state", region="eu-west-1")
    settings = replace(stack_of(language=pipeline_settings), state=state)
    assert synth_stack(settings).document["terraform"]["backend"] == {
        "s3": {
            "bucket": "company-state",
            "region": "eu-west-1",
            "key": "dev/terraform.tfstate",
            "encrypt": True,
            "use_lockfile": True,
        }
    }


def test_warnings_reach_the_person_who_synthesizes(pipeline_settings: PipelineSettings) -> None:
    settings = replace(
        pipeline_settings,
        queue=QueueSettings(max_receive_count=3),
        function=FunctionSettings(timeout_seconds=90),
    )
    stack = InferenceStack(Testing.app(), "dev", stack_of(language=settings))
    metadata = stack.pipelines["language"].node.metadata
    assert [(entry.type, entry.data) for entry in metadata] == [
        ("@cdktf/warn", "queue.max_receive_count is 3: Lambda advises at least 5 [few-receives]")
    ]


def test_the_default_app_has_a_dev_and_a_prod_stack() -> None:
    stacks = main.build_app().node.children
    documents = {stack.node.id: json.loads(Testing.synth(stack, True)) for stack in stacks}  # type: ignore[arg-type]
    assert set(documents) == {"dev", "prod"}
    dev, prod = (Synthesized(documents[name]) for name in ("dev", "prod"))
    (dev_variant,) = dev.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    (prod_variant,) = prod.one("aws_sagemaker_endpoint_configuration")["production_variants"]
    assert "serverless_config" in dev_variant
    assert "instance_type" in prod_variant
    assert prod.one("aws_appautoscaling_target")["min_capacity"] == 2
    environment = dev.one("aws_sagemaker_model")["primary_container"]["environment"]
    assert environment["HF_MODEL_ID"] == "papluca/xlm-roberta-base-language-detection"
    assert environment == prod.one("aws_sagemaker_model")["primary_container"]["environment"]


def test_the_public_names_are_these() -> None:
    assert all(hasattr(constructs_lib, name) for name in constructs_lib.__all__)
    assert constructs_lib.__all__ == sorted(constructs_lib.__all__)
    made_public = {name for name in vars(constructs_lib) if name[0].isupper()}
    assert made_public | {"add_stacks", "synthesize"} == set(constructs_lib.__all__)
