"""The deployment configuration of an endpoint: how traffic shifts, and which alarms roll it back."""

from collections.abc import Iterator
from typing import Any

from local.control_plane.rules import Refused, Rule
from local.control_plane.state import Fields, State, variants_of

# In percent of the fleet: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html and
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html
SHARES = {"CanarySize": (1, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}


def require_deployment(state: State, deployment: Fields | None, new: Fields, old: Fields | None = None) -> None:
    """Raise Refused unless the deployment can bring the new configuration up; an update has an old one, too."""
    if deployment is None:
        return
    blue_green, rolling = deployment.get("BlueGreenUpdatePolicy"), deployment.get("RollingUpdatePolicy")
    if (blue_green is None) == (rolling is None):
        message = "DeploymentConfig must have either BlueGreenUpdatePolicy or RollingUpdatePolicy."
        raise Refused(Rule.ONE_POLICY, message)
    for kind, size in _sizes(deployment):
        _require_share(kind, size)
    variants = variants_of(new)
    if rolling is not None and (len(variants) != 1 or "ServerlessConfig" in variants[0]):
        raise Refused(Rule.ROLLING_EXCLUDES, "A rolling deployment needs exactly one variant, on instances.")
    if old:
        _require_same_variants(variants_of(old), variants)
    _require_alarms(state, deployment)


def _sizes(deployment: Fields) -> Iterator[tuple[str, Fields]]:
    routing: dict[str, Any] = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    rolling: dict[str, Any] = deployment.get("RollingUpdatePolicy", {})
    for kind in SHARES:
        if size := routing.get(kind) or rolling.get(kind):
            yield kind, size


def _require_share(kind: str, size: Fields) -> None:
    least, most = SHARES[kind]
    if size["Type"] == "CAPACITY_PERCENT" and not least <= size["Value"] <= most:
        raise Refused(Rule.SHARES, f"{kind} must be {least} to {most} percent, not {size['Value']}.")


def _require_same_variants(old: list[Fields], new: list[Fields]) -> None:
    before, after = ({variant["VariantName"] for variant in variants} for variants in (old, new))
    if before != after:
        kept = f"{', '.join(sorted(before))} must stay, and not become {', '.join(sorted(after))}"
        raise Refused(Rule.SAME_VARIANTS, f"The variants of an endpoint that is deployed by a policy: {kept}.")


def _require_alarms(state: State, deployment: Fields) -> None:
    alarms = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    if missing := sorted({alarm["AlarmName"] for alarm in alarms} - state.alarms.keys()):
        raise Refused(Rule.ALARMS_EXIST, f"The alarms of AutoRollbackConfiguration don't exist: {', '.join(missing)}.")
