"""Messages to send: from a file, and poison among them, chosen by a seed."""

import itertools
import json
import mimetypes
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from local.bodies import GENERATED_ROWS, Bodies, Poison, generated_row, to_json
from local.errors import UsageError

UNKNOWN = object()
"""Stand-in for a result that nobody knows."""
# The first of these that a line has is its form.
MEMBERS = "file", "body", "inputs"


@dataclass(frozen=True)
class File:
    """A file that is the content of a message."""

    name: str
    content: bytes
    content_type: str
    """By the end of its name; empty if that says nothing."""


@dataclass(frozen=True)
class Sample:
    """A line of the messages file: a text for the codec's own form, a whole body, or a file."""

    inputs: str = ""
    expected: str | None = None
    """The right label, if the file has it."""
    body: str | None = None
    """Body that is sent as it is; then there is no text."""
    file: "File | None" = None
    """File whose content is the message; then there is no text."""
    poison: str = ""
    """Reason that it can never be scored, if the file says so."""


@dataclass(frozen=True)
class Message:
    """One message to send."""

    body: str
    """Empty, if its content is a file."""
    expected: str | None = None
    poison: str | None = None
    """Reason that it can never be scored: one of `Poison`, or the file's own."""
    group: str = ""
    """Its message group, on a FIFO queue."""
    file: File | None = None
    result: Any = UNKNOWN
    """The result of a request with this message alone, if that is known: its own must be the same."""
    text: str = ""
    """Text that is sent: the body, or what stands for it."""

    @property
    def content(self) -> bytes:
        """The content, whatever stands for it when it is sent."""
        return self.file.content if self.file else self.body.encode()


@dataclass(frozen=True, kw_only=True)
class SizeLimits:
    max_request_bytes: int
    """The handler dead-letters larger messages."""
    max_message_bytes: int
    """The queue refuses larger messages."""


def read_samples(path: Path) -> list[Sample]:
    """Read JSON Lines of {"inputs": "…"}, {"body": …} or {"file": "…"}, whose paths are relative to this file's folder.

    Raises UsageError naming the first line that is none of them.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    samples = [_read_sample(f"{path} line {number}", line, path.parent) for number, line in filled]
    if all(sample.poison for sample in samples):
        raise UsageError(f"{path} holds no messages{' that can be scored' if samples else ''}")
    return samples


def _read_sample(place: str, line: str, folder: Path) -> Sample:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}") from error
    member = next((name for name in MEMBERS if isinstance(value, dict) and name in value), "")
    if not member or (member != "body" and not _is_filled(value[member])):
        forms = 'with "inputs", a text that is not empty, with "body", or with "file", a path'
        raise UsageError(f"{place} must be an object {forms}")
    if any("\ud800" <= character <= "\udfff" for character in to_json(value)):
        raise UsageError(f'{place}: "{member}" is not valid Unicode')
    expected, poison = value.get("expected"), value.get("poison", "")
    if expected is not None and not isinstance(expected, str):
        raise UsageError(f'{place}: "expected" must be a text')
    if not isinstance(poison, str):
        raise UsageError(f'{place}: "poison" must be a text that says why it can never be scored')
    if member == "inputs":
        return Sample(value["inputs"], expected, poison=poison)
    if member == "file":
        return Sample(expected=expected, file=_read_file(place, folder / value["file"]), poison=poison)
    body = value["body"] if isinstance(value["body"], str) else to_json(value["body"])
    if not body:
        raise UsageError(f'{place}: "body" is empty, which SQS does not take')
    return Sample(expected=expected, body=body, poison=poison)


def _read_file(place: str, path: Path) -> File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{place}: {path}: {error.strerror}") from error
    if not content:
        raise UsageError(f"{place}: {path} is empty")
    return File(path.name, content, mimetypes.guess_type(path.name)[0] or "")


def _is_filled(inputs: object) -> bool:
    return isinstance(inputs, str) and bool(inputs)


def generated_rows(seed: int) -> list[Sample]:
    """Return samples for codecs of rows."""
    chance = random.Random(seed)
    return [Sample(body=generated_row(chance)) for _ in range(GENERATED_ROWS)]


def make_messages(
    samples: Sequence[Sample],
    *,
    count: int,
    poison_share: float,
    seed: int,
    limits: SizeLimits,
    bodies: Bodies,
    groups: int = 0,
) -> list[Message]:
    """Return `count` messages in random order, the share of poison rounded; the same seed gives the same ones.

    Each is in one of `groups` message groups; by default in none. Raises UsageError if the codec does not take texts,
    and the samples are texts.
    """
    chance = random.Random(seed)
    makers = _poison_makers(chance, samples, limits, bodies)
    bad = [make() for _, make in zip(range(round(count * poison_share)), itertools.cycle(makers))]
    fit = [sample for sample in samples if not sample.poison]
    good = [_message_of(sample, bodies) for sample in chance.choices(fit, k=count - len(bad))]
    messages = [*bad, *good]
    chance.shuffle(messages)
    if not groups:
        return messages
    return [replace(message, group=f"group-{chance.randrange(groups)}") for message in messages]


def _message_of(sample: Sample, bodies: Bodies) -> Message:
    """Return the sample as a message; its body is the codec's form of a text, or the sample's own."""
    if sample.file is not None:
        return Message("", sample.expected, file=sample.file)
    return Message(bodies.good(sample.inputs) if sample.body is None else sample.body, sample.expected)


def _poison_makers(
    chance: random.Random, samples: Sequence[Sample], limits: SizeLimits, bodies: Bodies
) -> list[Callable[[], Message]]:
    """Return a function for each kind of the codec's poison, and for each kind of the file's."""

    def made(kind: Poison) -> Message:
        if kind is Poison.TOO_LARGE:
            size = chance.randint(limits.max_request_bytes, limits.max_message_bytes - 512)
            return Message(bodies.large(size), poison=kind)
        return Message(bodies.bad(kind, chance.choice(samples).inputs, chance), poison=kind)

    def of_file(kind: str) -> Message:
        sample = chance.choice([sample for sample in samples if sample.poison == kind])
        return replace(_message_of(sample, bodies), poison=kind)

    has_room = limits.max_message_bytes - limits.max_request_bytes >= 1024
    kinds = [kind for kind in bodies.kinds if kind is not Poison.TOO_LARGE or has_room]
    named = sorted({sample.poison for sample in samples} - {""})
    return [*(partial(made, kind) for kind in kinds), *(partial(of_file, kind) for kind in named)]
