"""An endpoint's deployment configuration: which fleets may shift how, and which alarms watch."""

from typing import Any

import pytest

from local.control_plane import Rule
from tests.local.control_plane.breaking import breaks
from tests.local.control_plane.conftest import DURATIONS, Account, on_instances, serverless


def canary(percent: int = 10, *alarms: str, kind: str = "CANARY", size: str = "CanarySize") -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 300, size: {"Type": "CAPACITY_PERCENT", "Value": percent}}
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]}} if alarms else {}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}, **rollback}


def rolling(percent: int = 20) -> dict[str, Any]:
    batch = {"Type": "CAPACITY_PERCENT", "Value": percent}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 60}}


@breaks(Rule.ALARMS_EXIST, "The alarms of AutoRollbackConfiguration don't exist: b.")
def test_an_update_watched_by_an_alarm_that_is_not_there(account: Account) -> None:
    account.serving()
    account.alarm("a")
    account.update("c", DeploymentConfig=canary(10, "a", "b"))


@breaks(Rule.ALARMS_EXIST, "The alarms of AutoRollbackConfiguration don't exist: a.")
def test_an_endpoint_created_with_an_alarm_that_is_not_there(account: Account) -> None:
    account.model()
    account.configuration()
    account.endpoint(DeploymentConfig=canary(10, "a"))


@breaks(Rule.ONE_POLICY, "DeploymentConfig must have either BlueGreenUpdatePolicy or RollingUpdatePolicy.")
def test_a_deployment_of_both_kinds(account: Account) -> None:
    account.serving()
    account.update("c", DeploymentConfig={**canary(), **rolling()})


@breaks(Rule.SHARES, "CanarySize must be 1 to 50 percent, not 51.")
def test_a_canary_of_more_than_half(account: Account) -> None:
    account.serving()
    account.update("c", DeploymentConfig=canary(51))


@breaks(Rule.SHARES, "LinearStepSize must be 10 to 50 percent, not 9.")
def test_a_linear_step_under_a_tenth(account: Account) -> None:
    account.serving()
    account.update("c", DeploymentConfig=canary(9, kind="LINEAR", size="LinearStepSize"))


@breaks(Rule.SHARES, "MaximumBatchSize must be 5 to 50 percent, not 60.")
def test_a_rolling_batch_of_more_than_half(account: Account) -> None:
    account.serving()
    account.update("c", DeploymentConfig=rolling(60))


@breaks(Rule.ROLLING_EXCLUDES, "A rolling deployment needs exactly one variant, on instances.")
@pytest.mark.parametrize("variants", [[serverless()], [on_instances(), on_instances("b")]])
def test_a_rolling_deployment_of_what_it_excludes(account: Account, variants: list[dict[str, Any]]) -> None:
    account.serving(*variants)
    account.update("c", DeploymentConfig=rolling())


@breaks(
    Rule.SAME_VARIANTS,
    "The variants of an endpoint that is deployed by a policy: primary must stay, and not become a, b.",
)
def test_other_variants_under_a_deployment_policy(account: Account) -> None:
    account.serving()
    account.configuration("next", on_instances("a"), on_instances("b"))
    account.update("next", DeploymentConfig=canary())


def test_a_deployment_is_remembered_and_may_be_kept(account: Account) -> None:
    account.serving()
    account.update("c", DeploymentConfig=canary())
    account.clock.advance(DURATIONS.updating)
    assert account.sagemaker.describe_endpoint(EndpointName="e")["LastDeploymentConfig"] == canary()
    account.update("c", RetainDeploymentConfig=True)
    account.clock.advance(DURATIONS.updating)
    assert account.sagemaker.describe_endpoint(EndpointName="e")["LastDeploymentConfig"] == canary()
    account.update("c")
    account.clock.advance(DURATIONS.updating)
    assert "LastDeploymentConfig" not in account.sagemaker.describe_endpoint(EndpointName="e")
