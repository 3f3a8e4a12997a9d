"""Findings of the simulation as text, for below those of the formulas."""

from collections.abc import Iterator

from capacity.answer import lines
from capacity.service_time import counted, shown
from capacity.study import Study

# Beyond that, two answers to one question ask for a word.
APART = 0.15


def study_lines(found: Study) -> Iterator[str]:
    """Yield everything that is said of a pipeline, and which engine says it."""
    yield from lines(found.answer)
    yield ""
    hours = found.arrivals.seconds / 3600
    yield f"Over time: {found.arrivals.text}, {hours:g} h"
    yield f"  {found.sentence}"
    if (course := found.course) is None:
        return
    yield (
        f"  fluid engine  {counted(round(float(course.done.sum())), 'message')} of "
        f"{float(course.arrived.sum()):,.0f} done, backlog up to {float(course.backlog.max()):,.0f}, "
        f"oldest {shown(float(course.age.max()))}, {found.usd:,.2f} USD ({found.usd_a_month:,.0f} a month like this)"
    )
    if found.arrivals.has_burst:
        drained = course.drained_at()
        yield (
            f"  the burst     is drained after {shown(drained)}" if drained < 1e12 else "  the burst     is not drained"
        )
    for name, series in course.instances.items():
        if series.max() > series.min():
            yield f"  instances     {name}: {series.min():.0f} to {series.max():.0f}"
    if events := found.events:
        p50, p95, p99 = (shown(events.percentile(share)) for share in (0.5, 0.95, 0.99))
        yield (
            f"  discrete      p50 {p50}, p95 {p95}, p99 {p99}, of {events.done:,} messages that come at random, "
            f"{counted(events.done / events.invocations, 'record')} a batch"
        )
        if apart := _apart(found, events.percentile(0.95)):
            yield f"  {'':13} {apart}"
    for number, one in enumerate(found.advice):
        yield f"  {'better' if not number else '':13} {one.change}"
        yield f"  {'':15} {one.effect}"


def _apart(found: Study, p95: float) -> str | None:
    """Return why the formulas' 95th percentile is not the discrete engine's; None where it is, nearly."""
    latency = found.answer.steady.latency
    if latency is None or abs(latency.p95 / p95 - 1) <= APART:
        return None
    return (
        f"(the formulas say 95 % below {shown(latency.p95)}: they take each wait by itself, and pollers as they are "
        "on average)"
    )
