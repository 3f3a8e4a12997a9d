"""The answer for one pipeline at a steady rate, as text and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from capacity.break_even import BreakEven, break_even
from capacity.cost import MILLION, Item, by_part, items, left_out, total, usage_at
from capacity.peers import Peer, PeerUsage, peer_usage
from capacity.prices import Prices
from capacity.service_time import counted, digits, rate_text, shown
from capacity.steady import Load, Steady, steady
from capacity.work import Work

# Costs that differ by less are the same for whoever plans.
ALIKE = 0.05


@dataclass(frozen=True)
class Answer:
    """Everything that the closed form says of a pipeline at a rate."""

    work: Work
    steady: Steady
    bill: Sequence[Item]
    messages: float
    """In the month."""
    peer: Peer | None
    peer_usage: PeerUsage | None
    peer_bill: Sequence[Item]
    even: BreakEven | None

    @property
    def usd_a_month(self) -> float:
        return total(self.bill)

    @property
    def usd_a_million(self) -> float:
        return total(self.bill) / self.messages * MILLION if self.messages else 0.0


def answer(work: Work, rate: float, prices: Prices, peer: Peer | None) -> Answer:
    """Return the answer at so many messages a second."""
    at = steady(work, rate)
    usage = usage_at(at, work)
    is_compared = peer is not None and at.capacity > 0 and not work.pipeline.endpoint.queues_requests
    other = peer_usage(work, at, peer) if peer is not None and is_compared else None
    return Answer(
        work=work,
        steady=at,
        bill=items(work, usage, prices),
        messages=usage.messages,
        peer=peer,
        peer_usage=other,
        peer_bill=items(work, other.usage, prices) if other else (),
        even=break_even(work, at, prices),
    )


def lines(found: Answer) -> Iterator[str]:
    """Yield the answer as text."""
    work, at = found.work, found.steady
    messages = f"{digits(at.rate, 6)} messages/s of {work.record_bytes:,} bytes"
    yield f"{work.pipeline.path} at {messages}, model {work.model.text}"
    yield from (f"  assumed: {note}" for note in work.pipeline.notes)
    if not work.pipeline.source.enabled:
        yield "  the event source is disabled: until it is enabled, messages only wait"
    yield ""
    yield from _limit_lines(at)
    if at.capacity:
        yield ""
        yield from _load_lines(work, at)
        yield ""
        yield from _cost_lines(found)
        yield ""
        yield from _comparison_lines(found)


def _limit_lines(at: Steady) -> Iterator[str]:
    yield "Most messages a second, by part"
    for number, limit in enumerate(at.limits):
        mark = ("<- sets it", "<- next", *[""] * len(at.limits))[number]
        yield f"  {rate_text(limit.per_second):>12}  {limit.part:26}{mark}".rstrip()
        yield f"  {'':>12}  {limit.because}"
    yield f"  to raise it: {at.limits[0].raised_by}"


def _load_lines(work: Work, at: Steady) -> Iterator[str]:
    one = at.invocation
    piles = (
        f"{rate_text(at.rate - at.capacity)} messages/s pile up" if at.rate > at.capacity else "there is no room left"
    )
    carried = "carried" if at.stable else f"NOT carried, {piles}"
    yield f"At {digits(at.rate, 6)} messages/s: {carried}, {at.rate / at.capacity:.0%} of the most"
    yield (
        f"  batch         {digits(one.records)} of {work.pipeline.source.batch_size} messages, "
        f"{counted(one.requests, 'request')} of {digits(one.records_per_request)}"
    )
    yield (
        f"  invocations   {digits(at.invocations_per_second, 4)} a second, {shown(one.seconds)} each, "
        f"{digits(at.concurrency)} of {at.most_invocations:,} at once ({at.concurrency / at.most_invocations:.0%})"
    )
    for load in at.loads:
        yield f"  {'endpoint' if not load.variant.shadow else 'shadow':13} {_endpoint_text(load)}"
    if (latency := at.latency) is None:
        yield "  latency       grows without end"
        return
    yield (
        f"  latency       {shown(latency.mean)} on average, 95 % below {shown(latency.p95)}: "
        f"batch {shown(latency.gathering)}, wait for an invocation {shown(latency.waiting)}, "
        f"function {shown(latency.function)}, of it waits for a place {shown(latency.at_endpoint)}"
        + (f", endpoint's own queue and work {shown(latency.later)}" if latency.later else "")
    )
    yield "                by M/D/c (Allen and Cunneen), places at the endpoint and invocations as servers"


def _endpoint_text(load: Load) -> str:
    variant = load.variant
    busy = (
        f"{digits(load.busy)} of {load.places} requests at once ({load.utilization:.0%})"
        if load.places
        else "no instance"
    )
    if not variant.instance_type:
        return f"{variant.name}: {busy}"
    between = f"{variant.fewest_instances} to {variant.most_instances}"
    how = f", scaling from {between}" if variant.fewest_instances != variant.most_instances else ""
    return f"{variant.name}: {load.instances} x {variant.instance_type}{how}, {busy}"


def _cost_lines(found: Answer) -> Iterator[str]:
    least = "at least " if left_out(found.bill) else ""
    yield (
        f"A month (730 h): {least}{found.usd_a_month:,.2f} USD, {least}{found.usd_a_million:,.2f} USD a million "
        "messages, free tiers and discounts left out"
    )
    for line in found.bill:
        if line.quantity and line.price and line.usd is not None:
            per = f"{digits(line.price.usd, 6)} {line.price.unit}"
            used = f"{digits(line.quantity)} {line.what}"
            yield f"  {line.usd:>10,.2f}  {line.part:9} {used} at {per} ({line.price.as_of})"
    for text in left_out(found.bill):
        yield f"  {'left out':>10}  {text}: no price is known in {found.work.pipeline.region}"


def _comparison_lines(found: Answer) -> Iterator[str]:
    if found.peer and found.peer_usage:
        usd = total(found.peer_bill)
        more = f", {_times(usd / found.usd_a_month)}" if found.usd_a_month else ""
        types = {load.variant.name: load.variant.instance_type for load in found.steady.loads}
        fleet = [f"{count} x {types[name]}" for name, count in found.peer_usage.instances.items() if types[name]]
        yield (
            f"One call a record: {usd:,.2f} USD a month{more}, {shown(found.peer_usage.message_seconds)} a message"
            + (f", needs {', '.join(fleet)}" if fleet else "")
            + f" (overhead measured by make bench, {found.peer.measured})"
        )
    elif found.peer is None:
        yield "One call a record: not compared, since nothing was measured; make bench ARGS=handler does"
    if even := found.even:
        carried = "" if even.per_second <= even.carried else f"; but one instance carries {rate_text(even.carried)}"
        yield (
            f"Serverless ({even.memory_mib:,} MB) and one {even.instance_type} "
            f"({digits(even.usd_an_hour, 6)} USD an hour) cost the same at {rate_text(even.per_second)} messages/s, "
            f"if the model takes the same time on both{carried}"
        )


def _times(ratio: float) -> str:
    return "about as much" if abs(ratio - 1) < ALIKE else f"{digits(ratio, 2)} times as much"


def as_json(found: Answer) -> dict[str, Any]:
    """Return the answer's numbers; times in seconds, prices in USD."""
    work, at = found.work, found.steady
    return {
        "pipeline": work.pipeline.path,
        "region": work.pipeline.region,
        "engine": "closed form",
        "model": work.model.text,
        "record_bytes": work.record_bytes,
        "profile": {"name": work.profile.name, "origin": work.profile.origin},
        "assumed": list(work.pipeline.notes),
        "rate": at.rate,
        "most_per_second": at.capacity,
        "stable": at.stable,
        "limits": [asdict(limit) for limit in at.limits],
        "invocation": asdict(at.invocation),
        "invocations_at_once": {"mean": at.concurrency, "most": at.most_invocations},
        "variants": [_variant_json(load) for load in at.loads],
        "latency_seconds": {**asdict(at.latency), "mean": at.latency.mean} if at.latency else None,
        "month_usd": {"total": found.usd_a_month, **by_part(found.bill)},
        "usd_a_million_messages": found.usd_a_million,
        "bill": [_item_json(line) for line in found.bill if line.quantity],
        "left_out": left_out(found.bill),
        "one_call_a_record": _peer_json(found),
        "break_even": asdict(found.even) if found.even else None,
    }


def _variant_json(load: Load) -> Mapping[str, Any]:
    return {
        "name": load.variant.name,
        "shadow": load.variant.shadow,
        "instance_type": load.variant.instance_type,
        "instances": load.instances if load.variant.instance_type else None,
        "requests_per_second": load.requests_per_second,
        "busy_requests": load.busy,
        "places": load.places,
    }


def _item_json(line: Item) -> Mapping[str, Any]:
    return {
        "part": line.part,
        "what": line.what,
        "quantity": line.quantity,
        "usd": line.usd,
        "price": asdict(line.price) if line.price else None,
    }


def _peer_json(found: Answer) -> Mapping[str, Any] | None:
    if not (found.peer and found.peer_usage):
        return None
    return {
        "month_usd": total(found.peer_bill),
        "message_seconds": found.peer_usage.message_seconds,
        "instances": dict(found.peer_usage.instances),
        "measured": found.peer.measured,
    }
