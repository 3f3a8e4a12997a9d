"""The model behind the endpoint: language identification, with the contract of Hugging Face text classification."""

import threading
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
    """py3langid, a naive Bayes classifier on byte n-grams; its model is part of the package."""

    def __init__(self) -> None:
        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._identifier.set_languages(list(LANGUAGES))
        # As in a container with one worker, requests wait for each other.
        self._worker = threading.Lock()

    def predict(self, request: object) -> list[dict[str, Any]]:
        """Return [{"label", "score"}, …], one per input, for {"inputs": text or texts} or {"instances": [{"inputs":
        text}, …]}. Raises RefusedError.

        `parameters` are allowed, as for the deployed model, and have no effect.
        """
        texts = _inputs(request)
        with self._worker:
            answers = [self._identifier.classify(text) for text in texts]
        return [{"label": str(language), "score": round(float(score), 6)} for language, score in answers]


def _inputs(request: object) -> list[str]:
    if isinstance(request, dict) and isinstance(request.get("instances"), list):
        return [_text(_input(instance)) for instance in request["instances"]]
    inputs = _input(request)
    return [_text(text) for text in (inputs if isinstance(inputs, list) else [inputs])]


def _input(request: object) -> object:
    if not isinstance(request, dict) or "inputs" not in request:
        raise RefusedError('the request must be a JSON object with "inputs"')
    return request["inputs"]


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise RefusedError(f"each input must be a text, not {type(text).__name__}")
    if not text:
        raise RefusedError("an input is empty")
    return text
