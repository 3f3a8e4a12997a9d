"""Queue, dead letters and function."""

from collections.abc import Iterator, Mapping

from ..clients import Clients
from ..display import duration
from ..pipelines import Pipeline, QueueFacts, event_sources
from .finding import Finding
from .metrics import MINUTES, OF_THE_HANDLER

LEFT_OUT = "messages received three times or more are left out"
"""Of `ApproximateAgeOfOldestMessage`: SQS moves them to the back of its view
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html)."""
ENABLED = "Enabled"
UNSCORED_PERCENT = 10

Metrics = Mapping[str, float | None]


def queue_findings(work: QueueFacts, dead: QueueFacts, metrics: Metrics) -> Iterator[Finding]:
    """Yield how much waits, for how long, and how long it will."""
    age, sent, deleted = metrics.get("age"), metrics.get("sent"), metrics.get("deleted")
    seconds = drain_seconds(work.visible, deleted)
    stuck = bool(work.visible and deleted == 0)
    flow = (
        "nothing known of its flow"
        if deleted is None
        else f"{sent or 0:,.0f} in and {deleted:,.0f} out in {MINUTES} min"
    )
    words = [
        f"{work.visible:,} waiting, {work.in_flight:,} in flight, {work.delayed:,} delayed",
        "oldest not known" if age is None else f"oldest {duration(age)} ({LEFT_OUT})",
        flow,
    ]
    if seconds:
        words.append(f"{duration(seconds)} to drain at this rate")
    if stuck:
        words.append("nothing leaves it")
    yield Finding(
        part="work queue",
        text="; ".join(words),
        facts={
            "name": work.name,
            "waiting": work.visible,
            "in_flight": work.in_flight,
            "delayed": work.delayed,
            "oldest_seconds": age,
            "sent": sent,
            "deleted": deleted,
            "drain_seconds": seconds,
        },
        wrong=stuck,
    )
    text = f"{dead.visible:,} waiting" + (f", {dead.in_flight:,} hidden" if dead.in_flight else "")
    yield Finding(
        part="dead letters",
        text=text + (": dead-letters list says why" if dead.visible else ""),
        facts={"name": dead.name, "waiting": dead.visible, "hidden": dead.in_flight},
        wrong=bool(dead.visible),
    )


def drain_seconds(waiting: int, deleted: float | None) -> float | None:
    """Return how long it takes until what waits has left, at the rate of the last minutes; None if that is unknown."""
    if not waiting:
        return 0.0
    return waiting * MINUTES * 60 / deleted if deleted else None


def function_findings(clients: Clients, pipeline: Pipeline, work: QueueFacts, metrics: Metrics) -> Iterator[Finding]:
    """Yield what the function did, and whether the queue still feeds it."""
    names = ("invocations", "errors", "throttles", "looped")
    counts = {name: metrics.get(name) for name in names}
    state = pipeline.function.get("State", "Active")
    words = [f"{counts[name] or 0:,.0f} {name}" for name in names[:3]]
    if counts["looped"]:
        words.append(f"{counts['looped']:,.0f} dropped by Lambda as a loop between SQS and Lambda")
    text = f"{', '.join(words)} in {MINUTES} min" if counts["invocations"] is not None else "no invocation known"
    if state not in ("Active", "Inactive"):
        text += f"; its state is {state}: {pipeline.function.get('StateReason', '')}"
    yield Finding(
        part="function",
        text=text,
        facts={"name": pipeline.function_name, "state": state, **counts},
        wrong=any(counts[name] for name in names[1:]) or state == "Failed",
    )
    if metrics.get("received"):
        yield _records(metrics)
    states = [one["State"] for one in event_sources(clients, pipeline, work)]
    yield Finding(
        part="event source",
        text=", ".join(states) or "there is no event source mapping: nothing takes messages",
        facts={"states": states},
        wrong=ENABLED not in states,
    )


def _records(metrics: Metrics) -> Finding:
    """Return what became of the records; as the alarm `unscored-records`, a tenth that was not scored is wrong."""
    counts = {name: metrics.get(name) or 0 for name in OF_THE_HANDLER}
    ends = ("received", "succeeded", "returned", "dead")
    words = [f"{counts[name]:,.0f} {'dead-lettered' if name == 'dead' else name}" for name in ends]
    troubles = {"throttled": "throttled", "model_errors": "refused or failed by the model", "timeouts": "timed out"}
    words += [f"{counts[name]:,.0f} requests {text}" for name, text in troubles.items() if counts[name]]
    unscored = 100 * (counts["returned"] + counts["dead"]) / counts["received"]
    return Finding(
        part="records",
        text=f"{', '.join(words)} in {MINUTES} min",
        facts=dict(counts),
        wrong=unscored > UNSCORED_PERCENT,
    )
