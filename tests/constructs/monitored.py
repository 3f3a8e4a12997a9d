"""Monitored pipelines: settings, and readers of the alarms and the dashboard."""

import json
from collections.abc import Iterator
from typing import Any

from constructs_lib import AsyncCapacity, InstanceCapacity

from tests.constructs.synthesized import Synthesized

INSTANCES = InstanceCapacity(instance_type="ml.m5.xlarge", min_instances=1, max_instances=4)
ASYNC = AsyncCapacity(
    instance_type="ml.g5.xlarge", request_location="s3://payloads/in/", output_location="s3://payloads/out/"
)
VARIANT = {"EndpointName": "dev-language", "VariantName": "primary"}
HANDLER = {"Endpoint": "dev-language", "FunctionName": "dev-language-inference"}
TOPIC = "arn:PARTITION:sns:eu-central-1:ACCOUNT:dev-language-alarms"


def alarms_of(synthesized: Synthesized, prefix: str = "dev-language-") -> dict[str, dict[str, Any]]:
    alarms = synthesized.all("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"].removeprefix(prefix): alarm for alarm in alarms}


def widgets_of(synthesized: Synthesized) -> list[dict[str, Any]]:
    body = json.loads(synthesized.readable(synthesized.one("aws_cloudwatch_dashboard")["dashboard_body"]))
    assert set(body) == {"widgets"}
    return list(body["widgets"])


def graph_of(synthesized: Synthesized, title: str) -> dict[str, Any]:
    (found,) = [w["properties"] for w in widgets_of(synthesized) if w["properties"].get("title") == title]
    return dict(found)


def metrics_on(synthesized: Synthesized) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of every metric on the dashboard."""
    for widget in widgets_of(synthesized):
        for entry in widget["properties"].get("metrics", ()):
            if isinstance(entry[0], str):
                namespace, name, *dimensions = entry[:-1]
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))
