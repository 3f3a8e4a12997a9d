"""The rehearsal's report: the numbers as JSON, and one page that needs no other file."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.output import OutputFolder
from local.pages import page_template
from rehearsal.options import Options
from rehearsal.record import Record, Step
from rehearsal.tables import change_rows, step_rows
from rehearsal.terraform import Applied, Work

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Bar:
    """A resource on the timeline; positions are in percent of the whole."""

    address: str
    action: str
    left: float
    width: float
    seconds: float
    failed: bool


def write_report(output: OutputFolder, record: Record, options: Options) -> Path:
    """Write `report.json` and `report.html`; return the path of the page."""
    numbers = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {name: str(value) for name, value in asdict(options).items()},
        "passed": not record.failures,
        "notes": record.notes,
        "steps": [_numbers(step) for step in record.steps],
    }
    _, page = output.write_report(json.dumps(numbers, indent=2) + "\n", _render(numbers, record))
    return page


def _numbers(step: Step) -> dict[str, Any]:
    return {
        "stack": step.stack,
        "step": step.name,
        "seconds": round(step.seconds, 1),
        "remark": step.remark,
        "failure": step.failure,
        "skipped": step.skipped,
        "settings": list(step.settings),
        "changes": [f"{change.sign} {change.address}" for change in step.changes],
    }


def _render(numbers: Mapping[str, Any], record: Record) -> str:
    header, *rows = step_rows(record)
    return page_template(Path(__file__).parent / TEMPLATE).render(
        finished=numbers["finished"],
        options=numbers["options"],
        failures=record.failures,
        notes=record.notes,
        header=header,
        rows=rows,
        changes=list(change_rows(record)),
        timelines=[(step, timeline(step.applied)) for step in record.steps if step.applied and ":" not in step.name],
        plans=[(step, list(_settings_of(record, step))) for step in record.steps if step.plan],
    )


def timeline(applied: Applied) -> dict[str, list[Bar]]:
    """Return the work of an apply by part of the stack, in the order of its beginning; the part is the construct's path
    as its address has it.
    """
    parts: dict[str, list[Bar]] = defaultdict(list)
    whole = max(applied.seconds, 0.001)
    for work in sorted(applied.works, key=lambda work: work.start):
        end = applied.seconds if work.end is None else work.end
        bar = Bar(
            address=work.address,
            action=work.action,
            left=round(100 * work.start / whole, 2),
            width=round(max(100 * (end - work.start) / whole, 0.3), 2),
            seconds=round(end - work.start, 1),
            failed=work.failed or work.end is None,
        )
        parts[_part(work)].append(bar)
    return dict(parts)


def _part(work: Work) -> str:
    """Return pipeline and part, for instance `language / endpoint`, of an address such as
    `aws_iam_role.language_endpoint_role_BAE262E7`.
    """
    return " / ".join(work.address.partition(".")[2].split("_")[:2])


def _settings_of(record: Record, step: Step) -> Iterator[str]:
    name = step.name.partition(":")[0]
    for other in record.steps:
        if other.stack == step.stack and other.name == f"{name}: copy":
            yield from other.settings
