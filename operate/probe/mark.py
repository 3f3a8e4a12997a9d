"""The mark of a probe's messages: a W3C trace, which the handler puts on a result and leaves on a dead letter.

Each run has a trace id of its own, and each message a span of it, so a result is known to be this run's, and of which
message it is. https://www.w3.org/TR/trace-context/#traceparent-header
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ATTRIBUTE = "traceparent"


@dataclass(frozen=True)
class Mark:
    """The mark of one run."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def prefix(self) -> str:
        """What the attribute of each message of the run begins with, and of no other message."""
        return f"00-{self.trace_id}-"

    def of_message(self, number: int) -> str:
        """Return the attribute's value for a message, counted from 0; it is not sampled for tracing."""
        return f"{self.prefix}{number + 1:016x}-00"

    def number(self, value: object) -> int | None:
        """Return which message of the run has this value; None if it is not the run's."""
        if not isinstance(value, str) or not value.startswith(self.prefix):
            return None
        return int(value[len(self.prefix) :][:16], 16) - 1

    def results(self, body: str) -> Iterator[tuple[int | None, Any]]:
        """Yield for each result in a sink's message which of the run's it is (None: another's), and its data."""
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        for event in content if isinstance(content, list) else [content]:
            is_event = isinstance(event, Mapping)
            yield (self.number(event.get(ATTRIBUTE)), event.get("data")) if is_event else (None, None)
