"""Other settings that carry the same for less, or faster: each is simulated, and only what holds is said."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from constructs_lib.validation.accelerators import gpus_of, memory_gib
from constructs_lib.validation.instances import similar

from capacity.cost import MONTH_SECONDS, items, total
from capacity.deployed import Pipeline, Variant
from capacity.limits import limits
from capacity.prices import Prices
from capacity.service_time import ServiceTime, digits, shown
from capacity.simulation.arrivals import Arrivals
from capacity.simulation.course import Course
from capacity.simulation.discrete import Discrete, poisson
from capacity.simulation.fluid import Fluid
from capacity.work import Work
from handler.settings import PACKED_SINKS

# What is not at least so much better is not worth a change.
CHEAPER, FASTER, MORE = 0.03, 0.10, 0.05
# A steady rate is simulated for so long, and with so many messages for its latency.
STEADY_SECONDS, MESSAGES = 3600, 3000
SLOWER = (2.0, 1.5, 1.2, 1.1, 1.0)
# Of an instance type that is cheaper: so much longer may 95 % of the messages take.
SLOWER_P95 = 2.0
# So long a wait is no harm to a queue's work, however short it was before.
TOLERABLE_SECONDS = 5.0
# What the simulation does not see.
CAUTIONS = (
    ("max_events_per_message", "whoever reads the results then gets lists"),
    ("min_instances=1", "one instance is in one availability zone"),
    ("maximum_concurrency", "it was derived from the endpoint's requests at once"),
)


@dataclass(frozen=True)
class Outcome:
    """The findings of a simulation: months in USD, latencies in seconds."""

    usd_a_month: float
    p95: float
    carried: float
    """Share of the messages that were done."""


@dataclass(frozen=True)
class Advice:
    """A change, and what it does."""

    change: str
    """The settings, as they would be written."""
    effect: str
    before: Outcome
    after: Outcome


def advise(work: Work, arrivals: Arrivals, prices: Prices, start_seconds: float) -> list[Advice]:
    """Return the changes that the simulation proves, the greatest saving first."""
    has_schedule = any(variant.scaling and variant.scaling.schedule for variant in work.pipeline.endpoint.variants)
    if arrivals.is_steady and not has_schedule:  # each hour is as the others
        arrivals = replace(arrivals, per_second=arrivals.per_second[:STEADY_SECONDS])
    judge = _Judge(arrivals, prices, start_seconds)
    before = judge.outcome(work)
    found = []
    for change, pipeline in _changes(work):
        after = judge.outcome(Work(pipeline, work.model, work.profile, work.circumstances))
        if effect := _effect(before, after):
            caution = next((f"; {text}" for name, text in CAUTIONS if name in change), "")
            found.append(Advice(change, effect + caution, before, after))
    found += judge.cheaper_types(work, before)
    return sorted(found, key=lambda one: (one.after.carried <= before.carried + MORE, one.after.usd_a_month))


class _Judge:
    """Simulates the same arrivals with other settings."""

    def __init__(self, arrivals: Arrivals, prices: Prices, start_seconds: float) -> None:
        self._arrivals, self._prices, self._start = arrivals, prices, start_seconds

    def outcome(self, work: Work) -> Outcome:
        if not limits(work)[0].per_second:
            return Outcome(math.inf, math.inf, 0.0)
        course = Fluid(work, self._start).run(self._arrivals)
        month = total(items(work, course.usage(), self._prices)) * MONTH_SECONDS / self._arrivals.seconds
        return Outcome(month, self._p95(work, course), float(course.done.sum()) / self._arrivals.messages)

    def _p95(self, work: Work, course: Course) -> float:
        """Return it by discrete events where the rate is steady and carried, else by the fluid."""
        rate = float(self._arrivals.per_second[0])
        is_simple = self._arrivals.is_steady and not work.pipeline.endpoint.queues_requests
        if is_simple and rate < 0.97 * limits(work)[0].per_second:
            return Discrete(work, poisson(rate, MESSAGES), goes_on=True).run().percentile(0.95)
        return course.percentile(0.95)

    def cheaper_types(self, work: Work, before: Outcome) -> Iterator[Advice]:
        """Yield the cheapest like instance, with how much slower its model may be for the month to stay below.

        Of a chat's none with less GPU memory: a language model fills it, and is chosen to.
        """
        region = work.pipeline.region
        for number, variant in enumerate(work.pipeline.endpoint.variants):
            own = self._prices.instance(variant.instance_type or "")
            if own is None or variant.instance_type is None:
                continue
            like = [name for name in similar(variant.instance_type, region, count=4) if name != variant.instance_type]
            if work.pipeline.is_chat:
                like = [name for name in like if _memory(name)[0] >= _memory(variant.instance_type)[0]]
            priced = [(price.usd, name) for name in like if (price := self._prices.instance(name))]
            usd, name = min(priced, default=(math.inf, ""))
            if usd >= own.usd:
                continue
            after, slower = self._slowest(work, number, replace(variant, instance_type=name), before)
            if after is not None:
                change = f"endpoint.capacity.instance_type={name!r} in {variant.name}"
                effect = (
                    f"{_saved(before, after)}, if the model takes at most {slower:g} times as long there "
                    f"({digits(usd, 6)} USD an hour in place of {digits(own.usd, 6)}"
                    f"{_less_memory(name, variant.instance_type)}): measure it first"
                )
                yield Advice(change, effect, before, after)

    def _slowest(self, work: Work, number: int, variant: Variant, before: Outcome) -> tuple[Outcome | None, float]:
        """Return the outcome with the slowest model that still saves, and how much slower it is."""
        variants = list(work.pipeline.endpoint.variants)
        variants[number] = variant
        endpoint = replace(work.pipeline.endpoint, variants=variants)
        for factor in SLOWER:
            model = _slowed(work.model, factor)
            slower = Work(replace(work.pipeline, endpoint=endpoint), model, work.profile, work.circumstances)
            after = self.outcome(slower)
            is_cheaper = after.usd_a_month <= (1 - CHEAPER) * before.usd_a_month
            if is_cheaper and after.carried >= before.carried - 1e-3 and after.p95 <= SLOWER_P95 * before.p95:
                return after, factor
        return None, 1.0


def _memory(instance_type: str) -> tuple[float, str]:
    """Return the memory that a model lies in, with its unit; 0 if it is not known."""
    if gpus := gpus_of(instance_type):
        return gpus.number * gpus.gb, "GB of GPU memory"
    return memory_gib(instance_type) or 0, "GiB of memory"


def _less_memory(instance_type: str, than: str) -> str:
    (memory, unit), (own, _) = _memory(instance_type), _memory(than)
    return f", {memory:g} {unit} in place of {own:g}" if memory < own else ""


def _slowed(model: ServiceTime, factor: float) -> ServiceTime:
    return ServiceTime(tuple((size, seconds * factor) for size, seconds in model.points), model.text)


def _changes(work: Work) -> Iterator[tuple[str, Pipeline]]:
    """Yield other settings, one change at a time."""
    pipeline = work.pipeline
    source, handler, function = pipeline.source, pipeline.handler, pipeline.function
    # Lambda takes more than 10 records a batch with a batching window alone; a longer one stays.
    larger = "event_source.batch_size=100" + ("" if source.window_seconds else ", batching_window_seconds=1")
    more = replace(source, batch_size=100, window_seconds=max(1, source.window_seconds))
    if not pipeline.queue.fifo and source.batch_size <= 100:
        yield larger, replace(pipeline, source=more)
    for places in (handler.requests_in_flight // 2, handler.requests_in_flight * 2):
        if 1 <= places <= 1000 and places != handler.requests_in_flight:
            changed = replace(handler, requests_in_flight=places)
            yield f"inference.requests_in_flight={places}", replace(pipeline, handler=changed)
    if handler.result_sink in PACKED_SINKS and handler.max_events_per_message == 1 and not pipeline.queue.fifo:
        packed = replace(handler, max_events_per_message=100)
        yield "results.max_events_per_message=100", replace(pipeline, handler=packed)
        if source.batch_size <= 100:
            yield f"{larger}, results.max_events_per_message=100", replace(pipeline, source=more, handler=packed)
    if source.maximum_concurrency and 2 * source.maximum_concurrency <= 1000:
        twice = replace(source, maximum_concurrency=2 * source.maximum_concurrency)
        yield f"event_source.maximum_concurrency={2 * source.maximum_concurrency}", replace(pipeline, source=twice)
    for memory in (256, 1769):
        if memory != function.memory_mib:
            yield f"function.memory_mib={memory}", replace(pipeline, function=replace(function, memory_mib=memory))
    yield from _counts(work)


def _counts(work: Work) -> Iterator[tuple[str, Pipeline]]:
    """Yield fewer instances at the least, or more at the most."""
    endpoint = work.pipeline.endpoint
    for number, variant in enumerate(endpoint.variants):
        if not variant.instance_type:
            continue
        of = f" in {variant.name}" if len(endpoint.variants) > 1 else ""
        for name, counts in (("min_instances", (-1, 0)), ("max_instances", (0, variant.most_instances))):
            changed = _resized(variant, *counts)
            if changed is None:
                continue
            variants = list(endpoint.variants)
            variants[number] = changed
            count = changed.fewest_instances if name == "min_instances" else changed.most_instances
            yield (
                f"endpoint.capacity.{name}={count}{of}",
                replace(work.pipeline, endpoint=replace(endpoint, variants=variants)),
            )


def _resized(variant: Variant, fewer: int, more: int) -> Variant | None:
    """Return a variant with another range; None if there is none such."""
    least = 0 if variant.scaling and variant.scaling.metric == "backlog" else 1
    if variant.scaling is None:
        instances = variant.instances + fewer + more
        return replace(variant, instances=instances) if instances >= least else None
    minimum, maximum = variant.scaling.minimum + fewer, variant.scaling.maximum + more
    if minimum < least:
        return None
    start = minimum if variant.instances == variant.scaling.minimum else variant.instances
    return replace(variant, instances=max(1, start), scaling=replace(variant.scaling, minimum=minimum, maximum=maximum))


def _effect(before: Outcome, after: Outcome) -> str | None:
    """Return what a change does, if it does no harm and enough good; None otherwise."""
    if after.carried < before.carried - 1e-3:
        return None
    if after.carried > before.carried * (1 + MORE):
        more = f"carries {after.carried:.0%} of the messages in place of {before.carried:.0%}"
        return f"{more}, {after.usd_a_month:,.0f} USD a month in place of {before.usd_a_month:,.0f}"
    cheaper = after.usd_a_month < (1 - CHEAPER) * before.usd_a_month
    faster = after.p95 < (1 - FASTER) * before.p95
    dearer = after.usd_a_month > 1.005 * before.usd_a_month
    if cheaper and after.p95 <= max(SLOWER_P95 * before.p95, TOLERABLE_SECONDS):
        return _saved(before, after)
    if faster and not dearer:
        return f"95 % below {shown(after.p95)} in place of {shown(before.p95)}, for the same money"
    if faster:
        extra = after.usd_a_month - before.usd_a_month
        return f"95 % below {shown(after.p95)} in place of {shown(before.p95)}, for {extra:,.0f} USD a month more"
    return None


def _saved(before: Outcome, after: Outcome) -> str:
    saved = before.usd_a_month - after.usd_a_month
    latency = f"95 % below {shown(after.p95)}"
    latency += f" in place of {shown(before.p95)}" if shown(before.p95) != shown(after.p95) else " as before"
    return f"saves {saved:,.0f} of {before.usd_a_month:,.0f} USD a month ({saved / before.usd_a_month:.0%}); {latency}"
