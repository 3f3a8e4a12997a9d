"""The page: `report.html`, in the style of the demo's, and `report.json` with its numbers."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from capacity import charts
from capacity.answer import as_json, lines
from capacity.cost import by_part, left_out
from capacity.prices import Prices
from capacity.service_time import rate_text, shown
from capacity.study import Study
from local.pages import page_template


def render(studies: Sequence[Study], prices: Mapping[str, Prices], command: str) -> str:
    """Return the page of some pipelines; `prices` are by region."""
    return page_template(Path(__file__).parent / "report.html.j2", shown=shown, rate=rate_text).render(
        pipelines=[_context(one, prices[one.answer.work.pipeline.region]) for one in studies],
        command=command,
        finished=datetime.now(UTC).isoformat(timespec="minutes"),
    )


def _context(found: Study, prices: Prices) -> dict[str, Any]:
    work, at, course = found.answer.work, found.answer.steady, found.course
    context: dict[str, Any] = {
        "path": work.pipeline.path,
        "region": work.pipeline.region,
        "model": work.model.text,
        "origin": work.profile.origin,
        "arrivals": found.arrivals.text,
        "hours": found.arrivals.seconds / 3600,
        "sentence": found.sentence,
        "limits": at.limits,
        "text": "\n".join(lines(found.answer)),
        "steady": at,
        "answer": found.answer,
        "advice": found.advice,
        "notes": work.pipeline.notes,
        "course": None,
        "events": found.events,
    }
    if course is None:
        return context
    instances = np.sum(list(course.instances.values()), axis=0)
    cost_chart, parts = charts.costs(work, course, prices)
    has_instances = any(variant.instance_type for variant in work.pipeline.endpoint.variants)
    return context | {
        "course": course,
        "usd": found.usd,
        "usd_a_month": found.usd_a_month,
        "bill": {part: usd for part, usd in by_part(found.bill).items() if usd},
        "left_out": left_out(found.bill),
        "p50": course.percentile(0.5),
        "p95": course.percentile(0.95),
        "flow": charts.over_time(course.done, "messages/s done", course.arrived),
        "backlog": charts.over_time(course.backlog, "messages wait", peak=True),
        "age": charts.over_time(course.age, "s old", peak=True),
        "fleet": charts.over_time(instances, "instances", whole=True) if has_instances else None,
        "utilization": charts.over_time(100 * course.utilization, "% of the places", None),
        "concurrency": charts.over_time(course.concurrency, "invocations at once"),
        "latency": charts.latencies(found.events.latencies) if found.events else None,
        "slow": charts.over_time(course.latency, "s") if not found.events else None,
        "cost": cost_chart,
        "parts": parts,
    }


def numbers(found: Study) -> dict[str, Any]:
    """Return the numbers of a pipeline: the closed form's, and those of each engine under its name."""
    course, events = found.course, found.events
    fluid = course and {
        "engine": "fluid, steps of a second",
        "arrivals": found.arrivals.text,
        "seconds": course.seconds,
        "messages": float(course.arrived.sum()),
        "done": float(course.done.sum()),
        "largest_backlog": float(course.backlog.max()),
        "oldest_age_seconds": float(course.age.max()),
        "backlog_at_the_end": float(course.backlog[-1]),
        "drained_after_seconds": course.drained_at(),
        "latency_seconds": {"p50": course.percentile(0.5), "p95": course.percentile(0.95)},
        "instances": {name: {"least": float(v.min()), "most": float(v.max())} for name, v in course.instances.items()},
        "expired": course.expired,
        "dead_lettered": course.dead_lettered,
        "throttled": float(course.throttled.sum()),
        "usd": found.usd,
        "usd_a_month": found.usd_a_month,
        "usd_by_part": by_part(found.bill),
    }
    discrete = events and {
        "engine": "discrete events",
        "rate": found.answer.steady.rate,
        "messages": events.done,
        "latency_seconds": {
            name: events.percentile(share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "records_per_batch": events.done / events.invocations if events.invocations else None,
        "throttled": events.throttled,
    }
    return {
        **as_json(found.answer),
        "breaks_first": found.sentence,
        "fluid": fluid,
        "discrete": discrete,
        "advice": [{"change": one.change, "effect": one.effect} for one in found.advice],
    }


def as_text(content: Any) -> str:
    """Return JSON; a number without end is null, which JSON has no word for."""
    return json.dumps(_without_infinity(content), indent=2, allow_nan=False)


def _without_infinity(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _without_infinity(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_without_infinity(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
