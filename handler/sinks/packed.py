"""Many events in a message: a list of them, as CloudEvents' JSON batch format has it."""

from collections.abc import Mapping, Sequence

from .events import text_bytes
from .outbox import Entry, FlushPolicy, Transport


class PackedTransport:
    """Packs events into messages, lists however few there are, and lets another transport send those.

    What a message could carry beside its body is of one event, so it stays behind: each event has its own trace.
    """

    flush_policy = FlushPolicy.IDLE

    def __init__(self, transport: Transport, most: int) -> None:
        self._transport = transport
        self._most = most
        self.name = transport.name
        self.max_entries = transport.max_entries * most
        # Beside the events, with a comma for each, a message has one byte more: its brackets, less a comma.
        self.max_batch_bytes = transport.max_batch_bytes - transport.max_entries
        self.max_entry_bytes = transport.max_entry_bytes - 1

    def size(self, entry: Entry) -> int:
        return text_bytes(entry.body) + 1

    def send(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        packs = [entries[start : start + self._most] for start in range(0, len(entries), self._most)]
        messages = [Entry(pack[0].message_id, f"[{','.join([entry.body for entry in pack])}]") for pack in packs]
        errors = self._transport.send(messages)
        refused = [pack for pack in packs if pack[0].message_id in errors]
        return {entry.message_id: errors[pack[0].message_id] for pack in refused for entry in pack}
