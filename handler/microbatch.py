"""Cuts items into micro-batches by count and by bytes."""

from collections.abc import Iterable, Iterator

from handler.codecs import Codec, Item

MicroBatch = list[Item]


def request_bytes(codec: Codec, item: Item) -> int:
    """Return the size of a request that holds this item alone."""
    before, _, after = codec.frame(item.share)
    return len(before) + len(item.payload) + len(after)


def cut(codec: Codec, items: Iterable[Item], max_records: int, max_bytes: int) -> Iterator[MicroBatch]:
    """Yield micro-batches in order, none over `max_records` or over `max_bytes` as a request body.

    Items that may not share a request are gathered side by side. Each item must fit by itself: see `request_bytes`.
    """
    max_records = min(max_records, codec.max_records)
    separator = len(codec.frame("")[1])
    gathered: dict[str, MicroBatch] = {}
    sizes: dict[str, int] = {}
    for item in items:
        batch = gathered.setdefault(item.share, [])
        added = separator + len(item.payload)
        if batch and (len(batch) >= max_records or sizes[item.share] + added > max_bytes):
            yield batch
            batch = gathered[item.share] = []
        sizes[item.share] = sizes[item.share] + added if batch else request_bytes(codec, item)
        batch.append(item)
    yield from gathered.values()
