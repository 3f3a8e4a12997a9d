"""The bodies that a probe sends."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..text import printable

# What any model that reads text takes.
TEXTS = (
    "Where is my order?",
    "Wo bleibt meine Bestellung?",
    "Où est ma commande ?",
    "¿Dónde está mi pedido?",
    "Dov'è il mio ordine?",
    "Gdzie jest moje zamówienie?",
    "Waar blijft mijn bestelling?",
    "Siparişim nerede?",
    "我的订单在哪里？",  # noqa: RUF001 - a question mark of that script
    "أين طلبي؟",
)


def bodies(path: Path | None, environment: Mapping[str, str]) -> Iterator[str]:
    """Return bodies without end: those of the file in turn, or else texts for the codec `huggingface`.

    The file is JSON Lines of {"body": …}, where `body` is a text that is sent as it is, or JSON, or {"inputs": "…"},
    which is sent whole. Raises UsageError if it holds none, or is needed.
    """
    return itertools.cycle(_read(path) if path else _own(environment))


def _own(environment: Mapping[str, str]) -> Sequence[str]:
    codec = environment.get("CODEC", "")
    plain = environment.get("ENVELOPE") in ("refuse", "as-is", "auto") and environment.get("BODY_ENCODING") == "text"
    if codec != "huggingface" or not plain:
        what = f"codec {printable(codec)}" + ("" if plain else " in an envelope")
        raise UsageError(
            f"what a model takes by {what} the desk can't know: pass --messages FILE, JSON Lines of "
            '{"body": …}, each of which the model can score'
        )
    return [json.dumps({"inputs": text}, ensure_ascii=False) for text in TEXTS]


def _read(path: Path) -> Sequence[str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    found = [_body(f"{path} line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{path} holds no messages")
    return found


def _body(place: str, line: str) -> str:
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}") from error
    if not isinstance(value, dict) or not ("body" in value or "inputs" in value):
        raise UsageError(f'{place} must be an object with "body" or with "inputs"')
    body = value.get("body", {"inputs": value.get("inputs")})
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
