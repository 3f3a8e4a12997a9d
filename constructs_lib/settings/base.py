"""The base of all settings: an argument that a class does not have is answered with the one that was meant, one that it
needs is asked for, and a list is as good as a tuple.
"""

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, signature
from typing import Any, Self, get_origin


class SettingsArgumentError(TypeError):
    """Settings were given an argument that there is none of, or lack one that has no default. One line says which."""


class Settings:
    """Settings of one thing, as keyword arguments."""

    def __new__(cls, *positional: Any, **given: Any) -> Self:
        """Raises SettingsArgumentError for an argument that there is none of, with the nearest that there is; for one
        without its name; and for one that is missing.
        """
        arguments = _arguments(cls)  # type: ignore[arg-type]  # a class can be hashed
        names = [one.name for one in arguments if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
        takes_any = any(one.kind is one.VAR_KEYWORD for one in arguments)
        if unknown := [name for name in given if name not in names and not takes_any]:
            said = " and no setting ".join(f"{name!r}{did_you_mean(name, names)}" for name in unknown)
            raise SettingsArgumentError(f"{cls.__name__}() has no setting {said}")
        if positional and all(one.kind is one.KEYWORD_ONLY for one in arguments):
            bound = f"each setting has its name before it, as {names[0]}=…"
            raise SettingsArgumentError(f"{cls.__name__}() was given {positional[0]!r:.80} without a name; {bound}")
        needed = [one.name for one in arguments if one.name in names and one.default is one.empty]
        if missing := [name for name in needed if name not in given and not positional]:
            raise SettingsArgumentError(f"{cls.__name__}() lacks {', '.join(missing)}, for which there is no default")
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let `copy` and `pickle` make a copy without any argument: some may not be kept."""
        return object.__new__, (type(self),), self.__getstate__()

    def __post_init__(self) -> None:
        """Take a list for the tuple that is meant: settings are values, which nobody changes later."""
        for f in fields(self):  # type: ignore[arg-type]  # each is one
            if isinstance(value := getattr(self, f.name), list) and get_origin(f.type) is tuple:
                object.__setattr__(self, f.name, tuple(value))


@cache
def _arguments(cls: Any) -> list[Parameter]:
    """Return what its `__init__` takes: that of a dataclass each field, one of a user's own class what it says."""
    return [*signature(cls.__init__).parameters.values()][1:]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words as the end of a sentence, or the only one that it is a part of; nothing if
    none is near.
    """
    words = sorted(known)
    near = get_close_matches(word, words, n=1) or [one for one in words if len(word) > 2 and word in one]
    return f"; did you mean {near[0]}?" if len(near) == 1 else ""
