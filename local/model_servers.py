"""Stand-ins for servers of language models and embeddings: their protocol is the servers', the model is none.

What each takes, and how it refuses the rest, is from
- LMI: github.com/deepjavalibrary/djl-serving, serving/docs/lmi/user_guides/chat_input_output_schema.md and
  lmi_input_output_schema.md;
- TGI: github.com/huggingface/text-generation-inference, docs/openapi.json (422 for what it can't validate);
- TEI: github.com/huggingface/text-embeddings-inference, docs/openapi.json and router/src/http/server.rs (the bound on
  texts in a request).
SageMaker hands on the status; the local endpoint answers 400 for all that is refused.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.model import RefusedError

JSON = "application/json"
LMI_DEFAULT_TOKENS = 30  # lmi_input_output_schema.md: max_new_tokens
WORDS = re.compile(r"\S+")
DIMENSIONS = 16


class ChatContainer:
    """A chat server: the answer is the beginning of the last message, a word a token, as far as `max_tokens` goes."""

    name = "a stand-in for a language model's server"

    def __init__(self, style: str) -> None:
        self._is_openai = style == "openai"

    def count(self, body: bytes) -> int:
        """Return 1: such servers take one record a request."""
        return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        request = json.loads(body)
        if not isinstance(request, dict):
            raise RefusedError("the request must be a JSON object")
        answer = self._completion(request) if self._is_openai else self._generated(request)
        return json.dumps(answer).encode(), JSON

    def _completion(self, request: Mapping[str, Any]) -> dict[str, Any]:
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            raise RefusedError("messages: Field required")
        contents = [_content(message) for message in messages]
        text, reason, tokens = _cut(contents[-1], request.get("max_tokens", 256))
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        prompt = sum(len(WORDS.findall(content)) for content in contents)
        usage = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}
        return {"id": "chatcmpl-0", "object": "chat.completion", "choices": [choice], "usage": usage}

    def _generated(self, request: Mapping[str, Any]) -> dict[str, Any]:
        prompt, parameters = request.get("inputs"), request.get("parameters") or {}
        if not isinstance(prompt, str):
            raise RefusedError("inputs: expected a string")  # never a list: 422 of TGI, 424 of LMI
        text, reason, tokens = _cut(prompt, parameters.get("max_new_tokens", LMI_DEFAULT_TOKENS))
        details = {"finish_reason": reason, "generated_tokens": tokens}
        return {"generated_text": text, **({"details": details} if parameters.get("details") else {})}


class EmbeddingsContainer:
    """Text Embeddings Inference: a vector for each text, the same for the same text, and of length 1."""

    name = "a stand-in for Text Embeddings Inference"

    def __init__(self, max_client_batch_size: int) -> None:
        self._most = max_client_batch_size

    def count(self, body: bytes) -> int:
        try:
            return len(_texts(json.loads(body)))
        except ValueError:
            return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        texts = _texts(json.loads(body))
        if len(texts) > self._most:
            raise RefusedError(f"batch size {len(texts)} > maximum allowed batch size {self._most}")
        return json.dumps([_vector(text) for text in texts]).encode(), JSON


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) and "role" in message else None
    if not isinstance(content, str):
        raise RefusedError("messages: each must have a role and a content")
    return content


def _cut(text: str, most: Any) -> tuple[str, str, int]:
    """Return the beginning of a text, why it ends there, and the number of its words."""
    if not isinstance(most, int) or most < 1:
        raise RefusedError("max_tokens must be at least 1")
    words = WORDS.findall(text)
    return " ".join(words[:most]), "length" if len(words) > most else "stop", len(words[:most])


def _texts(request: Any) -> Sequence[str]:
    inputs = request.get("inputs") if isinstance(request, dict) else None
    texts: list[Any] = inputs if isinstance(inputs, list) else [inputs]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise RefusedError("`inputs` must be a text or a list of texts, and not empty")
    return texts


def _vector(text: str) -> list[float]:
    """Return a vector in which texts with the same words are near each other."""
    sums = [0.0] * DIMENSIONS
    for word in WORDS.findall(text.lower()):
        digest = hashlib.sha256(word.encode()).digest()
        for place in range(DIMENSIONS):
            sums[place] += digest[place] - 127.5
    length = math.hypot(*sums) or 1.0
    return [round(one / length, 6) for one in sums]
