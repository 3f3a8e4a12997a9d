"""Names, versions and role of a function."""

from typing import Any

from constructs_lib import BatchInferenceFunction, ExistingRole, FunctionSettings, SettingsError
from constructs_lib.function.idempotency import IdempotencyTable

import pytest
from cdktf import TerraformStack, Testing

from handler.settings import HandlerSettings
from tests.constructs.conftest import Synth

HANDLER = HandlerSettings(endpoint_name="e", result_target="r", dead_letter_queue_url="d")


def test_provisioned_concurrency_is_the_aliass(synth_pipeline: Synth) -> None:
    synthesized = synth_pipeline(function=FunctionSettings(alias="live", provisioned_concurrency=7))
    warm = synthesized.one("aws_lambda_provisioned_concurrency_config")
    assert warm["provisioned_concurrent_executions"] == 7
    assert warm["qualifier"] == f"${{{synthesized.reference('aws_lambda_alias')}.name}}"
    assert warm["function_name"] == f"${{{synthesized.reference('aws_lambda_function')}.function_name}}"


@pytest.mark.parametrize(
    ("settings", "block"),
    [
        (FunctionSettings(alias="live", snap_start=True), {"apply_on": "PublishedVersions"}),
        (FunctionSettings(alias="live", snap_start=False), {"apply_on": "None"}),
        (FunctionSettings(snap_start=False), {"apply_on": "None"}),  # alias and snapshots given up in one apply
        (FunctionSettings(alias="live"), None),  # the provider would plan a change of `None` for ever
        (FunctionSettings(), None),
    ],
)
def test_snapshots_are_of_published_versions_and_can_be_turned_off_again(
    synth_pipeline: Synth, settings: FunctionSettings, block: dict[str, str] | None
) -> None:
    assert synth_pipeline(function=settings).one("aws_lambda_function").get("snap_start") == block


def test_a_role_that_has_its_rights_is_left_alone(synth_pipeline: Synth) -> None:
    role = ExistingRole(arn="arn:aws:iam::123456789012:role/scoring", attach_policies=False)
    synthesized = synth_pipeline(function=FunctionSettings(role=role))
    assert not any("function_role" in name for name in synthesized.all("aws_iam_role_policy"))
    assert synthesized.one("aws_lambda_event_source_mapping")["depends_on"] == [
        synthesized.reference("aws_sagemaker_endpoint")
    ]


@pytest.mark.parametrize(
    ("settings", "name", "bound"),
    [
        ({}, "f" * 50, "1 to 48 letters, digits, - and _ (IAM RoleName, with the region)"),
        (
            {"role": ExistingRole(arn="arn:aws:iam::123456789012:role/scoring")},
            "f" * 65,
            "1 to 64 letters, digits, - and _ (Lambda FunctionName)",
        ),
        ({}, "a b", "1 to 48 letters, digits, - and _ (IAM RoleName, with the region)"),
    ],
)
def test_a_functions_name_is_checked(settings: dict[str, Any], name: str, bound: str) -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        BatchInferenceFunction(
            stack, "scorer", name=name, handler_settings=HANDLER, settings=FunctionSettings(**settings)
        )
    assert str(raised.value) == f"1 setting is out of bounds:\n  plain/scorer name = '{name}': must be {bound}"


def test_a_tables_name_is_checked() -> None:
    stack = TerraformStack(Testing.app(), "plain")
    with pytest.raises(SettingsError) as raised:
        IdempotencyTable(stack, "table", name="a/b")
    assert str(raised.value) == (
        "1 setting is out of bounds:\n"
        "  plain/table name = 'a/b': must be 3 to 255 letters, digits, - _ and . (DynamoDB TableName)"
    )
