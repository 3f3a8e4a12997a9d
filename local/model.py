"""The models behind the endpoint: language identification for texts, and a small numeric model for rows."""

import math
from collections.abc import Sequence
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# The languages of papluca/xlm-roberta-base-language-detection, and Swedish, which the demo's messages have as well.
LANGUAGES = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "sw": "Swahili",
    "th": "Thai",
    "tr": "Turkish",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}


class RefusedError(ValueError):
    """The model does not take the request: the container answers 400."""


class LanguageModel:
    """py3langid, a naive Bayes classifier on byte n-grams; its model is part of the package. Threads may share it."""

    def __init__(self) -> None:
        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages(list(LANGUAGES))

    def predict(self, texts: Sequence[object]) -> list[dict[str, Any]]:
        """Return {"label", "score"} for each text. Raises RefusedError if one of them is no text, or is empty."""
        answers = [self._identifier.classify(_text(text)) for text in texts]
        return [{"label": str(language), "score": round(float(score), 6)} for language, score in answers]


class RowModel:
    """A logistic regression with fixed weights, one for each column; it takes rows of any width."""

    def predict(self, rows: Sequence[Sequence[object]]) -> list[float]:
        """Return a score from 0 to 1 for each row. Raises RefusedError if one of them holds anything but numbers."""
        return [self._score(row) for row in rows]

    def _score(self, row: Sequence[object]) -> float:
        numbers = [_number(value) for value in row]
        if not numbers:
            raise RefusedError("a row is empty")
        # asinh keeps amounts of any size apart, and within range.
        z = sum(math.sin(column) * math.asinh(value) for column, value in enumerate(numbers, 1))
        return round(1 / (1 + math.exp(-z / len(numbers))), 6)


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise RefusedError(f"each input must be a text, not {type(text).__name__}")
    if not text:
        raise RefusedError("an input is empty")
    return text


def _number(value: object) -> float:
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise RefusedError(f"a row must hold numbers, not {str(value)[:40]!r}")
    return number
