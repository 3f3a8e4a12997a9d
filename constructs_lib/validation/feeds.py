"""Chains of a stack's pipelines: which can feed which, and in which order they are made."""

import re
from collections.abc import Iterator, Mapping, Sequence

from constructs_lib.settings import ExistingQueue, InferenceSettings, PipelineSettings, ResultsOf, ResultsSettings
from constructs_lib.settings.base import did_you_mean
from constructs_lib.settings.handler import EVENT_MEMBERS
from constructs_lib.validation.checker import Violation, check
from constructs_lib.validation.limits import MAX_MESSAGE_BYTES
from constructs_lib.validation.matching import matching_violations

FEEDING_SINKS = ("sqs", "sns", "eventbridge")
# What a record must have for each codec, one of them; the others take any JSON, and so a result as it is.
NEEDED_MEMBERS = {"huggingface": ("inputs",), "kserve": ("inputs",)}


def feed_violations(
    path: str, pipelines: Mapping[str, PipelineSettings], feeds: Mapping[str, ResultsOf]
) -> list[Violation]:
    """Return what can't work of the chains, each cause once; each pipeline by itself is right."""
    found = [violation for name in feeds for violation in _feed_violations(path, name, pipelines, feeds)]
    # Of two followers of one source each finds what is wrong with it.
    return [violation for position, violation in enumerate(found) if violation not in found[:position]]


def _feed_violations(
    path: str, name: str, pipelines: Mapping[str, PipelineSettings], feeds: Mapping[str, ResultsOf]
) -> Iterator[Violation]:
    place, feed = f"feeds.{name}", feeds[name]
    if wrong_types := [violation for violation in check(path, feed, f"{place}.") if violation.wrong_type]:
        yield from wrong_types
        return
    for named, property_, reason in (
        (name, "feeds", "the pipeline whose queue gets the results"),
        (feed.pipeline, f"{place}.pipeline", "the pipeline whose results they are"),
    ):
        if named not in pipelines:
            bound = f"one of {', '.join(pipelines)}{did_you_mean(named, pipelines)}"
            yield Violation(path, property_, named, bound, reason)
    if name not in pipelines or feed.pipeline not in pipelines:
        return
    if circle := _circle(name, feeds):
        if name == next(one for one in feeds if one in _members(circle)):
            reason = "its results would be scored again and again, and paid for"
            yield Violation(path, "feeds", " <- ".join(circle), "a chain with a first pipeline", reason)
        return
    source = pipelines[feed.pipeline]
    yield from _receiving(f"{path}/{name}", pipelines[name], feed.pipeline, source)
    yield from _sending(path, name, feed, source, [one for one in feeds if feeds[one].pipeline == feed.pipeline])
    if source.results.sink in FEEDING_SINKS:
        yield from kept_violations(f"{path}/{feed.pipeline}", name, pipelines[name].inference, source.results)


def _receiving(path: str, follower: PipelineSettings, name: str, source: PipelineSettings) -> Iterator[Violation]:
    """Yield what the follower can't take; `path` is its own, `name` the source's."""
    sink, queue = source.results.sink, follower.queue
    if follower.inference.envelope not in ("cloudevents", "auto"):
        reason = f"it gets results of {name}, which are CloudEvents"
        yield Violation(path, "inference.envelope", follower.inference.envelope, "cloudevents or auto", reason)
    if follower.inference.codec in ("csv", "csv-row"):
        reason = f"it gets results of {name}, which are JSON, and no rows"
        yield Violation(path, "inference.codec", follower.inference.codec, "another than csv and csv-row", reason)
    if isinstance(queue, ExistingQueue):
        reason = f"it gets results of {name}, and the policy of an existing queue is not changed"
        yield Violation(path, "queue", queue.name, "a queue that is created", reason)
    if sink in ("sqs", "eventbridge") and queue.max_message_bytes < MAX_MESSAGE_BYTES:
        reason = f"results of {name} by {sink} may be as large, and what the queue does not take is lost to it"
        bound = f"{MAX_MESSAGE_BYTES} bytes"
        yield Violation(path, "queue.max_message_bytes", queue.max_message_bytes, bound, reason)
    if sink == "sqs" and queue.fifo is not source.queue.fifo:
        reason = f"it takes the place of the results queue of {name}"
        yield Violation(path, "queue.fifo", queue.fifo, f"{source.queue.fifo}, as that of {name}", reason)
    if queue.fifo and (sink == "eventbridge" or (sink == "sns" and not source.queue.fifo)):
        reason = "neither a rule nor a standard topic gives messages the groups of their records"
        yield Violation(path, "queue.fifo", True, f"False, or {name} with queue.fifo and results.sink sns", reason)


def _sending(
    path: str, name: str, feed: ResultsOf, source: PipelineSettings, followers: Sequence[str]
) -> Iterator[Violation]:
    """Yield what the source can't do for its followers, of which `name` is one."""
    results, of_source = source.results, f"{path}/{feed.pipeline}"
    is_asynchronous = source.endpoint.async_capacity is not None
    if results.sink not in FEEDING_SINKS:
        bound = f"one of {', '.join(FEEDING_SINKS)} to feed {', '.join(followers)}"
        yield Violation(of_source, "results.sink", results.sink, bound, "nothing leads from there to a queue")
    if results.sink == "sqs":
        if feed.matching:
            bound = f"empty with results.sink sqs of {feed.pipeline}; sns or eventbridge filter"
            reason = "the queue gets all that the function sends"
            yield Violation(path, f"feeds.{name}.matching", feed.matching, bound, reason)
        if len(followers) > 1:
            bound = f"sns or eventbridge to feed {', '.join(followers)}"
            yield Violation(of_source, "results.sink", "sqs", bound, "a message is received once")
        if is_asynchronous:
            bound = f"sns or eventbridge with an asynchronous endpoint to feed {', '.join(followers)}"
            yield Violation(of_source, "results.sink", "sqs", bound, "the queue would get what is only accepted, too")
    if results.sink == "sns" and results.max_events_per_message > 1 and (feed.matching or is_asynchronous):
        why = "an asynchronous endpoint" if is_asynchronous else f"feeds.{name}.matching"
        reason = "Amazon SNS filters JSON objects, and no lists"
        packed = results.max_events_per_message
        yield Violation(of_source, "results.max_events_per_message", packed, f"1 with {why}", reason)
    yield from matching_violations(path, f"feeds.{name}.matching", feed.matching, results)


def kept_violations(
    path: str, follower: str, inference: InferenceSettings, results: ResultsSettings
) -> Iterator[Violation]:
    """Yield that results do not have what the follower scores; `path` is the source's, `inference` the follower's."""
    has = {*results.keep_members, *EVENT_MEMBERS}
    if inference.input_location is not None and "s3" in has:
        return
    for wanted in _needed(inference):
        if not has & {*wanted}:
            needed = " or ".join(map(repr, wanted))
            origin = "prompt_template" if inference.prompt_template else f"codec {inference.codec}"
            reason = f"{follower} gets the results, and its inference.{origin} scores it"
            yield Violation(path, "results.keep_members", results.keep_members, f"with {needed}", reason)


def _needed(inference: InferenceSettings) -> list[tuple[str, ...]]:
    """Return the members that a record must have, of each group one."""
    if inference.codec == "chat":
        has_prompt = ("prompt", "messages") if inference.chat_style == "openai" else ("prompt",)
        if not inference.prompt_template:
            return [has_prompt]
        places = re.findall(r"\{\{|\}\}|\{(\w+)\}", inference.prompt_template)
        return [(name, *has_prompt[1:]) for name in dict.fromkeys(places) if name]
    return [NEEDED_MEMBERS[inference.codec]] if inference.codec in NEEDED_MEMBERS else []


def _circle(name: str, feeds: Mapping[str, ResultsOf]) -> list[str]:
    """Return the way back to a pipeline; nothing if there is none."""
    way = [name]
    while (feed := feeds.get(way[-1])) is not None:
        if feed.pipeline in way:
            return [*way, feed.pipeline]
        way.append(feed.pipeline)
    return []


def _members(way: Sequence[str]) -> Sequence[str]:
    """Return the pipelines of a circle, without those that only lead into it."""
    return way[way.index(way[-1]) :]


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
