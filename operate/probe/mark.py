"""The mark of a probe's messages: a W3C trace, which the handler puts on a result and leaves on a dead letter.

Each run has a trace id of its own, and each message a span of it, so a result is known to be this run's, and of which
message it is. https://www.w3.org/TR/trace-context/#traceparent-header
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ATTRIBUTE = "traceparent"
MOST_MESSAGES = 100_000
SPAN_DIGITS = 16
SPAN = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Mark:
    """The mark of one run."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def prefix(self) -> str:
        """Beginning of the attribute of each message of the run, and of what others send on in its trace."""
        return f"00-{self.trace_id}-"

    def of_message(self, number: int) -> str:
        """Return the attribute's value for a message, counted from 0; it is not sampled for tracing."""
        return f"{self.prefix}{number + 1:016x}-00"

    def number(self, value: object) -> int | None:
        """Return which message of the run has this value; None if it is not the run's.

        What takes a result, and sends a message of its own in the same trace, puts another span there.
        """
        if not isinstance(value, str) or not value.startswith(self.prefix):
            return None
        span = value[len(self.prefix) :][:SPAN_DIGITS]
        number = int(span, 16) - 1 if SPAN.fullmatch(span) else -1
        return number if 0 <= number < MOST_MESSAGES else None

    def results(self, body: str) -> Iterator[tuple[int | None, Any]]:
        """Yield for each result in a sink's message which of the run's it is (None: another's), and its data."""
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):  # another's, of which anything may be expected
            content = None
        for event in content if isinstance(content, list) else [content]:
            is_event = isinstance(event, Mapping)
            yield (self.number(event.get(ATTRIBUTE)), event.get("data")) if is_event else (None, None)
