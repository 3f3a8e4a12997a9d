"""Names of stacks and pipelines: form, length, and none twice."""

from dataclasses import replace

from constructs_lib import (
    AsyncCapacity,
    EndpointSettings,
    InferenceStack,
    PipelineSettings,
    ResultsSettings,
    SettingsError,
    StackSettings,
    add_stacks,
)
from constructs_lib.stack import check_stack

import pytest
from cdktf import Testing

from tests.constructs.conftest import SynthStack, stack_of


def test_a_name_that_aws_would_refuse_is_named(pipeline_settings: PipelineSettings) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), "dev", stack_of(support_language=pipeline_settings))
    assert [str(violation) for violation in raised.value.violations] == [
        "dev/support_language name = 'dev-support_language': must be 1 to 38 letters, digits and hyphens, a "
        "letter first and no hyphen last (SageMaker EndpointName, and IAM role names of 64 with suffix and region)"
    ]


def test_the_longest_name_fits_everywhere(synth_stack: SynthStack, pipeline_settings: PipelineSettings) -> None:
    name = "x" * (38 - len("dev-"))
    settings = StackSettings(region="us-isof-south-1", pipelines={name: pipeline_settings})
    synthesized = synth_stack(settings)
    limits = {
        "aws_iam_role": 64,
        "aws_lambda_function": 64,
        "aws_sqs_queue": 80,
        "aws_sagemaker_model": 63,
        "aws_sagemaker_endpoint_configuration": 63,
        "aws_sagemaker_endpoint": 63,
    }
    for kind, limit in limits.items():
        for resource in synthesized.all(kind).values():
            assert len(resource.get("name") or resource["function_name"]) <= limit


@pytest.mark.parametrize(
    ("name", "pipeline_name", "text"),
    [
        ("dev", "1st", "dev/1st name = '1st': must be a name that begins with a letter (so Terraform's names must)"),
        ("1dev", "x", "1dev name = '1dev': must be a name that begins with a letter (so Terraform's names must)"),
    ],
)
def test_a_name_that_terraform_would_refuse_is_named(
    pipeline_settings: PipelineSettings, name: str, pipeline_name: str, text: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        InferenceStack(Testing.app(), name, stack_of(**{pipeline_name: pipeline_settings}))
    assert text in str(raised.value)


def test_two_pipelines_that_would_have_the_same_names_are_refused(pipeline_settings: PipelineSettings) -> None:
    stacks = {"dev": stack_of(**{"a-x": pipeline_settings}), "dev-a": stack_of(x=pipeline_settings)}
    with pytest.raises(SettingsError) as raised:
        add_stacks(Testing.app(), stacks)
    assert str(raised.value).splitlines()[1:] == [
        "  dev-a/x name = 'dev-a-x': must be another name than that of dev/a-x (same region)"
    ]


def test_two_pipelines_with_an_output_of_the_same_name_are_refused(pipeline_settings: PipelineSettings) -> None:
    def refused(**changes: object) -> list[str]:
        changed = replace(pipeline_settings, **changes)  # type: ignore[arg-type]
        names = ("a", "a-dead-letter", "a-results", "a-notification", "a-inputs")
        return [str(violation) for violation in check_stack("dev", stack_of(**dict.fromkeys(names, changed)))]

    def text(word: str) -> str:
        return (
            f"dev/a-{word} name = 'a-{word}': must be another name than that of dev/a with -{word} after it (both "
            "would have an output of the same name)"
        )

    assert refused() == [text("dead-letter"), text("results")]
    assert refused(results=ResultsSettings(sink="none")) == [text("dead-letter")]
    capacity = AsyncCapacity(instance_type="ml.m5.large", request_location="s3://abc/i/", output_location="s3://abc/o/")
    endpoint = EndpointSettings(model=pipeline_settings.endpoint.model, capacity=capacity)  # type: ignore[union-attr]
    assert refused(endpoint=endpoint) == [text("dead-letter"), text("results"), text("notification")]
