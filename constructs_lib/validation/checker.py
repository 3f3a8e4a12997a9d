"""One checker for all settings: every violation at once, each with path, property, value, bound and reason."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from constructs_lib.settings import FunctionSettings, StackSettings, VpcSettings
from constructs_lib.settings.base import did_you_mean
from constructs_lib.settings.handler import LOCATION
from constructs_lib.validation.endpoint_relations import ENDPOINT_RELATIONS
from constructs_lib.validation.limits import KNOWN, RULES, OneOf, Pattern, Range, Rule
from constructs_lib.validation.references import is_list_reference, is_unresolved, shown
from constructs_lib.validation.relations import RELATIONS

if TYPE_CHECKING:
    from constructs import Construct

# Of a value, and of what is wrong in a mapping or tuple, a message shows no more.
SHOWN_CHARACTERS, SHOWN_END, SHOWN_ITEMS = 80, 20, 5
ALL_RELATIONS = {**RELATIONS, **ENDPOINT_RELATIONS}
# Lists that Terraform may fill: they go into the plan as they are. Other lists are gone through item by item.
LIST_REFERENCES: dict[type, tuple[str, ...]] = {
    FunctionSettings: ("layers",),
    VpcSettings: ("subnet_ids", "security_group_ids"),
    StackSettings: ("allowed_account_ids",),
}


@dataclass(frozen=True)
class Violation:
    """One setting out of bounds."""

    path: str
    """Construct path, for instance `dev/language`."""
    property: str
    value: object
    bound: str
    reason: str
    wrong_type: bool = False
    """Whether the value can't even be put in relation to others."""

    def __str__(self) -> str:
        return f"{self.path} {self.property} = {_cut(self.value)}: must be {self.bound} ({self.reason})"


class SettingsError(ValueError):
    """Settings are out of bounds; `violations` and the message hold all of them."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        count = len(self.violations)
        head = "1 setting is out of bounds:" if count == 1 else f"{count} settings are out of bounds:"
        super().__init__("\n".join([head, *(f"  {violation}" for violation in self.violations)]))


def require_valid(construct: "Construct", settings: Any) -> None:
    """Raise SettingsError with everything in the settings that is out of bounds."""
    if check("", settings):  # the path costs two calls to Node: asked for only when it is needed
        raise SettingsError(check(construct.node.path, settings))


def require_name(construct: "Construct", name: str, rule: Pattern) -> None:
    """Raise SettingsError if a name, as it comes out with what is put before and after it, is not one."""
    if not is_unresolved(name) and not holds(rule, name):
        raise SettingsError([Violation(construct.node.path, "name", name, rule.description, rule.reason)])


def check(path: str, settings: Any, prefix: str = "") -> list[Violation]:
    """Check a settings object and those inside it against their types and `limits.RULES`.

    Only text that is passed on may be a Terraform reference; all else must be known.
    """
    found = list(_check_fields(path, settings, prefix))
    if not any(violation.wrong_type for violation in found):
        found += independent(lambda tried: _check_relations(path, tried, prefix), settings, found, prefix)
    return found


def independent(
    checks: Callable[[Any], Iterable[Violation]], settings: Any, found: Sequence[Violation], prefix: str = ""
) -> list[Violation]:
    """Return what further checks find, but for what merely follows from the violations that were found already.

    A violation follows from another one if it is gone, or reads differently, once that setting is left out: whoever
    mends the first has nothing to do about the second.
    """
    violations = list(checks(settings))
    if not found or not violations:
        return violations
    left_out = list(checks(_without(settings, {violation.property for violation in found}, prefix)))
    return [violation for violation in violations if violation in left_out]


def _without(settings: Any, properties: Container[str], prefix: str) -> Any:
    """Return the settings with these properties at their defaults, where they have one."""
    changed = {}
    for f in fields(settings):
        value, name = getattr(settings, f.name), prefix + f.name
        items = _items(name, value)
        if any(item_name in properties for item_name, _ in [(name, value), *items]):
            if f.default is not MISSING or f.default_factory is not MISSING:
                changed[f.name] = f.default if f.default_factory is MISSING else f.default_factory()
        elif isinstance(value, tuple):
            changed[f.name] = tuple(
                _without(item, properties, f"{item_name}.") if is_dataclass(item) else item for item_name, item in items
            )
        elif is_dataclass(value):
            changed[f.name] = _without(value, properties, f"{name}.")
    return replace(settings, **changed)


def _check_fields(path: str, settings: Any, prefix: str) -> Iterator[Violation]:
    for f, own_rules in _fields_and_rules(type(settings)):  # type: ignore[arg-type]  # a type is hashable
        value, name = getattr(settings, f.name), prefix + f.name
        if why := _refused_reference(type(settings), f, value, own_rules):
            yield Violation(path, name, shown(value), *why, wrong_type=True)
            continue
        if not _has_type(value, f.type):
            yield Violation(path, name, value, _type_name(f.type), _type_reason(value, f.type), wrong_type=True)
            continue
        for item_name, item in _items(name, value):
            if is_dataclass(item):
                yield from check(path, item, f"{item_name}.")
            elif isinstance(item, str) and is_unresolved(item):
                yield from (Violation(path, item_name, item, *why) for why in _hidden_urls(item, own_rules))
            elif item is not None:
                broken = (rule for rule in own_rules if not holds(rule, item))
                yield from (Violation(path, item_name, item, _bound_for(item, rule), rule.reason) for rule in broken)


def _check_relations(path: str, settings: Any, prefix: str) -> Iterator[Violation]:
    for cls in type(settings).__mro__:
        for relation in ALL_RELATIONS[cls](settings) if cls in ALL_RELATIONS else ():
            if not is_unresolved(relation.value):
                yield Violation(path, prefix + relation.property, relation.value, relation.bound, relation.reason)


@cache
def _fields_and_rules(cls: type) -> Sequence[tuple[Field[Any], Sequence[Rule]]]:
    rules = [rule for base in cls.__mro__ for rule in RULES.get(base, ())]
    return [(f, [rule for rule in rules if rule.property == f.name]) for f in fields(cls)]


def _refused_reference(cls: type, f: Field[Any], value: object, rules: Iterable[Rule]) -> tuple[str, str] | None:
    """Return bound and reason if the value is a Terraform reference where there can be none.

    Text may be one that goes into the plan as it is, and so may lists of which no item is looked at.
    """
    if isinstance(value, tuple) and any(is_list_reference(item) for item in value):
        if any(f.name in LIST_REFERENCES.get(base, ()) for base in cls.__mro__):
            return None
        return "a tuple of Token.as_string(Fn.element(…, 0)) and so on", "each item is looked at by itself"
    if not is_unresolved(value):
        return None
    known = any(f.name in KNOWN.get(base, ()) for base in cls.__mro__)
    if f.type in (str, str | None) and not known and not any(isinstance(rule, OneOf) for rule in rules):
        if isinstance(value, str) and not is_list_reference(value):
            return None
        return "text: use string_value of a variable, or Token.as_string(…)", "only text can be left to Terraform"
    return "known when synthesizing", "checks and derived settings need it"


def _hidden_urls(value: str, rules: Iterable[Rule]) -> Iterator[tuple[str, str]]:
    """Yield bound and reason where a reference hides that the text is an S3 URL: policies are built from its parts."""
    for rule in rules:
        if not isinstance(rule, Pattern) or not rule.regex.startswith("s3://"):
            continue
        reason = "the role's rights are built from it"
        if not value.startswith("s3://"):
            yield "s3:// and what follows", reason
        elif rule.regex == LOCATION.pattern and not value.endswith("/"):
            yield rule.description, reason


def _items(name: str, value: object) -> list[tuple[str, object]]:
    """Return what the rules apply to: each item of a tuple by itself."""
    if isinstance(value, tuple):
        return [(f"{name}[{position}]", item) for position, item in enumerate(value)]
    return [(name, value)]


def _cut(value: object) -> str:
    """Return what a message shows of a value: all of a large one would hide the reason.

    Of a long text that is beginning and end, since a name often is too long for what is put behind it.
    """
    text, end = repr(value), SHOWN_END if isinstance(value, str) else 0
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[: SHOWN_CHARACTERS - end - 1]}…{text[len(text) - end :]}"


def _type_reason(value: object, expected: Any) -> str:
    """Return of what type the value is, or what in it is of another type: keys, values or items."""
    options = {get_origin(option): option for option in (expected, *get_args(expected))}
    wrong: list[str] = []
    if isinstance(value, Mapping) and Mapping in options:
        key_type, value_type = get_args(options[Mapping])
        for key, item in value.items():
            if not isinstance(key, key_type):
                wrong.append(f"the key {_cut(key)} is of type {type(key).__name__}")
            elif value_type is not Any and not isinstance(item, value_type):
                wrong.append(f"{_cut(key)} is of type {type(item).__name__}")
    elif isinstance(value, tuple) and tuple in options:
        item_type = get_args(options[tuple])[0]
        odd = ((place, item) for place, item in enumerate(value) if not _has_type(item, item_type))
        wrong = [f"item {place} is of type {type(item).__name__}" for place, item in odd]
    more = [f"{len(wrong) - SHOWN_ITEMS} more"] if len(wrong) > SHOWN_ITEMS else []
    return ", ".join([*wrong[:SHOWN_ITEMS], *more]) or f"it is of type {type(value).__name__}"


def _has_type(value: object, expected: Any) -> bool:
    if get_origin(expected) in (Union, UnionType):
        return any(_has_type(value, option) for option in get_args(expected))
    if expected is int and isinstance(value, bool):
        return False
    if get_origin(expected) is Mapping:
        key_type, value_type = get_args(expected)
        return isinstance(value, Mapping) and all(
            isinstance(key, key_type) and (value_type is Any or isinstance(item, value_type))
            for key, item in value.items()
        )
    if get_origin(expected) is tuple:
        return isinstance(value, tuple) and all(_has_type(item, get_args(expected)[0]) for item in value)
    return isinstance(value, expected)


def _type_name(expected: Any) -> str:
    if get_origin(expected) in (Union, UnionType):
        return " or ".join(_type_name(option) for option in get_args(expected))
    if get_origin(expected) is tuple:
        return "a tuple of " + _type_name(get_args(expected)[0]).replace("a mapping", "mappings")
    names = {int: "a whole number", str: "text", bool: "True or False", type(None): "None"}
    if get_origin(expected) is Mapping:
        value_type = get_args(expected)[1]
        return "a mapping of text to " + ("JSON values" if value_type is Any else _type_name(value_type))
    return names.get(expected) or str(expected.__name__)


def holds(rule: Rule, value: Any) -> bool:
    """Whether a value of the right type keeps to the rule."""
    match rule:
        case Range(low=low, high=high, step=step):
            return bool(low <= value <= high and (value - low) % step == 0)
        case OneOf(values=values):
            return value in values
        case Pattern(regex=regex):
            return re.fullmatch(regex, value, re.ASCII) is not None


def _bound_for(value: object, rule: Rule) -> str:
    """Return a rule in words, with the value of its own that was meant."""
    names = rule.values if isinstance(rule, OneOf) else rule.names if isinstance(rule, Pattern) else ()
    known = [name for name in names if isinstance(name, str)]
    return bound(rule) + (did_you_mean(value, known) if isinstance(value, str) else "")


def bound(rule: Rule) -> str:
    """Return a rule in words."""
    match rule:
        case Range(low=low, high=high, unit=unit, step=step):
            steps = f" in steps of {step}" if step > 1 else ""
            return f"{low} to {high}{' ' + unit if unit else ''}{steps}"
        case OneOf(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case Pattern(description=description):
            return description
