"""Chains of a stack's pipelines: which can feed which, and in which order they are made."""

from collections.abc import Iterator, Mapping

from constructs_lib.settings import ExistingQueue, PipelineSettings, ResultsOf
from constructs_lib.validation.checker import Violation, check
from constructs_lib.validation.limits import MAX_MESSAGE_BYTES

FEEDING_SINKS = ("sqs", "sns", "eventbridge")


def feed_violations(
    path: str, pipelines: Mapping[str, PipelineSettings], feeds: Mapping[str, ResultsOf]
) -> Iterator[Violation]:
    """Yield what can't work of the chains; each pipeline by itself is right."""
    for name, feed in feeds.items():
        place = f"feeds.{name}"
        yield from check(path, feed, f"{place}.")
        for named, property_ in ((name, place), (feed.pipeline, f"{place}.pipeline")):
            if named not in pipelines:
                bound = f"one of {', '.join(pipelines)}"
                yield Violation(path, property_, named, bound, "a pipeline of the stack")
        if name in pipelines and feed.pipeline in pipelines:
            if circle := _circle(name, feeds):
                reason = "its results would be scored again and again, and paid for"
                yield Violation(path, place, " <- ".join(circle), "a chain with a first pipeline", reason)
                continue
            yield from _receiving(path, place, pipelines[name], pipelines[feed.pipeline])
            yield from _sending(path, place, feed, pipelines[feed.pipeline], _followers(feed.pipeline, feeds))


def _receiving(path: str, place: str, follower: PipelineSettings, source: PipelineSettings) -> Iterator[Violation]:
    sink, queue = source.results.sink, follower.queue
    if follower.inference.envelope not in ("cloudevents", "auto"):
        found = follower.inference.envelope
        reason = "results are CloudEvents"
        yield Violation(path, f"{place}: inference.envelope", found, "cloudevents or auto", reason)
    if isinstance(queue, ExistingQueue):
        reason = "the policy of an existing queue is not changed"
        yield Violation(path, f"{place}: queue", queue.name, "a queue that is created", reason)
    if sink != "sns" and queue.max_message_bytes < MAX_MESSAGE_BYTES:
        reason = f"results by {sink} may be as large, and what the queue does not take is lost to it"
        bound = f"{MAX_MESSAGE_BYTES} bytes"
        yield Violation(path, f"{place}: queue.max_message_bytes", queue.max_message_bytes, bound, reason)
    if sink == "sqs" and queue.fifo is not source.queue.fifo:
        reason = "its queue takes the place of the results queue"
        yield Violation(path, f"{place}: queue.fifo", queue.fifo, f"{source.queue.fifo}, as of its source", reason)
    if queue.fifo and (sink == "eventbridge" or (sink == "sns" and not source.queue.fifo)):
        reason = "neither a rule nor a standard topic gives messages the groups of their records"
        yield Violation(path, f"{place}: queue.fifo", True, "False, or a source with queue.fifo and sink sns", reason)


def _sending(path: str, place: str, feed: ResultsOf, source: PipelineSettings, followers: int) -> Iterator[Violation]:
    results, of_source = source.results, f"{place}: results of {feed.pipeline}"
    is_asynchronous = source.endpoint.async_capacity is not None
    if results.sink not in FEEDING_SINKS:
        reason = "nothing leads from there to a queue"
        yield Violation(path, of_source, results.sink, f"one of {', '.join(FEEDING_SINKS)}", reason)
    if results.sink == "sqs":
        reason = "the queue gets all that the function sends"
        if feed.matching:
            yield Violation(path, f"{place}.matching", feed.matching, "empty with sink sqs; sns or eventbridge", reason)
        if followers > 1:
            bound = "of one pipeline with sink sqs; sns or eventbridge feed several"
            yield Violation(path, of_source, f"{followers} pipelines", bound, "a message is received once")
        if is_asynchronous:
            bound = "sns or eventbridge with an asynchronous endpoint"
            yield Violation(path, of_source, "sqs", bound, "the queue would get what is only accepted, too")
    if results.sink == "sns" and results.max_events_per_message > 1 and (feed.matching or is_asynchronous):
        bound = "max_events_per_message 1" if is_asynchronous else "max_events_per_message 1, or no matching"
        reason = "Amazon SNS filters JSON objects, and no lists"
        yield Violation(path, of_source, results.max_events_per_message, bound, reason)


def _followers(source: str, feeds: Mapping[str, ResultsOf]) -> int:
    return sum(feed.pipeline == source for feed in feeds.values())


def _circle(name: str, feeds: Mapping[str, ResultsOf]) -> list[str]:
    """Return the way back to a pipeline; nothing if there is none."""
    way = [name]
    while (feed := feeds.get(way[-1])) is not None:
        if feed.pipeline in way:
            return [*way, feed.pipeline]
        way.append(feed.pipeline)
    return []


def in_order(pipelines: Mapping[str, PipelineSettings], feeds: Mapping[str, ResultsOf]) -> list[str]:
    """Return the names of the pipelines as they are to be made: each after the one that it names something of.

    A follower names its source's topic or bus; a source with a queue for its sink names its follower's queue.
    """
    needs: dict[str, list[str]] = {name: [] for name in pipelines}
    for name, feed in feeds.items():
        if pipelines[feed.pipeline].results.sink == "sqs":
            needs[feed.pipeline].append(name)
        else:
            needs[name].append(feed.pipeline)
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in needs[name]:
            add(needed)
        ordered.setdefault(name)

    for name in pipelines:
        add(name)
    return list(ordered)
