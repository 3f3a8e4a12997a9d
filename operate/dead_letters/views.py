"""Dead letters as they are shown and saved: nothing that others wrote reaches a terminal as it is."""

import time
from dataclasses import dataclass
from typing import Any

from ..display import ago
from ..text import printable
from .letter import MOVED_BY_SQS, DeadLetter

DETAIL_CHARACTERS = 120
ATTRIBUTE_CHARACTERS = 2000
"""Most that is shown of an attribute, which may be of 1 MiB; `save` writes all of it."""
NOTHING_SAID = "moved by SQS: its receives were used up"


@dataclass
class Kind:
    """The letters of one reason."""

    count: int = 0
    oldest: float = float("inf")
    newest: float = 0.0
    detail: str = ""

    def add(self, letter: DeadLetter) -> None:
        self.count += 1
        self.oldest = min(self.oldest, letter.sent_at)
        if letter.sent_at >= self.newest:
            self.newest, self.detail = letter.sent_at, letter.detail

    def row(self, reason: str) -> tuple[str, ...]:
        detail = NOTHING_SAID if reason == MOVED_BY_SQS else printable(self.detail, DETAIL_CHARACTERS)
        return f"{self.count:,}", ago(self.oldest), ago(self.newest), detail

    def as_json(self) -> dict[str, Any]:
        return {"letters": self.count, "oldest": self.oldest, "newest": self.newest, "detail": self.detail}


def facts(letter: DeadLetter) -> list[tuple[str, str]]:
    """Return what is known of a letter, but for its body."""
    sent = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(letter.sent_at))
    rows = [
        ("id", letter.id),
        ("reason", letter.reason if letter.written_by_handler else f"{MOVED_BY_SQS}: {NOTHING_SAID}"),
        ("message sent", letter.source_id),
        ("since", f"{sent} ({ago(letter.sent_at)})"),
        ("receives", f"{letter.receives}, this look included"),
        ("body", f"{len(letter.body.encode()):,} bytes"),
    ]
    if letter.group:
        rows.append(("group", printable(letter.group)))
    shown = {"reason", "sourceMessageId"} if letter.written_by_handler else set()
    for name, value in sorted(letter.attributes.items()):
        if name not in shown:
            text = value.get("StringValue", f"{len(value.get('BinaryValue', b'')):,} bytes")
            rows.append((printable(name), printable(text, ATTRIBUTE_CHARACTERS)))
    return rows


def as_saved(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter as a line of JSON has it; bytes are in hexadecimal digits."""
    attributes = {
        name: {part: content.hex() if isinstance(content, bytes) else content for part, content in value.items()}
        for name, value in letter.attributes.items()
    }
    return {
        "id": letter.id,
        "reason": letter.reason,
        "sourceMessageId": letter.source_id,
        "body": letter.body,
        "messageAttributes": attributes,
        "attributes": dict(letter.system),
    }
