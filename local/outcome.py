"""The outcome of a run: the numbers, and whether every message had the outcome that it should."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local.alone import are_alike
from local.endpoint import Invocation
from local.messages import UNKNOWN
from local.tally import REDRIVEN, DeadLetter, Sent, Tally

NAMED = 10


@dataclass(frozen=True)
class Arrival:
    """A message that was scored."""

    sent: Sent
    label: str
    latency_ms: float
    """From before it was sent until its result was received."""


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """The faults that were injected into the run."""

    requests: int
    """All requests to the endpoint."""
    injected: Mapping[str, int]
    """Requests that got a fault, by kind."""
    workers_killed: int
    """Number of the function's processes that were killed at work."""
    batches_cut_short: int
    """Number of batches of messages that came back to the queue because of that."""


class Outcome:
    """The numbers of a finished run."""

    def __init__(
        self,
        tally: Tally,
        invocations: Sequence[Invocation],
        left_in_queue: int,
        disturbance: Disturbance | None = None,
    ) -> None:
        self.tally = tally
        self.invocations = invocations
        self.left_in_queue = left_in_queue
        """Number of messages that the queue still held at the end, for any reason."""
        self.disturbance = disturbance

    @cached_property
    def scored(self) -> list[Arrival]:
        pairs = ((self.tally.sent.get(id_), scored) for id_, scored in self.tally.scored.items())
        return [Arrival(sent, scored.label, 1000 * (scored.at - sent.at)) for sent, scored in pairs if sent]

    @cached_property
    def dead_lettered(self) -> list[tuple[Sent, DeadLetter]]:
        pairs = ((self.tally.sent.get(id_), dead_letter) for id_, dead_letter in self.tally.dead_letters.items())
        return [(sent, dead_letter) for sent, dead_letter in pairs if sent]

    @cached_property
    def missing(self) -> set[str]:
        """Ids of the messages without an outcome."""
        return self.tally.sent.keys() - self.tally.arrived

    @property
    def lost(self) -> int:
        return len(self.missing)

    @cached_property
    def started(self) -> float:
        return min(sent.at for sent in self.tally.sent.values())

    @cached_property
    def arrivals(self) -> list[float]:
        """Seconds from the first message sent to each that came back."""
        moments = [scored.at for scored in self.tally.scored.values()]
        moments += [dead_letter.at for dead_letter in self.tally.dead_letters.values()]
        return sorted(at - self.started for at in moments)

    @property
    def seconds(self) -> float:
        """From the first message sent to the last that came back."""
        return self.arrivals[-1] if self.arrivals else 0.0

    @cached_property
    def latencies_ms(self) -> list[float]:
        return sorted(arrival.latency_ms for arrival in self.scored)

    def by_language(self) -> dict[str, tuple[int, int]]:
        """Return by expected label how many were scored, and how many of them right."""
        known = [(arrival.sent.message.expected, arrival.label) for arrival in self.scored]
        total = Counter(expected for expected, _ in known if expected)
        right = Counter(expected for expected, label in known if expected == label)
        return {language: (total[language], right[language]) for language in sorted(total) if language}

    @cached_property
    def wrongly_dead_lettered(self) -> dict[str, str]:
        """Return by id the reason of each good message that should have been scored."""
        good = {id_: dead_letter.reason for id_, dead_letter in self._good_dead_lettered()}
        return {id_: reason for id_, reason in good.items() if reason != REDRIVEN or self.disturbance is None}

    @cached_property
    def moved_by_sqs(self) -> int:
        """Number of good messages that used up their receives because of faults, so that SQS itself moved them."""
        return sum(found.reason == REDRIVEN for _, found in self._good_dead_lettered()) if self.disturbance else 0

    @cached_property
    def groups(self) -> set[str]:
        """Message groups of the messages sent; none, if the queue is not FIFO."""
        return {sent.message.group for sent in self.tally.sent.values()} - {""}

    @cached_property
    def groups_out_of_order(self) -> set[str]:
        """Message groups whose results came in another order than their messages were sent."""
        place = {id_: number for number, id_ in enumerate(self.tally.sent)}
        latest: dict[str, int] = {}
        wrong = set()
        for id_ in self.tally.scored:
            if sent := self.tally.sent.get(id_):
                group = sent.message.group
                if place[id_] < latest.get(group, -1):
                    wrong.add(group)
                latest[group] = place[id_]
        return wrong & self.groups

    @cached_property
    def unlike_alone(self) -> set[str]:
        """Ids of the messages with another result than they get alone in a request, where that is known."""
        pairs = ((id_, self.tally.sent.get(id_), scored.result) for id_, scored in self.tally.scored.items())
        known = ((id_, sent.message.result, result) for id_, sent, result in pairs if sent)
        return {id_ for id_, alone, result in known if alone is not UNKNOWN and not are_alike(alone, result)}

    def _good_dead_lettered(self) -> Iterator[tuple[str, DeadLetter]]:
        for id_, dead_letter in self.tally.dead_letters.items():
            sent = self.tally.sent.get(id_)
            if sent and not sent.message.poison:
                yield id_, dead_letter

    def complaints(self) -> Iterator[str]:
        """Yield a sentence for each kind of error. Nothing, if the run succeeded."""
        tally = self.tally
        if self.lost:
            yield f"messages lost: {self.lost}; {_named(self.missing)}"
        if strangers := (tally.scored.keys() | tally.dead_letters.keys()) - tally.sent.keys():
            yield f"answers to messages that were never sent: {len(strangers)}"
        if both := tally.scored.keys() & tally.dead_letters.keys():
            yield f"messages both scored and dead-lettered: {_named(both)}"
        if tally.contradicted:
            yield f"results that came again and differ: {tally.contradicted}"
        scored = [arrival.sent.message.poison for arrival in self.scored if arrival.sent.message.poison]
        if scored:
            yield f"poison messages scored: {_counts(scored)}"
        if wrong := self.wrongly_dead_lettered:
            yield f"good messages dead-lettered: {_counts(list(wrong.values()))}; {_named(wrong)}"
        if self.groups_out_of_order:
            yield f"message groups whose results are out of order: {_named(self.groups_out_of_order)}"
        if self.unlike_alone:
            yield f"results that are not those of the message alone in a request: {_named(self.unlike_alone)}"

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON; rates and latencies are null where nothing was scored."""
        by_language = self.by_language()
        total, right = (sum(counts) for counts in zip(*by_language.values(), strict=True)) if by_language else (0, 0)
        reasons = Counter(dead_letter.reason for _, dead_letter in self.dead_lettered)
        records = [invocation.records for invocation in self.invocations]
        service = sorted(1000 * invocation.seconds for invocation in self.invocations)
        return {
            "sent": len(self.tally.sent),
            "succeeded": len(self.scored),
            "dead_lettered": {"total": len(self.dead_lettered), **dict(sorted(reasons.items()))},
            "lost": self.lost,
            "repeated": self.tally.repeated,
            "most_outstanding": self.tally.most_outstanding,
            "left_in_queue": self.left_in_queue,
            "accuracy": _ratio(right, total),
            "checked": sum(arrival.sent.message.result is not UNKNOWN for arrival in self.scored),
            "seconds": round(self.seconds, 3),
            "messages_per_second": _ratio(len(self.tally.arrived), self.seconds, digits=1),
            "latency_ms": percentiles(self.latencies_ms),
            "requests": len(records),
            "records_per_request": _ratio(sum(records), len(records), digits=2),
            "request_ms": percentiles(service),
            "request_ms_by_records": self._request_ms_by_records(),
            "accuracy_by_language": {
                language: {"scored": scored, "right": right} for language, (scored, right) in by_language.items()
            },
            **({"results_of": dict(sorted(self.tally.ends.items()))} if len(self.tally.ends) > 1 else {}),
            **self._groups_summary(),
            **self._disturbance_summary(),
        }

    def _request_ms_by_records(self) -> dict[str, Any]:
        """Return by records in a request how many were answered, and their mean time; refused ones say little of it."""
        times: dict[int, list[float]] = {}
        for invocation in self.invocations:
            if not invocation.refused:
                times.setdefault(invocation.records, []).append(1000 * invocation.seconds)
        return {
            str(records): {"requests": len(times[records]), "mean": round(sum(times[records]) / len(times[records]), 3)}
            for records in sorted(times)
        }

    def _groups_summary(self) -> dict[str, Any]:
        if not self.groups:
            return {}
        return {"groups": {"total": len(self.groups), "out_of_order": len(self.groups_out_of_order)}}

    def _disturbance_summary(self) -> dict[str, Any]:
        if self.disturbance is None:
            return {}
        injected = Counter(self.disturbance.injected)
        return {
            "moved_by_sqs": self.moved_by_sqs,
            "wrongly_dead_lettered": self.wrongly_dead_lettered,
            "disturbance": {
                "requests": self.disturbance.requests,
                "injected": {"total": injected.total(), **dict(injected.most_common())},
                "workers_killed": self.disturbance.workers_killed,
                "batches_cut_short": self.disturbance.batches_cut_short,
            },
        }


def percentiles(ordered: Sequence[float]) -> Mapping[str, float | None]:
    """Return p50, p95 and p99 by nearest rank."""
    ranks = {name: math.ceil(share * len(ordered)) - 1 for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {name: round(ordered[rank], 1) if ordered else None for name, rank in ranks.items()}


def _ratio(part: float, whole: float, *, digits: int = 4) -> float | None:
    return round(part / whole, digits) if whole else None


def _counts(values: Sequence[str]) -> str:
    return ", ".join(f"{count} {value}" for value, count in Counter(values).most_common())


def _named(ids: Collection[str]) -> str:
    shown = ", ".join(sorted(ids)[:NAMED])
    return shown if len(ids) <= NAMED else f"{shown} and {len(ids) - NAMED} more"
