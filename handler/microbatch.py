"""Cuts items into micro-batches by count and by bytes."""

from collections.abc import Generator, Iterable

from .codecs import Codec, Item
from .records import Target

MicroBatch = list[Item]


def request_bytes(codec: Codec, item: Item) -> int:
    """Return the size of a request that holds this item alone; 0 if it is a request itself."""
    return codec.overhead(item.group_key) + item.size if item.parts else 0


def cut(
    codec: Codec,
    items: Iterable[Item],
    *,
    max_records_per_request: int,
    max_request_bytes: int,
    max_receive_count: int,
    sort_by_length: bool = False,
) -> Generator[MicroBatch, None, None]:
    """Yield micro-batches in order, within both bounds: on their records, and on the bytes of the request body.

    Items that may not share a request are gathered side by side. Each item must fit by itself: see `request_bytes`.
    On its last receive but one a record shares a request with a quarter as many, and on its last with none: so one
    record that no answer ever comes for does not take its neighbours along for good.

    Records of a message group stay in order: what would overtake an earlier one of its group, which waits in another
    micro-batch, lets that one go first.
    """
    gathered: dict[tuple[str, Target, int], MicroBatch] = {}
    sizes: dict[tuple[str, Target, int], int] = {}
    home: dict[str, tuple[str, Target, int]] = {}  # where the latest record of each message group waits
    for item in sorted(items, key=_length) if sort_by_length else items:
        cap = _record_cap(item, min(max_records_per_request, codec.max_records), max_receive_count)
        key, group = (item.group_key, item.target, cap), item.record.group
        if group and home.get(group, key) != key and gathered.get(home[group]):
            yield gathered.pop(home[group])
        batch = gathered.setdefault(key, [])
        added = len(item.parts) + item.size
        if batch and (len(batch) >= cap or sizes[key] + added > max_request_bytes):
            yield batch
            batch = gathered[key] = []
        sizes[key] = sizes[key] + added if batch else request_bytes(codec, item)
        batch.append(item)
        if group:
            home[group] = key
    yield from filter(None, gathered.values())


def _length(item: Item) -> tuple[str, int]:
    """Sort by length, but never within a message group."""
    return item.record.group, 0 if item.record.group else item.size


def _record_cap(item: Item, max_records_per_request: int, max_receive_count: int) -> int:
    left = max_receive_count - item.record.receive_count
    if left > 1 or item.record.receive_count < 2:
        return max_records_per_request
    return max(1, max_records_per_request // 4) if left == 1 else 1
