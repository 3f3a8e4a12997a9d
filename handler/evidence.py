"""Evidence about a model, remembered while the sandbox is warm: which of its answers prove nothing."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .codecs import Item
from .records import Target

logger = logging.getLogger(__name__)

# So many pairs whose records were scored only one by one show that the model takes no more than one: fewer could be a
# coincidence.
PAIRS_THAT_PROVE = 3


class Evidence:
    """Observations of one model behind the endpoint, by target."""

    def __init__(self) -> None:
        self._wrong_counts: dict[Target, set[int]] = {}
        self._shared: set[Target] = set()
        self._pairs: Counter[Target] = Counter()
        self._alone: set[Target] = set()

    def wrong_count(self, items: Sequence[Item], results: int) -> None:
        """Remember that so many results came for another number of records."""
        self._wrong_counts.setdefault(items[0].target, set()).add(results)

    def proves(self, items: Sequence[Item]) -> bool:
        """Whether as many results as items prove that each result belongs to its item.

        They prove nothing if the model gave the same number of results to another number of records: it may always
        answer with that many.
        """
        return len(items) == 1 or len(items) not in self._wrong_counts.get(items[0].target, ())

    def succeeded(self, items: Sequence[Item]) -> None:
        """Remember that a request with these items succeeded."""
        if len(items) > 1:
            self._shared.add(items[0].target)

    def pair_succeeded_apart(self, target: Target, detail: str) -> None:
        """Remember that two records were scored one by one after the request with both of them had failed."""
        self._pairs[target] += 1
        if self._pairs[target] >= PAIRS_THAT_PROVE and target not in self._shared and target not in self._alone:
            self._alone.add(target)
            advice = "set max_records_per_request to 1, or a codec that fits the container"
            logger.warning("only requests with one record succeed; %s: %s", advice, detail)

    def takes_one(self, target: Target) -> bool:
        """Whether only requests with one record have ever succeeded, often enough to send no others."""
        return target in self._alone


def unproven(items: Sequence[Item], results: Sequence[Any]) -> str:
    """Return the detail of an answer whose number of results proves nothing."""
    return (
        f"{len(results)} results came back for {len(items)} records, but the model gave as many to another number of "
        "records, so they prove nothing"
    )
