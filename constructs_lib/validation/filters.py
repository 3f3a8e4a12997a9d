"""Event patterns: what is refused of them, and what nothing could fit.

Lambda's filters, EventBridge's rules and SNS's filters have one syntax, that of Event Ruler
(github.com/aws/event-ruler, JsonRuleCompiler), and differ in the comparisons that they take:

- Lambda guide, "Control which events Lambda sends to your function"
- docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
- docs.aws.amazon.com/sns/latest/dg/string-value-matching.html; that it takes no other `anything-but` than these was
  recorded at AWS by github.com/localstack/localstack, tests/aws/services/sns/test_sns_filter_policy.py

Read 2026-11-26.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from constructs_lib.settings.base import did_you_mean
from constructs_lib.validation.references import REFERENCE, is_list_reference, is_unresolved

# A message as Lambda hands it over.
MESSAGE_KEYS = (
    *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"),
    *("eventSource", "eventSourceARN", "awsRegion"),
)
OPERATORS = ("anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard")
COMPARISONS = ("=", "<", "<=", ">", ">=")
# Event Ruler, WildcardParser: a backslash stands before a star or another one, and no star follows another one.
WILDCARD = re.compile(r"(?!.*(?<!\\)(\\\\)*\*\*)([^\\]|\\[\\*])*", re.DOTALL)


class Dialect(NamedTuple):
    """The comparisons that a service takes within others."""

    reason: str
    within_anything_but: tuple[str, ...]
    ignores_case_at_ends: bool
    """Whether `prefix` and `suffix` take {"equals-ignore-case": …}."""


LAMBDA = Dialect("Lambda Filter Pattern", ("equals-ignore-case", "prefix", "suffix", "wildcard"), True)
EVENTBRIDGE = LAMBDA._replace(reason="EventBridge EventPattern")
SNS = Dialect("SNS FilterPolicy", ("prefix", "wildcard"), False)


class Mistake(NamedTuple):
    place: str
    value: object
    bound: str


def filter_mistakes(pattern: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is wrong with a filter of Lambda's, each with its place in it, which begins with a dot."""
    for key in pattern:
        if key not in (*MESSAGE_KEYS, "$or"):
            meant = did_you_mean(key, MESSAGE_KEYS)
            yield Mistake("", key, f"body, messageAttributes or another part of a message{meant}")
            return
    yield from pattern_mistakes(pattern, LAMBDA)


def pattern_mistakes(pattern: Mapping[str, Any], dialect: Dialect, place: str = "") -> Iterator[Mistake]:
    """Yield what is wrong with a pattern, each with its place in it, which begins with a dot."""
    for key, value in pattern.items():
        where = f"{place}.{key}"
        if key == "$or":
            yield from _alternatives(value, dialect, where)
        elif isinstance(value, Mapping):
            yield from _inner(value, dialect, where)
        elif not isinstance(value, list | tuple):
            yield Mistake(where, value, "a list of values or comparisons, even of one")
        elif not value:
            yield Mistake(where, value, "a list of one or more values or comparisons")
        else:
            for position, item in enumerate(value):
                yield from _item(item, dialect, f"{where}[{position}]")


def _inner(pattern: Mapping[str, Any], dialect: Dialect, where: str) -> Iterator[Mistake]:
    if not pattern:
        yield Mistake(where, pattern, "a pattern with one or more keys")
    elif _is_bare_comparison(pattern):
        yield Mistake(where, pattern, f"a list, [{dict(pattern)}], even of one comparison")
    else:
        yield from pattern_mistakes(pattern, dialect, where)


def _is_bare_comparison(pattern: Mapping[str, Any]) -> bool:
    """Whether this is a comparison without its list; with lists `prefix` and the like may be keys of an event."""
    ((key, value), *others) = pattern.items()
    return not others and key in OPERATORS and ("-" in key or not isinstance(value, list | tuple | Mapping))


def _alternatives(value: object, dialect: Dialect, where: str) -> Iterator[Mistake]:
    if not isinstance(value, list | tuple) or len(value) < 2 or not all(isinstance(item, Mapping) for item in value):
        yield Mistake(where, value, "a list of two or more patterns")
        return
    for position, item in enumerate(value):
        yield from _inner(item, dialect, f"{where}[{position}]")


def _item(item: object, dialect: Dialect, where: str) -> Iterator[Mistake]:
    if isinstance(item, Mapping):
        if len(item) != 1:
            yield Mistake(where, item, "one comparison; several are several items of the list")
            return
        ((operator, operand),) = item.items()
        if operator not in OPERATORS:
            meant = did_you_mean(str(operator), OPERATORS)
            yield Mistake(where, item, f"a comparison by one of {', '.join(OPERATORS)}{meant}")
        elif not _fits(operator, operand, dialect):
            yield Mistake(where, item, f"{operator} with {_operands(operator, dialect)}")
    elif isinstance(item, list | tuple):
        yield Mistake(where, item, "a value or a comparison, not a list within the list")
    elif is_list_reference(item):  # a pattern is JSON in a text, where cdktf can't put it
        yield Mistake(where, REFERENCE, "a value or a comparison, not a list that Terraform alone knows")


def _operands(operator: str, dialect: Dialect) -> str:
    """Return what may stand behind a comparison, in words."""
    ends = 'text, or {"equals-ignore-case": text}' if dialect.ignores_case_at_ends else "text"
    return {
        "anything-but": f"a text or number, a list of either, or one of {', '.join(dialect.within_anything_but)}",
        "cidr": "an IP address and the bits of its mask, such as 10.0.0.0/24, fewer than all",
        "exists": "True or False",
        "numeric": 'comparisons and numbers in turn, such as [">", 0, "<=", 5]',
        "prefix": ends,
        "suffix": ends,
        "wildcard": r"text without ** in it, and \ before * or \ alone",
    }.get(operator, "text")


def _fits(operator: str, operand: object, dialect: Dialect) -> bool:
    if operator == "anything-but":
        return _is_excluded(operand, dialect)
    if operator in ("prefix", "suffix") and isinstance(operand, Mapping):
        takes_case = dialect.ignores_case_at_ends and {*operand} == {"equals-ignore-case"}
        return takes_case and all(map(_is_text, operand.values()))
    checks = {"cidr": _is_network, "exists": _is_switch, "numeric": _is_numeric, "wildcard": _is_wildcard}
    return checks.get(operator, _is_text)(operand)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_wildcard(value: object) -> bool:
    return isinstance(value, str) and WILDCARD.fullmatch(value) is not None


def _is_network(value: object) -> bool:
    if not isinstance(value, str) or is_unresolved(value):
        return isinstance(value, str)
    address, _, bits = value.partition("/")
    try:
        most = ipaddress.ip_address(address).max_prefixlen - 1  # Event Ruler, CIDR: a single address is a value itself
    except ValueError:
        return False
    return re.fullmatch(r"[0-9]{1,3}", bits) is not None and int(bits) <= most


def _is_numeric(operand: object) -> bool:
    """Whether these are one comparison, or a range from its lower end up."""
    if not isinstance(operand, list | tuple):
        return False
    comparisons, numbers = operand[::2], operand[1::2]
    if not all(comparison in COMPARISONS for comparison in comparisons) or not all(map(_is_number, numbers)):
        return False
    if len(operand) == 4:
        is_known = not any(map(is_unresolved, numbers))
        return comparisons[0][0] == ">" and comparisons[1][0] == "<" and (not is_known or numbers[0] < numbers[1])
    return len(operand) == 2


def _is_excluded(operand: object, dialect: Dialect) -> bool:
    if isinstance(operand, Mapping):
        if len(operand) != 1:
            return False
        ((operator, texts),) = operand.items()
        values = texts if isinstance(texts, list | tuple) else [texts]
        is_right = _is_wildcard if operator == "wildcard" else _is_text
        return operator in dialect.within_anything_but and bool(values) and all(is_right(v) and v for v in values)
    values = operand if isinstance(operand, list | tuple) else [operand]
    return bool(values) and (all(map(_is_text, values)) or all(map(_is_number, values)))
