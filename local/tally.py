"""The tally of a run: the messages sent, and the outcome of each, which is a result or a dead letter."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from handler.sinks.events import ACCEPTED_TYPE
from local.errors import LocalRunError
from local.messages import Message

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

# Of a dead letter's body this much is kept.
BODY_CHARACTERS = 1000
REDRIVEN = "redriven by SQS"

T = TypeVar("T")


@dataclass(frozen=True)
class Sent:
    """A message that was sent."""

    at: float
    """Moments are on the monotonic clock: this one is before the request that sent it."""
    message: Message


@dataclass(frozen=True)
class Scored:
    """A message's result."""

    at: float
    result: Any
    pipeline: str = ""
    """The pipeline that it is the result of."""

    @property
    def label(self) -> str:
        """The label that the result names; a result without labels, as JSON."""
        return _label(self.result)


@dataclass(frozen=True)
class DeadLetter:
    """A message in the dead-letter queue."""

    at: float
    reason: str
    detail: str
    body: str
    """Its beginning."""
    size: int
    """Bytes of the whole body."""


@dataclass
class Tally:
    """The messages sent and their outcomes, by the id of the message sent."""

    sent: dict[str, Sent] = field(default_factory=dict)
    """In the order of sending, within a message group."""
    scored: dict[str, Scored] = field(default_factory=dict)
    """In the order of receiving."""
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    repeated: int = 0
    """Number of outcomes of messages that had one already."""
    contradicted: int = 0
    """Number of results that differ from an earlier one of the same message."""
    ends: Counter[str] = field(default_factory=Counter)
    """Number of results by the pipeline that they came from."""
    most_outstanding: int = 0
    """Most messages that were sent and had no outcome yet, at any moment."""

    @property
    def arrived(self) -> set[str]:
        """Ids of the messages sent that have an outcome."""
        return self.sent.keys() & (self.scored.keys() | self.dead_letters.keys())

    def came_back(self, id_: str) -> bool:
        return id_ in self.scored or id_ in self.dead_letters

    def add_scored(self, id_: str, scored: Scored) -> bool:
        """Return whether it is the message's first outcome."""
        is_first = self._add(self.scored, id_, scored)
        self.contradicted += self.scored[id_].label != scored.label
        return is_first

    def add_dead_letter(self, id_: str, dead_letter: DeadLetter) -> bool:
        """Return whether it is the message's first outcome."""
        return self._add(self.dead_letters, id_, dead_letter)

    def _add(self, outcomes: dict[str, T], id_: str, outcome: T) -> bool:
        is_first = not self.came_back(id_)
        self.repeated += not is_first
        outcomes.setdefault(id_, outcome)
        return is_first


def read_results(
    body: str, at: float, place: int = 0, goes_on: Callable[[Mapping[str, Any]], bool] = lambda _: False
) -> Iterator[tuple[str, Scored]]:
    """Yield message id and result of each CloudEvent in a message: one, or a list of them.

    `place` is that of the pipeline in its chain; an event that `goes_on` is no outcome yet. An event that says that an
    asynchronous endpoint has accepted a record has no result yet.

    Raises LocalRunError if the message holds anything else.
    """
    for event in _events(body):
        if event["type"] != ACCEPTED_TYPE and not goes_on(event):
            yield _sent_id(event, place), Scored(at, event["data"]["result"])


def _sent_id(event: Mapping[str, Any], place: int) -> str:
    """Return the id of the message that was sent, by the identity that its result has at this place of the chain."""
    name = "id" if place == 0 else "causationid" if place == 1 else "subject"
    return str(event.get(name) or event["id"])


def read_dead_letter(message: "MessageTypeDef", at: float, place: int = 0) -> tuple[str, DeadLetter]:
    """Return the id of the message that was sent, and the dead letter; `place` is that of its pipeline in the chain."""
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    body = message["Body"]
    # A message that SQS itself moved has no attributes of the handler's, and keeps its id.
    id_ = attributes.get("sourceMessageId", message["MessageId"])
    if place:  # then the message was a result
        (event,) = _events(body)
        id_ = _sent_id(event, place - 1)
    return id_, DeadLetter(
        at=at,
        reason=attributes.get("reason", REDRIVEN),
        detail=attributes.get("detail", ""),
        body=body[:BODY_CHARACTERS],
        size=len(body.encode()),
    )


def _events(body: str) -> Sequence[Mapping[str, Any]]:
    try:
        content: Any = json.loads(body)
        events = content if isinstance(content, list) else [content]
        fit = all(map(_is_result, events))
    except (ValueError, LookupError, TypeError):
        fit = False
    if not fit:
        raise LocalRunError(f"a result is not a CloudEvent with a result: {body[:200]}")
    return events


def _is_result(event: Mapping[str, Any]) -> bool:
    named = event["specversion"] == "1.0" and event["id"] and event["source"] and event["type"]
    return bool(named and ("result" in event["data"] or event["type"] == ACCEPTED_TYPE))


def _label(result: Any) -> str:
    if isinstance(result, dict) and isinstance(result.get("label"), str):
        return str(result["label"])
    if isinstance(result, list):
        for tensor in result:  # of KServe
            if isinstance(tensor, dict) and tensor.get("name") == "label":
                return str(tensor["data"][0])
        if result and isinstance(result[0], dict):  # the best of several, as pipelines of Hugging Face list them
            return _label(result[0])
    return json.dumps(result, ensure_ascii=False)
