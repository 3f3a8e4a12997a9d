"""The endpoint: its status, what runs on it against what was deployed, its instances and its scaling."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..clients import Clients
from ..display import ago
from ..text import printable
from .finding import Finding

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html: EndpointStatus
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack")
CHANGING = ("Updating", "RollingBack", "Creating")
SHOWN_ACTIVITIES = 3
FAILED_WITHIN = timedelta(hours=1)


def endpoint_findings(clients: Clients, name: str) -> Iterator[Finding]:
    """Yield the endpoint's status, its configuration, and each variant."""
    endpoint = clients.sagemaker.describe_endpoint(EndpointName=name)
    status, reason = endpoint["EndpointStatus"], printable(endpoint.get("FailureReason", ""), 500)
    yield Finding(
        part="endpoint",
        text=status + (f": {reason}" if reason else ""),
        facts={"name": name, "status": status, "reason": reason},
        wrong=status not in SERVING,
    )
    yield _configuration(clients, endpoint, reason)
    targets = _targets(clients, name, endpoint.get("ProductionVariants", []))
    for variant in endpoint.get("ProductionVariants", []):
        yield _variant(variant, targets.get(variant["VariantName"]), changing=status in CHANGING)
    yield from _activities(clients, name, endpoint.get("ProductionVariants", []))


def _configuration(clients: Clients, endpoint: Mapping[str, Any], reason: str) -> Finding:
    """Compare what runs with what was deployed last: the newest configuration that has a name of this endpoint's.

    SageMaker goes back to the configuration of before when an update fails, or an alarm rings meanwhile, and the
    endpoint is `InService` again; `FailureReason` then says why, but may be empty
    (https://github.com/hashicorp/terraform-provider-aws/issues/48997). The names of the library's configurations are
    the endpoint's and eight hex digits of their content, and an old content that is deployed anew is created anew.
    """
    name, running = endpoint["EndpointName"], endpoint.get("EndpointConfigName", "")
    deployed = _newest_configuration(clients, name)
    facts = {"running": running, "deployed": deployed}
    if deployed is None:
        text = f"{running}; what was deployed is not known, since no configuration is named {name}-…"
        return Finding(part="configuration", text=text, facts=facts)
    if endpoint["EndpointStatus"] in CHANGING:
        return Finding(part="configuration", text=f"{deployed} is being deployed", facts=facts)
    if running == deployed:
        return Finding(part="configuration", text=f"{running}, which was deployed last", facts=facts)
    why = reason or "SageMaker gives no reason: see the alarms …-rollback-… and the endpoint's log"
    text = f"rolled back: {running} runs, {deployed} was deployed last; {why}"
    return Finding(part="configuration", text=text, facts={**facts, "rolled_back": True, "reason": reason}, wrong=True)


def _newest_configuration(clients: Clients, name: str) -> str | None:
    own = re.compile(rf"{re.escape(name)}-[0-9a-f]{{8}}")
    pages = clients.sagemaker.get_paginator("list_endpoint_configs").paginate(
        NameContains=name, SortBy="CreationTime", SortOrder="Descending"
    )
    names = (config["EndpointConfigName"] for page in pages for config in page["EndpointConfigs"])
    return next((found for found in names if own.fullmatch(found)), None)


def _targets(clients: Clients, name: str, variants: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return what scaling may do with each variant that it scales."""
    resources = [f"endpoint/{name}/variant/{variant['VariantName']}" for variant in variants]
    if not resources:
        return {}
    answer = clients.scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=resources)
    return {target["ResourceId"].rpartition("/")[2]: target for target in answer["ScalableTargets"]}


def _variant(variant: Mapping[str, Any], target: Mapping[str, Any] | None, *, changing: bool) -> Finding:
    name = variant["VariantName"]
    facts: dict[str, Any] = {"variant": name}
    if "CurrentServerlessConfig" in variant:
        serverless = variant["CurrentServerlessConfig"]
        facts |= {"max_concurrency": serverless["MaxConcurrency"]}
        return Finding(
            part="capacity", text=f"{name}: serverless, {serverless['MaxConcurrency']} requests at once", facts=facts
        )
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    text = f"{name}: {current} of {desired} instances"
    facts |= {"current": current, "desired": desired}
    if target:
        text += f", scaled from {target['MinCapacity']} to {target['MaxCapacity']}"
        facts |= {"min": target["MinCapacity"], "max": target["MaxCapacity"]}
    # While it is scaled or deployed to, SageMaker has it as updating.
    short = current is not None and desired is not None and current < desired and not changing
    return Finding(part="capacity", text=text, facts=facts, wrong=short)


def _activities(clients: Clients, name: str, variants: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for variant in variants:
        resource = f"endpoint/{name}/variant/{variant['VariantName']}"
        answer = clients.scaling.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=resource, MaxResults=SHOWN_ACTIVITIES
        )
        for activity in answer["ScalingActivities"][:SHOWN_ACTIVITIES]:
            status, started = activity["StatusCode"], activity["StartTime"]
            said = printable(f"{activity['Description']} {activity.get('StatusMessage', '')}".strip(), 300)
            yield Finding(
                part="scaling",
                text=f"{ago(started.timestamp())} ago, {status}: {said}",
                facts={"variant": variant["VariantName"], "status": status, "said": said, "at": started.isoformat()},
                wrong=status in ("Failed", "Unfulfilled") and now - started < FAILED_WITHIN,
            )
