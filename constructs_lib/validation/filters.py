"""Event filter patterns: what Lambda refuses of them, and what no message could fit.

They have the syntax of Amazon EventBridge's event patterns (Lambda guide, "Control which events Lambda sends to your
function", and EventBridge guide, "Comparison operators for use in event patterns"; read 2026-11-26).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from constructs_lib.settings.base import did_you_mean

# A message as Lambda hands it over.
MESSAGE_KEYS = (
    *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"),
    *("eventSource", "eventSourceARN", "awsRegion"),
)
OPERATORS = ("anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard")
COMPARISONS = ("=", "<", "<=", ">", ">=")


class Mistake(NamedTuple):
    place: str
    value: object
    bound: str


def filter_mistakes(pattern: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is wrong with a pattern, each with its place in it, which begins with a dot."""
    for key in pattern:
        if key not in (*MESSAGE_KEYS, "$or"):
            meant = did_you_mean(key, MESSAGE_KEYS)
            yield Mistake("", key, f"body, messageAttributes or another part of a message{meant}")
            return
    yield from _object(pattern, "")


def _object(pattern: Mapping[str, Any], place: str) -> Iterator[Mistake]:
    for key, value in pattern.items():
        where = f"{place}.{key}"
        if key == "$or":
            yield from _alternatives(value, where)
        elif isinstance(value, Mapping):
            yield from _object(value, where)
        elif not isinstance(value, list | tuple):
            yield Mistake(where, value, "a list of values or comparisons, even of one")
        elif not value:
            yield Mistake(where, value, "a list of one or more values or comparisons")
        else:
            for position, item in enumerate(value):
                yield from _item(item, f"{where}[{position}]")


def _alternatives(value: object, where: str) -> Iterator[Mistake]:
    if not isinstance(value, list | tuple) or len(value) < 2 or not all(isinstance(item, Mapping) for item in value):
        yield Mistake(where, value, "a list of two or more patterns")
        return
    for position, item in enumerate(value):
        yield from _object(item, f"{where}[{position}]")


def _item(item: object, where: str) -> Iterator[Mistake]:
    if isinstance(item, Mapping):
        if len(item) != 1:
            yield Mistake(where, item, "one comparison; several are several items of the list")
            return
        ((operator, operand),) = item.items()
        if operator not in OPERATORS:
            meant = did_you_mean(str(operator), OPERATORS)
            yield Mistake(where, item, f"a comparison by one of {', '.join(OPERATORS)}{meant}")
        elif not _fits(operator, operand):
            yield Mistake(where, item, f"{operator} with {_OPERANDS[operator]}")
    elif isinstance(item, list | tuple):
        yield Mistake(where, item, "a value or a comparison, not a list within the list")


_OPERANDS = {
    "anything-but": "a value, a list of values, or a comparison of text",
    "cidr": "text",
    "equals-ignore-case": "text",
    "exists": "True or False",
    "numeric": 'comparisons and numbers in turn, such as [">", 0, "<=", 5]',
    "prefix": "text",
    "suffix": "text",
    "wildcard": "text",
}


def _fits(operator: str, operand: object) -> bool:
    match operator:
        case "exists":
            return isinstance(operand, bool)
        case "numeric":
            return isinstance(operand, list | tuple) and _is_numeric(operand)
        case "anything-but":
            return (operand is not None and not isinstance(operand, Mapping)) or _is_text_comparison(operand)
        case "prefix" | "suffix":
            return isinstance(operand, str) or _is_text_comparison(operand)
    return isinstance(operand, str)


def _is_numeric(operand: Sequence[object]) -> bool:
    comparisons, numbers = operand[::2], operand[1::2]
    return (
        len(operand) in (2, 4)
        and all(comparison in COMPARISONS for comparison in comparisons)
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    )


def _is_text_comparison(operand: object) -> bool:
    return isinstance(operand, Mapping) and len(operand) == 1 and {*operand} <= {*OPERATORS} - {"exists", "numeric"}
