"""Results to nowhere."""

import sys
from collections.abc import Sequence

from handler.sinks.outbox import Entry


class NoTransport:
    """Acknowledges everything."""

    name = "nothing"
    max_entries = max_batch_bytes = max_entry_bytes = sys.maxsize
    keeps_together = False

    def size(self, entry: Entry) -> int:
        return 0

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        return {}
