"""The command `status`."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..clients import Clients
from ..display import Display
from ..interrupt import Interrupt
from ..pipelines import Pipeline, queues_of
from .alarms import alarm_findings
from .endpoint import endpoint_findings
from .finding import Finding, unknown_if_denied
from .messages import function_findings, queue_findings
from .metrics import recent

WRONG, WELL = "!", ""


def find(clients: Clients, pipeline: Pipeline) -> list[Finding]:
    """Return all that is known of a pipeline; what can't be asked for is a finding too."""
    findings: list[Finding] = []
    work, dead = queues_of(clients, pipeline)
    metrics: Mapping[str, float | None] = {}
    with unknown_if_denied("metrics", findings):
        metrics = recent(clients.cloudwatch, pipeline, work)
    findings += queue_findings(work, dead, metrics)
    with unknown_if_denied("function", findings):
        findings += function_findings(clients, pipeline, work, metrics)
    with unknown_if_denied("endpoint", findings):
        findings += endpoint_findings(clients, pipeline.endpoint_name)
    with unknown_if_denied("alarms", findings):
        findings += alarm_findings(clients, pipeline)
    return findings


@dataclass(frozen=True, kw_only=True)
class StatusDesk:
    """Shows the status of a stack's pipelines."""

    clients: Clients
    find_pipelines: Callable[[], Sequence[Pipeline]]
    display: Display

    def show(self, *, as_json: bool) -> bool:
        """Show it once; return whether all is well."""
        found = [(pipeline, find(self.clients, pipeline)) for pipeline in self.find_pipelines()]
        if as_json:
            self.display.raw(json.dumps(self._content(found), indent=2))
        else:
            self._table(found)
        return not any(finding.wrong for _, findings in found for finding in findings)

    def watch(self, seconds: float) -> bool:
        """Show it again and again, until interrupted; return whether all was well at the end."""
        with Interrupt() as interrupt:
            while True:
                well = self.show(as_json=False)
                if interrupt.wait(seconds):
                    return well
                self.display.clear()

    def _table(self, found: Sequence[tuple[Pipeline, Sequence[Finding]]]) -> None:
        now = time.strftime("%H:%M:%SZ", time.gmtime())
        for pipeline, findings in found:
            where = f"account {self.clients.account}, {self.clients.region}"
            self.display.line(f"{pipeline.stack}, pipeline {pipeline.name} ({where}) at {now}")
            self.display.table([(WRONG if one.wrong else WELL, one.part, one.text) for one in findings])
            wrong = sum(one.wrong for one in findings)
            self.display.line(f"{wrong} wrong, marked with {WRONG}" if wrong else "Nothing is wrong.")

    def _content(self, found: Sequence[tuple[Pipeline, Sequence[Finding]]]) -> dict[str, Any]:
        return {
            "account": self.clients.account,
            "region": self.clients.region,
            "pipelines": {
                pipeline.name: [
                    {"part": one.part, "wrong": one.wrong, "text": one.text, **one.facts} for one in findings
                ]
                for pipeline, findings in found
            },
        }
