"""Terraform references in settings: how they are told from values, and how messages show them."""


class _Reference:
    """A Terraform reference in a message, in place of the encoded one, which nobody could read."""

    def __repr__(self) -> str:
        return "a Terraform reference"


REFERENCE = _Reference()


def is_unresolved(value: object) -> bool:
    """Whether the value is, or holds, a Terraform reference, known only to Terraform: no check can apply to it.

    cdktf encodes references in strings with a marker and in numbers as huge negative ones; asking cdktf itself
    (`Token.is_unresolved`) would be a call to Node for every setting.
    """
    if isinstance(value, str):
        return "${" in value or is_list_reference(value)
    if isinstance(value, float):
        return value < -1e100
    # The value of a variable comes as an object of jsii's own, which does not say what it is; settings hold no other.
    return hasattr(value, "resolve") or type(value).__module__.partition(".")[0] == "jsii"


def shown(value: object) -> object:
    """Return what messages show of a reference: text as it was written, but nothing that cdktf encoded."""
    return value if isinstance(value, str) and "TfToken[" not in value else REFERENCE


def is_list_reference(value: object) -> bool:
    """Whether the value stands for a whole list that Terraform knows: cdktf encodes it as the list's only item."""
    return isinstance(value, str) and value.startswith("#{TfToken[")
