"""The bounds of a service's API model, checked as AWS does: all of them at once, in one message."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import Shape

from local.control_plane.rules import Refused, Rule

TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}
TEXT_BOUNDS = "Member must have length {side} than or equal to {bound}"
NUMBER_BOUNDS = "Member must have value {side} than or equal to {bound}"


def require_api_model(value: Any, shape: Shape, code: str = "ValidationException") -> None:
    """Raise Refused naming every parameter outside of its bounds, with its value and its path.

    Raises ValueError for a parameter of another type.
    """
    if errors := list(_errors(value, shape, "")):
        counted = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
        raise Refused(Rule.API_MODEL, counted + "; ".join(errors), code=code)


def _errors(value: Any, shape: Any, path: str) -> Iterator[str]:
    _require_type(value, shape, path)
    if shape.type_name == "structure":
        yield from _errors_of_members(value, shape, path)
        return
    yield from (_said(f"'{_shown(value)}'", path, constraint) for constraint in _broken(value, shape))
    if shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _errors(item, shape.member, f"{path}.{number}.member")
    if shape.type_name == "map":
        for key, item in value.items():
            yield from _errors(item, shape.value, f"{path}.{key}.member")


def _require_type(value: Any, shape: Shape, path: str) -> None:
    if not isinstance(value, TYPES.get(shape.type_name, object)):
        raise ValueError(f"{path or 'it'} is a {type(value).__name__}, not a {shape.type_name}")


def _errors_of_members(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _said("null", _below(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _errors(value[name], member, _below(path, name))


def _broken(value: Any, shape: Shape) -> Iterator[str]:
    bounds, number = shape.metadata, isinstance(value, int | float)
    size = value if number else len(value) if isinstance(value, str | list | Mapping) else None
    text = NUMBER_BOUNDS if number else TEXT_BOUNDS
    if size is not None and not isinstance(value, bool):
        if "min" in bounds and size < bounds["min"]:
            yield text.format(side="greater", bound=bounds["min"])
        if "max" in bounds and size > bounds["max"]:
            yield text.format(side="less", bound=bounds["max"])
    if isinstance(value, str) and "pattern" in bounds and not _matches(bounds["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {bounds['pattern']}"
    if "enum" in bounds and value not in bounds["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(bounds['enum'])}]"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # Java's own syntax, which Python can't read


def _said(value: str, path: str, constraint: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {constraint}"


def _below(path: str, name: str) -> str:
    small = name[:1].lower() + name[1:]
    return f"{path}.{small}" if path else small


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else f"[{', '.join(map(str, value))}]"
