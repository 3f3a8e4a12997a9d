"""The report: the numbers as JSON, and one page that needs no other file."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local import charts
from local.deploy import Deployment
from local.display import number, percent, rate
from local.model import LANGUAGES
from local.outcome import Outcome
from local.output import OutputFolder
from local.pages import page_template
from local.pipeline import DeployedChain

TEMPLATE = "report.html.j2"
SAMPLE_DEAD_LETTERS = 12
BODY_CHARACTERS = 140
DETAIL_CHARACTERS = 180


@dataclass(frozen=True)
class Setting:
    """The pipeline that ran, and the command to run it again."""

    chain: DeployedChain
    deployment: Deployment
    stack: str
    container: str
    seed: int
    command: str


def write_report(output: OutputFolder, outcome: Outcome, setting: Setting) -> tuple[dict[str, Any], Path]:
    """Write `report.json` and `report.html`; return the content of the first, and the path of the second."""
    summary = {
        "stack": setting.stack,
        "seed": setting.seed,
        "command": setting.command,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "complaints": list(outcome.complaints()),
        **outcome.summary(),
    }
    numbers = json.dumps(summary, indent=2) + "\n"
    _, page = output.write_report(numbers, _render(summary, outcome, setting))
    return summary, page


def _render(summary: dict[str, Any], outcome: Outcome, setting: Setting) -> str:
    tally = outcome.tally
    sent = sorted(sent.at - outcome.started for sent in tally.sent.values())
    return page_template(Path(__file__).parent / TEMPLATE, number=number, percent=percent, rate=rate).render(
        summary=summary,
        disturbance=summary.get("disturbance"),
        pipeline=setting.chain.first,
        followers=[pipeline.name for pipeline in setting.chain.pipelines[1:]],
        results=", ".join(pipeline.sink.name for pipeline in setting.chain.last),
        results_kind=setting.chain.last[0].sink.title,
        container=setting.container,
        throughput=charts.throughput(outcome.arrivals, sent),
        latency=charts.latency(outcome.latencies_ms, summary["latency_ms"]),
        batch_sizes=charts.batch_sizes([invocation.records for invocation in outcome.invocations]),
        refused=sum(invocation.refused for invocation in outcome.invocations),
        languages=_languages(summary),
        poison=_poison(outcome),
        dead_letters=_dead_letters(outcome),
        created=_by_type(setting.deployment, setting.deployment.created),
        absent=_by_type(setting.deployment, setting.deployment.absent),
        left_out={type_: sorted(names) for type_, names in sorted(setting.deployment.left_out.items())},
        versions={name: version(name) for name in ("ministack", "py3langid", "boto3")},
    )


def _languages(summary: dict[str, Any]) -> list[dict[str, Any]]:
    found = summary["accuracy_by_language"].items()
    return [{"code": code, "name": LANGUAGES.get(code, code), **counts} for code, counts in found]


def _poison(outcome: Outcome) -> list[dict[str, Any]]:
    """Return by kind of poison how many were sent, and the reasons they were dead-lettered with."""
    sent = Counter(sent.message.poison for sent in outcome.tally.sent.values() if sent.message.poison)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for sent_message, dead_letter in outcome.dead_lettered:
        if poison := sent_message.message.poison:
            reasons[poison][dead_letter.reason] += 1
    return [{"kind": kind, "sent": count, "reasons": reasons[kind].most_common()} for kind, count in sent.most_common()]


def _dead_letters(outcome: Outcome) -> list[dict[str, str]]:
    """Return samples, of each reason in turn."""
    by_reason: dict[str, list[dict[str, str]]] = defaultdict(list)
    for sent, dead_letter in outcome.dead_lettered:
        sample = {
            "reason": dead_letter.reason,
            "sent_as": sent.message.poison or "a good message",
            "detail": _shortened(dead_letter.detail, DETAIL_CHARACTERS),
            "body": _shortened(dead_letter.body, BODY_CHARACTERS),
            "size": f"{dead_letter.size:,}",
        }
        by_reason[dead_letter.reason].append(sample)
    share = max(1, SAMPLE_DEAD_LETTERS // max(1, len(by_reason)))
    return [sample for reason in sorted(by_reason) for sample in by_reason[reason][:share]]


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _by_type(deployment: Deployment, blocks: Sequence[Any]) -> list[tuple[str, list[str]]]:
    names: dict[str, list[str]] = defaultdict(list)
    for block in blocks:
        names[block.type].append(deployment.name(block))
    return sorted(names.items())
