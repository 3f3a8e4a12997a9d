"""Bounds of the function's settings, name and environment."""

import re

from constructs_lib import BatchInferenceFunction, ExistingRole, FunctionSettings, InferenceSettings, SettingsError

import pytest
from cdktf import TerraformStack, Testing

from handler.settings import HandlerSettings
from tests.constructs.conftest import SHARED, Synth

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:codecs:3"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"inference": InferenceSettings(codec="mine:make")},
            "dev/language function.layers = (): must be the layer that inference.codec is in (the handler's zip holds "
            "no code but its own)",
        ),
        (
            {"inference": InferenceSettings(codec="xml")},
            "dev/language inference.codec = 'xml': must be one of huggingface, instances, jsonlines, csv, csv-row, "
            "kserve, single, chat, or module:function (the handler's codecs)",
        ),
        (
            {"endpoint": SHARED, "inference": InferenceSettings(target_variant="a_b")},
            "dev/language inference.target_variant = 'a_b': must be 1 to 63 letters, digits and hyphens (SageMaker "
            "TargetVariant)",
        ),
        (
            {"function": FunctionSettings(timeout_seconds=90, layers=(LAYER,) * 6)},
            f"dev/language function.layers = {repr((LAYER,) * 6)[:79]}…: must be at most 5 layers (Lambda Layers)",
        ),
        (
            {"function": FunctionSettings(layers=(1,))},  # type: ignore[arg-type]
            "dev/language function.layers = (1,): must be a tuple of text (item 0 is of type int)",
        ),
        (
            {"function": FunctionSettings(memory_mib=(512,))},  # type: ignore[arg-type]
            "dev/language function.memory_mib = (512,): must be a whole number (it is of type tuple)",
        ),
        (
            {"results": {"sink": "sns"}},
            "dev/language results = {'sink': 'sns'}: must be ResultsSettings (it is of type dict)",
        ),
        (
            {"inference": InferenceSettings(parameters={1: 2})},  # type: ignore[dict-item]
            "dev/language inference.parameters = {1: 2}: must be a mapping of text to JSON values (the key 1 "
            "is of type int)",
        ),
    ],
)
def test_targets_codecs_and_layers_are_checked(synth_pipeline: Synth, changes: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(**changes)
    assert str(raised.value) == f"1 setting is out of bounds:\n  {text}"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            FunctionSettings(provisioned_concurrency=2),
            "function.provisioned_concurrency = 2: must be None without alias (Lambda does it for published versions "
            "alone)",
        ),
        (
            FunctionSettings(snap_start=True),
            "function.snap_start = True: must be None without alias (Lambda does it for published versions alone)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, provisioned_concurrency=2),
            "function.provisioned_concurrency = 2: must be None with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, ephemeral_storage_mib=1024),
            "function.ephemeral_storage_mib = 1024: must be at most 512 with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", snap_start=True, runtime="python3.11"),
            "function.runtime = 'python3.11': must be python3.12 or newer with snap_start (Lambda SnapStart)",
        ),
        (
            FunctionSettings(alias="live", provisioned_concurrency=11, reserved_concurrency=10),
            "function.provisioned_concurrency = 11: must be at most reserved_concurrency, 10 (it is part of it)",
        ),
        (
            FunctionSettings(alias="7"),
            "function.alias = '7': must be 1 to 128 of A-Z a-z 0-9 - _, not digits alone (Lambda alias Name)",
        ),
        (
            FunctionSettings(role=ExistingRole(arn="inference")),
            "function.role.arn = 'inference': must be the ARN of an IAM role (AWS ARN formats)",
        ),
    ],
)
def test_what_a_function_can_not_be_is_named(synth_pipeline: Synth, settings: FunctionSettings, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(function=settings)
    assert str(raised.value) == f"1 setting is out of bounds:\n  dev/language {text}"


def test_an_environment_over_lambdas_limit_is_named(synth_pipeline: Synth) -> None:
    with pytest.raises(SettingsError) as raised:
        synth_pipeline(inference=InferenceSettings(parameters={"candidate_labels": ["x" * 4000]}))
    assert re.fullmatch(
        r"1 setting is out of bounds:\n  dev/language function\.environment = '[45]\d\d\d bytes': must be at most 4096 "
        r"bytes; PARAMETERS alone has 40\d\d \(Lambda quotas\)",
        str(raised.value),
    )


def test_a_function_by_itself_checks_its_environment() -> None:
    handler = HandlerSettings(endpoint_name="e", dead_letter_queue_url="${var.url}", codec="x" * 4000)
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        BatchInferenceFunction(stack, "function", name="scorer", handler_settings=handler)
    (violation,) = raised.value.violations
    assert (violation.path, violation.property) == ("plain/function", "environment")
    assert violation.bound == "at most 4096 bytes; CODEC alone has 4005"


def test_a_function_name_is_checked_as_it_comes_out() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        BatchInferenceFunction(
            stack,
            "function",
            name="f" * 65,
            handler_settings=HandlerSettings(endpoint_name="e", result_target="r", dead_letter_queue_url="d"),
        )
    assert str(raised.value) == (
        f"1 setting is out of bounds:\n  plain/function name = '{'f' * 65}': must be 1 to 48 letters, digits, - and _ "
        "(IAM RoleName, with the region)"
    )
