"""Cuts items into micro-batches by count and by bytes."""

from collections.abc import Generator, Iterable

from .codecs import Codec, Item
from .records import Target

MicroBatch = list[Item]
_Key = tuple[str, str, Target, int]
"""Common to the items of a micro-batch: group key, content type, target, and most records."""


def request_bytes(codec: Codec, item: Item) -> int:
    """Return the bytes of a request with this item alone; 0 if the item points to a whole request."""
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

    Items that may not share a request go to different micro-batches, which are filled at the same time. Each item must
    fit by itself: see `request_bytes`. On its last receive but one, a record shares a micro-batch a quarter as
    large, and on its last receive it is alone. So a record that the endpoint never answers can't fail the same others
    each time.

    Records of a message group stay in order: before an item is added, the micro-batch in which an earlier one of its
    group waits is yielded, if that is another micro-batch.
    """
    gathered: dict[_Key, MicroBatch] = {}
    sizes: dict[_Key, int] = {}
    # The key of the micro-batch with the latest record of each message group
    home: dict[str, _Key] = {}
    for item in sorted(items, key=_length) if sort_by_length else items:
        cap = _record_cap(item, min(max_records_per_request, codec.max_records), max_receive_count)
        key, group = (item.group_key, item.content_type, item.target, cap), item.record.group
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
    """Return a sort key: by length, but records of a message group keep their order."""
    return item.record.group, 0 if item.record.group else item.size


def _record_cap(item: Item, max_records_per_request: int, max_receive_count: int) -> int:
    if item.alone:
        return 1
    left = max_receive_count - item.record.receive_count
    if left > 1 or item.record.receive_count < 2:
        return max_records_per_request
    return max(1, max_records_per_request // 4) if left == 1 else 1
