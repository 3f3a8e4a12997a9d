"""The parts that all creators share."""

from collections.abc import Callable, Mapping
from typing import Any

from local.aws import Aws
from local.template import Template

Arguments = dict[str, Any]
"""A block's arguments. A method takes out those that it handles; whatever is left is an error."""
Methods = Mapping[str, Callable[[Arguments], dict[str, Any]]]
"""By Terraform's type; each returns the attributes that are known only on creation."""


class Creator:
    """Creates resources of some types."""

    methods: Methods

    def __init__(self, aws: Aws, template: Template) -> None:
        self.aws = aws
        self.template = template

    def tags(self, arguments: Arguments) -> dict[str, str]:
        """Take the block's own tags; return them together with the provider's default ones."""
        return {**self.template.tags, **arguments.pop("tags", {})}

    def tag_list(self, arguments: Arguments) -> list[dict[str, str]]:
        """Take the tags, too, in the form that most services want."""
        return [{"Key": key, "Value": value} for key, value in self.tags(arguments).items()]


def text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
