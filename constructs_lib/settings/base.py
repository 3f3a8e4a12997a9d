"""The base of all settings: an argument that a class does not have is answered with the one that was meant, one that it
needs is asked for, and a list is as good as a tuple.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, Self, get_origin


class SettingsArgumentError(TypeError):
    """Settings were given an argument that there is none of, or lack one that has no default. One line says which."""


class Settings:
    """Settings of one thing, as keyword arguments."""

    def __new__(cls, *positional: Any, **given: Any) -> Self:
        """Raises SettingsArgumentError for an argument that there is none of, with the nearest that there is; for one
        without its name; and for one that is missing.
        """
        known = [f for f in fields(cls) if f.init]  # type: ignore[arg-type]  # each is one
        names = [f.name for f in known]
        needed = [f.name for f in known if f.default is MISSING and f.default_factory is MISSING]
        if unknown := [name for name in given if name not in names]:
            said = " and no setting ".join(f"{name!r}{did_you_mean(name, names)}" for name in unknown)
            raise SettingsArgumentError(f"{cls.__name__}() has no setting {said}")
        if positional:
            bound = f"each setting has its name before it, as {names[0]}=…"
            raise SettingsArgumentError(f"{cls.__name__}() was given {positional[0]!r:.80} without a name; {bound}")
        if missing := [name for name in needed if name not in given]:
            raise SettingsArgumentError(f"{cls.__name__}() lacks {', '.join(missing)}, for which there is no default")
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], Mapping[str, Any]]:
        """Let a copy be made like any other: `copy` and `pickle` call `__new__` with these."""
        return (), {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]  # each is

    def __post_init__(self) -> None:
        """Take a list for the tuple that is meant: settings are values, which nobody changes later."""
        for f in fields(self):  # type: ignore[arg-type]  # each is one
            if isinstance(value := getattr(self, f.name), list) and get_origin(f.type) is tuple:
                object.__setattr__(self, f.name, tuple(value))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the nearest of the known words as the end of a sentence, or the only one that it is a part of; nothing if
    none is near.
    """
    words = sorted(known)
    near = get_close_matches(word, words, n=1) or [one for one in words if len(word) > 2 and word in one]
    return f"; did you mean {near[0]}?" if len(near) == 1 else ""
