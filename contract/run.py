"""Runs one pair: batches through the real handler, each result compared with scoring its record alone."""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.cases import Case, Expected
from contract.front import ENDPOINT, Front
from handler.batch import BatchInference
from handler.invocation import EndpointDownError
from handler.settings import ConfigurationError, HandlerSettings

MOST_RECEIVES = 5
FEW, MANY = 33, 500  # 33 is one more than the records of a request: the last one is alone in its own
INVOCATION_MS = 120_000
MOST_QUOTED = 80
NOTHING = object()
"""Stands for the result of a record that the server does not score."""


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that the handler uses."""

    function_name: str = "contract"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:contract"

    def get_remaining_time_in_millis(self) -> int:
        return INVOCATION_MS


@dataclass
class Tally:
    """Outcomes of the records of one batch, or of several."""

    records: int = 0
    scored: int = 0
    """Good records whose result is the one they have alone."""
    differs: int = 0
    """Results that are not the one that the record has alone, and results of bad records."""
    dead_lettered: int = 0
    """Bad records that were dead-lettered."""
    lost: int = 0
    """Good records without a result, and bad ones without a dead letter, after the last receive."""
    requests: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Reasons of the dead letters."""
    details: list[str] = field(default_factory=list)
    """An example of each thing that went wrong, in words."""

    def add(self, other: "Tally") -> None:
        for name in ("records", "scored", "differs", "dead_lettered", "lost", "requests"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons += other.reasons
        self.details += other.details


@dataclass(frozen=True)
class Outcome:
    """The outcome of a pair."""

    case: Case
    batches: Mapping[str, Tally]

    @property
    def total(self) -> Tally:
        total = Tally()
        for tally in self.batches.values():
            total.add(tally)
        return total

    @property
    def verdict(self) -> str:
        """Return `right`, `no result`, `incomplete`, or `WRONG RESULT`."""
        total = self.total
        if total.differs:
            return "WRONG RESULT"
        if not total.scored:
            return "no result"
        return "incomplete" if total.lost else "right"

    @property
    def is_met(self) -> bool:
        """Whether the pair is as it must be, or as it is known to be today."""
        if self.verdict == "WRONG RESULT":
            return bool(self.case.defect)
        return self.verdict == self.case.expected or bool(self.case.needs)


def batches(case: Case) -> Iterator[tuple[str, list[str]]]:
    """Yield the batches of a pair by name."""
    good, bad = case.records.good, case.records.bad
    yield "lone" if case.first == 1 else "first", [good(number) for number in range(case.first)]
    yield "good", [good(number) for number in range(FEW)]
    yield "bad", list(bad)
    yield (
        "mixed",
        [body for number in range(3 * len(bad)) for body in (good(number), *bad[number // 3 :][: number % 3 == 1])],
    )
    many = [good(number) for number in range(MANY - len(bad))]
    for number, body in enumerate(bad):
        many.insert((2 * number + 1) * MANY // (2 * len(bad)), body)
    yield str(MANY), many


class Runner:
    """Runs pairs against the server that is behind the front."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._alone: dict[str, Any] = {}
        self._first: dict[str, Any] = {}
        """First result of each body: every later one must have the same shape, whatever its neighbours."""

    def run(self, case: Case) -> Outcome:
        """Send every batch of the pair through one handler, as it would live in one sandbox."""
        self._alone, self._first = {}, {}
        if case.expected is Expected.RIGHT:
            self._prove_apart(case)
        inference = self.handler(case)
        return Outcome(case, {name: self._batch(case, inference, bodies) for name, bodies in batches(case)})

    def handler(self, case: Case) -> BatchInference:
        """Return the handler with the pair's settings; boto3 must lead to the front."""
        front = self._front
        settings = HandlerSettings(
            endpoint_name=ENDPOINT,
            result_target=front.queue_url("results"),
            dead_letter_queue_url=front.queue_url("dead"),
            queue_url=front.queue_url("work"),
            requests_in_flight=2,
            max_receive_count=MOST_RECEIVES,
            **case.settings,
        )
        return BatchInference(settings)

    def _prove_apart(self, case: Case) -> None:
        """Raise ValueError if the model's results are so alike that a swap of two would not be noticed."""
        results = {json.dumps(self.alone(case, case.records.good(number)), default=str) for number in range(FEW)}
        if len(results) < 0.9 * FEW:
            raise ValueError(f"{case.name}: {FEW} records have {len(results)} results: {sorted(results)[:3]}")

    def alone(self, case: Case, body: str) -> Any:
        """Return the record's result from the server itself, NOTHING if it gives none."""
        if body not in self._alone:
            records = case.records
            self._alone[body] = _result(self._front, case, records.alone(body).encode())
        return self._alone[body]

    def _batch(self, case: Case, inference: BatchInference, bodies: Sequence[str]) -> Tally:
        tally = Tally(records=len(bodies))
        before = self._front.requests
        results, reasons = _receive(self._front, inference, bodies)
        tally.requests = self._front.requests - before
        tally.reasons = Counter(text.split(":")[0] for text in reasons.values())
        bad = set(case.records.bad)
        for number, body in enumerate(bodies):
            self._judge(
                case, tally, body, is_bad=body in bad, found=results.get(number, []), reason=reasons.get(number)
            )
        return tally

    def _judge(
        self, case: Case, tally: Tally, body: str, *, is_bad: bool, found: Sequence[Any], reason: str | None
    ) -> None:
        """Count the outcome of one record."""
        wrong = self._wrong(case, body, is_bad=is_bad, found=found)
        if wrong:
            tally.differs += 1
            tally.details.append(wrong)
        elif found:
            tally.scored += 1
        elif reason and is_bad:
            tally.dead_lettered += 1
        else:
            tally.lost += 1
            tally.details.append(f"{_short(body)} has no result; it was {reason or 'never dead-lettered'}")

    def _wrong(self, case: Case, body: str, *, is_bad: bool, found: Sequence[Any]) -> str:
        """Return in words what is wrong with a record's results; empty if nothing is, or if it has none."""
        if found and (is_bad or case.expected is Expected.NOTHING):
            return f"{_short(body)} has the result {found}, and must have none"
        for result in found:
            if not agree(result, self.alone(case, body)):
                return f"{_short(body)} has the result {result}, and alone {self.alone(case, body)!r}"
            if not agree(result, self._first.setdefault(body, result), strict=True):
                return f"{_short(body)} has the result {result}, and in another request {self._first[body]}: two shapes"
        return ""


def _receive(
    front: Front, inference: BatchInference, bodies: Sequence[str]
) -> tuple[dict[int, list[Any]], dict[int, str]]:
    """Deliver the records as SQS does, again and again; return results, and reasons of dead letters, by number."""
    results: dict[int, list[Any]] = {}
    reasons: dict[int, str] = {}
    waiting = list(range(len(bodies)))
    for receive in range(1, MOST_RECEIVES + 1):
        waiting = _process(inference, {number: bodies[number] for number in waiting}, receive)
        for message in front.taken("results"):
            event = json.loads(message["MessageBody"])
            results.setdefault(int(event["subject"]), []).append(event["data"]["result"])
        for message in front.taken("dead"):
            attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            reasons[int(attributes["sourceMessageId"])] = f"{attributes['reason']}: {attributes['detail']}"
        if not waiting:
            break
    return results, reasons


def event_of(bodies: Mapping[int, str], receive: int) -> dict[str, Any]:
    """Return a batch of SQS messages, each with its number as id."""
    records = [
        {
            "messageId": str(number),
            "receiptHandle": str(number),
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(receive)},
            "messageAttributes": {},
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:work",
        }
        for number, body in bodies.items()
    ]
    return {"Records": records}


def _process(inference: BatchInference, bodies: Mapping[int, str], receive: int) -> list[int]:
    """Process one event; return the numbers of the records that go back to the queue."""
    try:
        response = inference.process(event_of(bodies, receive), Context())
    except (ConfigurationError, EndpointDownError) as error:  # Lambda returns the whole batch then
        logging.getLogger(__name__).info("the invocation failed: %s: %s", type(error).__name__, error)
        return list(bodies)
    return [int(failure["itemIdentifier"]) for failure in response["batchItemFailures"]]


def _result(front: Front, case: Case, request: bytes) -> Any:
    records = case.records
    exchange = front.container.ask(request, records.content_type, "")
    if exchange.status != 200:
        return NOTHING
    try:
        return records.read(records.read_text(exchange.answer.decode()))
    except (ValueError, LookupError, TypeError):
        return NOTHING


def agree(found: Any, alone: Any, *, strict: bool = False) -> bool:
    """Whether two results are the same, but for the last digits of numbers.

    Unless `strict`, lists around a lone value don't count: servers take the result of a lone input out of its list.
    """
    if not strict:
        found, alone = _bare(found), _bare(alone)
    if isinstance(found, dict) and isinstance(alone, dict):
        return found.keys() == alone.keys() and all(agree(found[key], alone[key], strict=strict) for key in found)
    if isinstance(found, list) and isinstance(alone, list):
        return len(found) == len(alone) and all(agree(*pair, strict=strict) for pair in zip(found, alone, strict=True))
    if _is_number(found) and _is_number(alone):
        return math.isclose(found, alone, rel_tol=1e-3, abs_tol=1e-5)
    return type(found) is type(alone) and bool(found == alone)


def _short(body: str) -> str:
    return body if len(body) <= MOST_QUOTED else f"{body[:MOST_QUOTED]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bare(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1:
        (value,) = value
    return value
