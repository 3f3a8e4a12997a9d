"""Terraform's blocks as requests, by the service's API model: the provider names each argument after a member."""

from collections.abc import Mapping
from typing import Any

from local.creators.base import Arguments
from local.errors import LocalRunError


def request_of(client: Any, operation: str, arguments: Arguments, names: Mapping[str, str] | None = None) -> Any:
    """Return the operation's request, taking out of `arguments` those that it has members for.

    `names` has the members whose argument is named otherwise. Raises LocalRunError for an argument within a block that
    the API does not know.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    request = {}
    for name in list(arguments):
        if member := _member(shape, (names or {}).get(name, name)):
            request[member] = _converted(arguments.pop(name), shape.members[member], name)
    return request


def _converted(value: Any, shape: Any, path: str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(value[0] if isinstance(value, list) else value, shape, path)
        case "list":
            items = value if isinstance(value, list) else [value]
            return [_converted(item, shape.member, path) for item in items]
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case _:
            return value


def _structure(block: Mapping[str, Any], shape: Any, path: str) -> dict[str, Any]:
    structure = {}
    for name, value in block.items():
        member = _member(shape, name)
        if member is None:
            raise LocalRunError(f"the local run does not know {path}.{name}")
        structure[member] = _converted(value, shape.members[member], f"{path}.{name}")
    return structure


def _member(shape: Any, name: str) -> str | None:
    """Return the member of this name; a block that may be there several times is named in the singular."""
    plain = name.replace("_", "").lower()
    members = {member.lower(): member for member in shape.members}
    return members.get(plain) or members.get(f"{plain}s")
