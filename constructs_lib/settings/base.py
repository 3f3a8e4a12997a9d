"""The base of all settings: an argument that a class does not have is answered with the one that was meant, and a list
is as good as a tuple.
"""

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Self, get_origin


class Settings:
    """Settings of one thing, as keyword arguments."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Raises TypeError for an argument that there is none of, with the nearest that there is."""
        if unknown := given.keys() - (known := {f.name for f in fields(cls)}):  # type: ignore[arg-type]  # each is one
            name = min(unknown)
            raise TypeError(f"{cls.__name__}() has no setting {name!r}{did_you_mean(name, known)}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Take a list for the tuple that is meant: settings are values, which nobody changes later."""
        for f in fields(self):  # type: ignore[arg-type]  # each is one
            if isinstance(value := getattr(self, f.name), list) and get_origin(f.type) is tuple:
                object.__setattr__(self, f.name, tuple(value))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words as the end of a sentence; nothing if none is near."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
