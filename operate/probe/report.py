"""The report of a load: numbers and page as the demo's, whose parts they are made of."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local import charts
from local.display import number, percent
from local.display import rate as rounded
from local.messages import Message
from local.outcome import Outcome
from local.pages import page_template
from local.tally import DeadLetter, Scored, Sent, Tally

from ..errors import UsageError
from ..pipelines import Pipeline
from .run import Run

TEMPLATE = "load.html.j2"


def write_report(
    run: Run, pipeline: Pipeline, folder: Path, rate: float, complaints: Sequence[str]
) -> tuple[list[tuple[str, str]], Path]:
    """Write `load.json` and `load.html`; return the numbers as rows of a table, and the page."""
    outcome = Outcome(_tally(run), [], 0)
    whole = outcome.summary()
    names = ("sent", "succeeded", "dead_lettered", "lost", "repeated", "seconds", "messages_per_second", "latency_ms")
    summary = {
        "stack": pipeline.stack,
        "pipeline": pipeline.name,
        "rate": rate,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "complaints": list(complaints),
        **{name: whole[name] for name in names},
    }
    page = folder / "load.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "load.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        page.write_text(_render(summary, outcome, pipeline), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the report {folder}: {error.strerror}") from error
    return _rows(summary), page


def _tally(run: Run) -> Tally:
    return Tally(
        sent={str(n): Sent(at, Message(body)) for n, (at, body) in sorted(run.sent.items())},
        scored={str(n): Scored(at, data) for n, (at, data) in run.results.items()},
        dead_letters={
            str(n): DeadLetter(died.at, died.letter.reason, died.letter.detail, "", len(died.letter.body.encode()))
            for n, died in run.dead_letters.items()
            if n not in run.results
        },
        repeated=run.repeated,
    )


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    latency = summary["latency_ms"]
    return [
        ("sent", f"{summary['sent']:,}"),
        ("succeeded", f"{summary['succeeded']:,}"),
        ("dead-lettered", f"{summary['dead_lettered']['total']:,}"),
        ("lost", f"{summary['lost']:,}"),
        ("repeated", f"{summary['repeated']:,}"),
        ("messages/s", rounded(summary["messages_per_second"])),
        *((f"latency {name}", number(latency[name], " ms")) for name in ("p50", "p95", "p99")),
    ]


def _render(summary: dict[str, Any], outcome: Outcome, pipeline: Pipeline) -> str:
    sent = sorted(one.at - outcome.started for one in outcome.tally.sent.values())
    return page_template(Path(__file__).parent / TEMPLATE, number=number, percent=percent, rate=rounded).render(
        summary=summary,
        endpoint=pipeline.endpoint_name,
        throughput=charts.throughput(outcome.arrivals, sent),
        latency=charts.latency(outcome.latencies_ms, summary["latency_ms"]),
    )
