"""Cuts items into micro-batches by count and by bytes."""

from collections.abc import Iterable, Iterator

from handler.codecs import Codec, Item

MicroBatch = list[Item]


def request_bytes(codec: Codec, item: Item) -> int:
    """Return the size of a request that holds this item alone."""
    before, _, after = codec.frame(item.group_key)
    return len(before) + len(item.payload) + len(after)


def cut(
    codec: Codec, items: Iterable[Item], *, max_records: int, max_bytes: int, max_receives: int
) -> Iterator[MicroBatch]:
    """Yield micro-batches in order, none over `max_records` or over `max_bytes` as a request body.

    Items that may not share a request are gathered side by side. Each item must fit by itself: see `request_bytes`.
    On its last receive but one a record shares a request with a quarter as many, and on its last with none: so one
    record that no answer ever comes for does not take its neighbours along for good.
    """
    separator = len(codec.frame("")[1])
    gathered: dict[tuple[str, int], MicroBatch] = {}
    sizes: dict[tuple[str, int], int] = {}
    for item in items:
        cap = _record_cap(item, min(max_records, codec.max_records), max_receives)
        group = item.group_key, cap
        batch = gathered.setdefault(group, [])
        added = separator + len(item.payload)
        if batch and (len(batch) >= cap or sizes[group] + added > max_bytes):
            yield batch
            batch = gathered[group] = []
        sizes[group] = sizes[group] + added if batch else request_bytes(codec, item)
        batch.append(item)
    yield from gathered.values()


def _record_cap(item: Item, max_records: int, max_receives: int) -> int:
    left = max_receives - item.record.receive_count
    if left > 1 or item.record.receive_count < 2:
        return max_records
    return max(1, max_records // 4) if left == 1 else 1
