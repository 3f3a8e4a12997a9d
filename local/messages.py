"""Messages to send: from a file, and poison among them, chosen by a seed."""

import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from local.errors import UsageError

LOG_LINE = "2026-01-31 12:00:00 ERROR lp0 on fire; "


@dataclass(frozen=True)
class Sample:
    """A line of the messages file."""

    inputs: str
    expected: str | None = None
    """The right label, if the file has it."""


class Poison(StrEnum):
    """The reason that a message can never be scored."""

    NOT_JSON = "not JSON"
    EMPTY = "empty"
    WRONG_SHAPE = "wrong shape"
    TOO_LARGE = "too large"


@dataclass(frozen=True)
class Message:
    """One message to send."""

    body: str
    expected: str | None = None
    poison: Poison | None = None
    group: str = ""
    """Its message group, on a FIFO queue."""


@dataclass(frozen=True, kw_only=True)
class SizeLimits:
    max_request_bytes: int
    """The handler dead-letters larger messages."""
    max_message_bytes: int
    """The queue refuses larger messages."""


# Poison that the handler itself refuses if its codec takes any JSON. A message that only the model refuses goes back to
# the queue if nothing else of its batch was scored, which would delay the end of the run by minutes.
CERTAIN_OF_ANY_JSON = (Poison.NOT_JSON, Poison.TOO_LARGE)


def read_samples(path: Path) -> list[Sample]:
    """Read JSON Lines of {"inputs": "…", "expected": "…"}. Raises UsageError naming the first line that is not."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    samples = [_read_sample(f"{path} line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not samples:
        raise UsageError(f"{path} holds no messages")
    return samples


def _read_sample(place: str, line: str) -> Sample:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}") from error
    inputs = value.get("inputs") if isinstance(value, dict) else None
    if not isinstance(inputs, str) or not inputs:
        raise UsageError(f'{place} must be an object with "inputs", a text that is not empty')
    if any("\ud800" <= character <= "\udfff" for character in inputs):
        raise UsageError(f'{place}: "inputs" is not valid Unicode')
    expected = value.get("expected")
    if expected is not None and not isinstance(expected, str):
        raise UsageError(f'{place}: "expected" must be a text')
    return Sample(inputs, expected)


def make_messages(
    samples: Sequence[Sample],
    *,
    count: int,
    poison_share: float,
    seed: int,
    limits: SizeLimits,
    groups: int = 0,
    kinds: Sequence[Poison] = tuple(Poison),
) -> list[Message]:
    """Return `count` messages in random order, the share of poison rounded; the same seed gives the same ones.

    Each is in one of `groups` message groups; by default in none. Poison is of these kinds, where they are possible.
    """
    chance = random.Random(seed)
    poison = _Poisoner(chance, samples, limits, kinds)
    bad = [poison.make(kind) for _, kind in zip(range(round(count * poison_share)), itertools.cycle(poison.kinds))]
    good = chance.choices(samples, k=count - len(bad))
    messages = [*bad, *(Message(_json({"inputs": sample.inputs}), sample.expected) for sample in good)]
    chance.shuffle(messages)
    if not groups:
        return messages
    return [replace(message, group=f"group-{chance.randrange(groups)}") for message in messages]


class _Poisoner:
    def __init__(
        self, chance: random.Random, samples: Sequence[Sample], limits: SizeLimits, kinds: Sequence[Poison]
    ) -> None:
        self._chance = chance
        self._samples = samples
        self._limits = limits
        self._makers: dict[Poison, Callable[[str], str]] = {
            Poison.NOT_JSON: self._not_json,
            Poison.EMPTY: self._empty,
            Poison.WRONG_SHAPE: self._wrong_shape,
            Poison.TOO_LARGE: self._too_large,
        }
        room = limits.max_message_bytes - limits.max_request_bytes
        self.kinds = [kind for kind in kinds if kind is not Poison.TOO_LARGE or room >= 1024]
        """Without `too large`, unless the queue takes larger messages than the handler."""

    def make(self, kind: Poison) -> Message:
        text = self._chance.choice(self._samples).inputs
        return Message(self._makers[kind](text), poison=kind)

    def _not_json(self, text: str) -> str:
        cut_off = _json({"inputs": text})[:-2]
        return self._chance.choice([cut_off, f"inputs={text}", f"<message>{text}</message>"])

    def _empty(self, _: str) -> str:
        return self._chance.choice(["{}", '{"inputs": ""}', '{"inputs": null}'])

    def _wrong_shape(self, text: str) -> str:
        shapes: list[object] = [{"inputs": len(text)}, {"inputs": [text, text]}, [text]]
        # Only the model can refuse this one: the handler passes it on, since some models take objects.
        shapes.append({"inputs": {"text": text}})
        return _json(self._chance.choice(shapes))

    def _too_large(self, _: str) -> str:
        size = self._chance.randint(self._limits.max_request_bytes, self._limits.max_message_bytes - 512)
        return _json({"inputs": (LOG_LINE * (size // len(LOG_LINE) + 1))[:size]})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
