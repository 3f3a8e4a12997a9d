"""Terraform JSON: blocks within a block, references to others, and numbers."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.errors import UsageError
from local.template import Block

REFERENCE = re.compile(r"\$\{((?:data\.)?[a-z][a-z0-9_]*\.[A-Za-z_][\w-]*)\.")


def only(values: Any) -> Mapping[str, Any]:
    """Return a block, which Terraform JSON writes as an object or as a list of one; an empty one if there is none."""
    if isinstance(values, list):
        return values[0] if values else {}
    return values or {}


def every(values: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the blocks of a list, or the one that stands alone."""
    yield from values if isinstance(values, list) else [values] if values else []


def addresses(value: Any) -> list[str]:
    """Return the addresses that a value refers to; any other expression in it is no matter here."""
    return REFERENCE.findall(json.dumps(value))


def number(block: Block, name: str, default: float, within: Mapping[str, Any] | None = None) -> int:
    """Return a whole number of a block, or of a block within it.

    Raises UsageError for one that only Terraform will know.
    """
    return int(real(block, name, default, within))


def real(block: Block, name: str, default: float, within: Mapping[str, Any] | None = None) -> float:
    """Return a number of a block, or of a block within it; Terraform JSON may have it as a text.

    Raises UsageError for one that only Terraform will know.
    """
    value = (block.arguments if within is None else within).get(name)
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        text = f"{block.address}: {name} = {value!r} is not a number that is known before deployment"
        raise UsageError(text) from None
