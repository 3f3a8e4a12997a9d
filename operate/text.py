"""Text that others wrote, made fit for a terminal."""

import unicodedata

# Control characters and escapes; what changes the direction of the text or has no width; halves of surrogate pairs;
# line and paragraph separators. With them a message could overwrite what the desk says, or hide a part of itself.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str, most: int | None = None) -> str:
    r"""Return the text with each character that a terminal acts on, or does not show, written out as \xNN or \uNNNN.

    With `most` it is shortened to so many characters, the last of which then is an ellipsis.
    """
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    return "".join(_written_out(c) if unicodedata.category(c) in HIDDEN else c for c in text)


def printable_lines(text: str) -> str:
    """Return the text as `printable` does, but with its line breaks and tabs as they are."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def counted(number: int, noun: str) -> str:
    """Return for instance `1 dead letter`, `1,200 dead letters`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
