import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    EndpointSettings,
    HuggingFaceModel,
    InferenceStack,
    PipelineSettings,
    ServerlessCapacity,
    StackSettings,
)

import pytest
from cdktf import App, TerraformStack, Testing
from cdktf_cdktf_provider_aws.provider import AwsProvider

from tests.constructs.synthesized import Synthesized

Testing.__test__ = False  # it is cdktf's, not a class of tests

MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")


@pytest.fixture(scope="session")
def pipeline_settings() -> PipelineSettings:
    """The smallest pipeline: everything but the model is default."""
    return PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity()))


@pytest.fixture(scope="session")
def synth_stack() -> Callable[[StackSettings], Synthesized]:
    def synth(settings: StackSettings, name: str = "dev") -> Synthesized:
        return Synthesized(json.loads(Testing.synth(InferenceStack(Testing.app(), name, settings), True)))

    return synth


@pytest.fixture(scope="session")
def synth_pipeline(
    pipeline_settings: PipelineSettings, synth_stack: Callable[[StackSettings], Synthesized]
) -> Callable[..., Synthesized]:
    """Synthesize a stack with one pipeline named `language`, with changed parts of the smallest one."""

    def synth(**changes: Any) -> Synthesized:
        pipeline = replace(pipeline_settings, **changes)
        return synth_stack(StackSettings(region="eu-central-1", pipelines={"language": pipeline}))

    return synth


@pytest.fixture(scope="session")
def smallest(synth_pipeline: Callable[..., Synthesized]) -> Synthesized:
    return synth_pipeline()


@pytest.fixture
def synth_in_plain_stack() -> Callable[[Callable[[TerraformStack], object]], Synthesized]:
    """Synthesize what a function builds in a stack of cdktf's own class."""

    def synth(build: Callable[[TerraformStack], object]) -> Synthesized:
        app: App = Testing.app()
        stack = TerraformStack(app, "plain")
        AwsProvider(stack, "aws")
        build(stack)
        return Synthesized(json.loads(Testing.synth(stack, True)))

    return synth
