"""Cutting of items into micro-batches, by count, by bytes, and by what padding would make of them."""

from collections.abc import Generator, Iterable, Iterator

from .codecs import Codec, Item
from .codecs.batch_size import estimated_tokens
from .records import Target

MicroBatch = list[Item]
_Key = tuple[str, str, Target, int]
"""Common to the items of a micro-batch: group key, content type, target, and most records."""


def request_bytes(codec: Codec, item: Item, copies: int = 1) -> int:
    """Return the size of a request with this item alone, so many times; 0 if the item is a whole request itself."""
    if not item.parts:
        return 0
    return codec.overhead(item.group_key) + item.size + (copies - 1) * _added_bytes(item)


def cut(
    codec: Codec,
    items: Iterable[Item],
    *,
    max_records_per_request: int,
    max_request_bytes: int,
    max_receive_count: int,
    max_padded_tokens: int = 0,
    sort_by_length: bool = False,
) -> Generator[MicroBatch, None, None]:
    """Yield micro-batches in order, within all bounds: on their records, on the bytes of the request body, and, unless
    it is 0, on the estimated tokens when each record is padded to the longest.

    Items that may not share a request go to different micro-batches, which are filled at the same time. Each item must
    fit by itself: see `request_bytes`. On its last receive but one, a record shares a micro-batch a quarter as
    large, and on its last receive it is alone. So a record that the endpoint never answers can't fail the same others
    each time. The last two micro-batches of a kind are of like size: 33 records are 17 and 16, not 32 and 1.

    Records of a message group stay in order: before an item is added, the micro-batches in which earlier ones of its
    group wait are yielded, if those are of another kind.
    """
    piles: dict[_Key, _Pile] = {}
    home: dict[str, _Key] = {}  # the kind of the micro-batch with the latest record of each message group
    for item in sorted(items, key=_length) if sort_by_length else items:
        cap = _record_cap(item, min(max_records_per_request, codec.max_records), max_receive_count)
        key, group = (item.group_key, item.content_type, item.target, cap), item.record.group
        if group and home.get(group, key) != key and home[group] in piles:
            yield from piles.pop(home[group]).rest()
        pile = piles.setdefault(key, _Pile(cap, max_request_bytes, max_padded_tokens))
        if full := pile.add(item, request_bytes(codec, item)):
            yield full
        if group:
            home[group] = key
    for pile in piles.values():
        yield from pile.rest()


class _Pile:
    """Items that may share a request: the micro-batch that is being filled, and the full one before it."""

    def __init__(self, max_records: int, max_bytes: int, max_padded_tokens: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._max_padded_tokens = max_padded_tokens
        self._full: MicroBatch = []
        self._batch: MicroBatch = []
        self._bytes = 0
        self._longest = 0
        """Estimated tokens of the longest item of the micro-batch that is being filled."""

    def add(self, item: Item, bytes_alone: int) -> MicroBatch:
        """Add an item; return a micro-batch that is ready, or an empty one."""
        ready: MicroBatch = []
        added = _added_bytes(item)
        if self._batch and not self._has_room(item, added):
            ready, self._full, self._batch = self._full, self._batch, []
        self._bytes = self._bytes + added if self._batch else bytes_alone
        if self._max_padded_tokens:
            self._longest = max(self._longest, estimated_tokens(item)) if self._batch else estimated_tokens(item)
        self._batch.append(item)
        if self._max_records == 1:  # nothing to even out
            ready, self._batch = self._batch, []
        return ready

    def rest(self) -> Iterator[MicroBatch]:
        """Yield what is left, in two micro-batches of like size if the last one is smaller."""
        full, batch = self._full, self._batch
        if len(full) == self._max_records:
            for _ in range((len(full) - len(batch)) // 2):
                added = _added_bytes(full[-1])
                if not self._has_room(full[-1], added):
                    break
                self._bytes += added
                if self._max_padded_tokens:
                    self._longest = max(self._longest, estimated_tokens(full[-1]))
                batch.insert(0, full.pop())
        yield from filter(None, (full, batch))

    def _has_room(self, item: Item, added_bytes: int) -> bool:
        count = len(self._batch)
        if count >= self._max_records or self._bytes + added_bytes > self._max_bytes:
            return False
        most = self._max_padded_tokens
        return not most or (count + 1) * max(self._longest, estimated_tokens(item)) <= most


def _added_bytes(item: Item) -> int:
    """Return the bytes that an item adds to a request with others: its parts, and a separator for each."""
    return len(item.parts) + item.size


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
