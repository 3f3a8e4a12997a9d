"""Several events in one message, in CloudEvents' JSON batch format."""

from collections.abc import Mapping, Sequence

from .events import text_bytes
from .outbox import Entry, FlushPolicy, Transport


class PackedTransport:
    """Packs events into messages, each a list even of one event, and lets another transport send them.

    Message attributes and the trace header belong to one event, so a message with several has none; each event has its
    own trace in its body.
    """

    flush_policy = FlushPolicy.IDLE

    def __init__(self, transport: Transport, most: int) -> None:
        self._transport = transport
        self._most = most
        self.name = transport.name
        self.max_entries = transport.max_entries * most
        # `size` counts a comma for each event. A message has two brackets and one comma less: one byte more in all.
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
