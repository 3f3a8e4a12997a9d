"""Results to nowhere."""

import sys
from collections.abc import Sequence

from handler.sinks.outbox import Entry, Leaves


class NoTransport:
    """Acknowledges everything."""

    name = "nothing"
    max_entries = max_batch_bytes = max_entry_bytes = sys.maxsize
    leaves = Leaves.FULL

    def size(self, entry: Entry) -> int:
        return 0

    def send(self, entries: Sequence[Entry]) -> dict[str, str]:
        return {}
