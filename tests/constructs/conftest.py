import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from constructs_lib import (  # first: it makes importing cdktf fast
    AsyncCapacity,
    EndpointSettings,
    ExistingEndpoint,
    HuggingFaceModel,
    InferenceStack,
    MonitoringSettings,
    PipelineMonitoring,
    PipelineSettings,
    ServerlessCapacity,
    StackSettings,
)
from constructs_lib.monitoring.metrics import WatchedPipeline
from constructs_lib.validation.derived import derive

import pytest
from cdktf import App, TerraformStack, Testing
from cdktf_cdktf_provider_aws.provider import AwsProvider

from tests.constructs.synthesized import Synthesized

Testing.__test__ = False  # it is cdktf's, not a class of tests

Synth = Callable[..., Synthesized]
SynthStack = Callable[[StackSettings], Synthesized]
SynthInPlainStack = Callable[[Callable[[TerraformStack], object]], Synthesized]
Watch = Callable[[PipelineSettings], Synthesized]

MODEL = HuggingFaceModel(model_id="owner/model", task="text-classification")
SHARED = ExistingEndpoint(name="shared", concurrent_requests=50)


def stack_of(**pipelines: PipelineSettings) -> StackSettings:
    return StackSettings(region="eu-central-1", pipelines=pipelines)


@pytest.fixture(scope="session")
def pipeline_settings() -> PipelineSettings:
    """The smallest pipeline: everything but the model is default."""
    return PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=ServerlessCapacity()))


@pytest.fixture(scope="session")
def synth_stack() -> SynthStack:
    def synth(settings: StackSettings, name: str = "dev") -> Synthesized:
        return Synthesized(json.loads(Testing.synth(InferenceStack(Testing.app(), name, settings), True)))

    return synth


@pytest.fixture(scope="session")
def synth_pipeline(pipeline_settings: PipelineSettings, synth_stack: SynthStack) -> Synth:
    """Synthesize a stack with one pipeline named `language`, with changed parts of the smallest one."""

    def synth(**changes: Any) -> Synthesized:
        return synth_stack(stack_of(language=replace(pipeline_settings, **changes)))

    return synth


@pytest.fixture(scope="session")
def smallest(synth_pipeline: Synth) -> Synthesized:
    return synth_pipeline()


@pytest.fixture
def synth_in_plain_stack() -> SynthInPlainStack:
    """Synthesize what a function builds in a stack of cdktf's own class."""

    def synth(build: Callable[[TerraformStack], object]) -> Synthesized:
        app: App = Testing.app()
        stack = TerraformStack(app, "plain")
        AwsProvider(stack, "aws")
        build(stack)
        return Synthesized(json.loads(Testing.synth(stack, True)))

    return synth


@pytest.fixture(scope="session")
def watched(synth_pipeline: Synth) -> Synthesized:
    """The smallest pipeline, which is serverless, with everything of monitoring by default."""
    return synth_pipeline(monitoring=MonitoringSettings())


@pytest.fixture
def watch(synth_in_plain_stack: SynthInPlainStack) -> Watch:
    """Synthesize the monitoring alone, of an endpoint of any kind."""

    def synth(given: PipelineSettings) -> Synthesized:
        settings = derive(replace(given, monitoring=given.monitoring or MonitoringSettings()))
        assert settings.monitoring is not None
        monitoring, endpoint = settings.monitoring, settings.endpoint
        asynchronous = isinstance(endpoint, EndpointSettings) and isinstance(endpoint.capacity, AsyncCapacity)
        pipeline = WatchedPipeline(
            settings=settings,
            queue_name="work",
            dead_letter_queue_name="work-dlq",
            function_name="score",
            endpoint_name=endpoint.name if isinstance(endpoint, ExistingEndpoint) else "model",
            results_name="results",
            notification_function_name="notify" if asynchronous else None,
        )
        return synth_in_plain_stack(
            lambda stack: PipelineMonitoring(stack, "m", name="p", settings=monitoring, watched=pipeline)
        )

    return synth
