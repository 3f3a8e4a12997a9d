"""Members of messages that nothing is done with: they are logged once a sandbox, by their names alone."""

import logging
from collections.abc import Iterable

logger = logging.getLogger(__name__)

MAX_NAMES = 10
MAX_NAME_CHARACTERS = 40


class IgnoredMembers:
    """The first members of one kind that are met are logged, and no others."""

    def __init__(self, beside: str, kept: Iterable[str] = ()) -> None:
        """`beside` is the member that counts; the `kept` ones are not ignored, since results have them."""
        self._beside = beside
        self._kept = frozenset(kept)
        self._is_logged = False

    def note(self, names: Iterable[str]) -> None:
        """Log the names, unless that was done before, or there are none."""
        shown = sorted(ascii(name[:MAX_NAME_CHARACTERS])[1:-1] for name in names if name not in self._kept)[:MAX_NAMES]
        if shown and not self._is_logged:
            self._is_logged = True
            logger.warning("members beside %s are ignored: %s", self._beside, ", ".join(shown))
