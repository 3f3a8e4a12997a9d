"""One thing that is known of a pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..text import printable


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding in words and as data, and whether it is wrong."""

    part: str
    """Its subject: `work queue`, `endpoint` and the like."""
    text: str
    facts: dict[str, Any]
    """For `--json`."""
    wrong: bool = False


@contextmanager
def unknown_if_denied(part: str, findings: list[Finding]) -> Iterator[None]:
    """Note that a part is not known, in place of an error: the others still are. That counts as wrong."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        said = printable(str(error), 300)
        findings.append(Finding(part=part, text=f"not known: {said}", facts={"error": said}, wrong=True))
