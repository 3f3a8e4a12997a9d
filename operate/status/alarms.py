"""The pipeline's alarms that ring."""

import re
from collections.abc import Iterator

from constructs_lib.monitoring.alarms import MISSING_DATA

from ..clients import Clients
from ..display import ago
from ..pipelines import Pipeline
from ..text import printable
from .finding import Finding

LEVERS = ("scale-on-age", "scale-on-backlog", "scale-from-zero")
"""Alarms that ring to have instances added: no call for help."""
ROLLBACKS = ("rollback-errors", "rollback-latency")


def alarm_findings(clients: Clients, pipeline: Pipeline) -> Iterator[Finding]:
    """Yield each alarm of the pipeline that rings; one of a pipeline whose name only begins alike is not its."""
    kinds = "|".join(map(re.escape, (*MISSING_DATA, *LEVERS, *ROLLBACKS)))
    prefix = re.escape(pipeline.prefix)
    own = re.compile(rf"{prefix}(-(?P<kind>{kinds})(-.+)?|\.[^.]+-(?P<of_variant>{kinds}))")
    pages = clients.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=pipeline.prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm"]
    )
    ringing = [
        (alarm, found)
        for page in pages
        for alarm in page["MetricAlarms"]
        if (found := own.fullmatch(alarm["AlarmName"]))
    ]
    for alarm, found in ringing:
        since, lever = alarm["StateUpdatedTimestamp"], (found["kind"] or found["of_variant"]) in LEVERS
        says = printable(alarm.get("AlarmDescription") or alarm.get("StateReason") or "", 300)
        yield Finding(
            part="alarm",
            text=f"{alarm['AlarmName']} for {ago(since.timestamp())}: {'scaling adds instances' if lever else says}",
            facts={"name": alarm["AlarmName"], "since": since.isoformat(), "says": says, "lever": lever},
            wrong=not lever,
        )
    if not ringing:
        yield Finding(part="alarms", text="none rings", facts={"ringing": 0})
