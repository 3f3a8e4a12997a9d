"""Several events in one message, in CloudEvents' JSON batch format."""

from collections.abc import Mapping, Sequence

from .events import text_bytes
from .outbox import Entry, FlushPolicy, NotSentError, Transport


class PackedTransport:
    """Packs events into messages, each a list even of one event, and lets another transport send them.

    Events of one list are of one message group, where groups are passed on.
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
        packs = [
            group[start : start + self._most]
            for group in _by_group(entries)
            for start in range(0, len(group), self._most)
        ]
        messages = [
            Entry(pack[0].message_id, f"[{','.join([entry.body for entry in pack])}]", fair_group=pack[0].fair_group)
            for pack in packs
        ]
        errors: dict[str, str] = {}
        call = self._transport.max_entries  # more are there if groups cut the lists
        for start in range(0, len(messages), call):
            batch = messages[start : start + call]
            try:
                errors |= self._transport.send(batch)
            except NotSentError as error:  # what other calls have sent is not to be sent again
                errors |= dict.fromkeys((message.message_id for message in batch), str(error))
        refused = [pack for pack in packs if pack[0].message_id in errors]
        return {entry.message_id: errors[pack[0].message_id] for pack in refused for entry in pack}


def _by_group(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the entries of each message group, which a message has one of, in their order."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.fair_group, []).append(entry)
    return list(groups.values())
