"""The format of servers of language models: one record a request, which they batch with others by themselves.

Two styles. `openai` is the Chat Completions API: vLLM, SageMaker's LMI and TGI containers and others take it, on
SageMaker at /invocations (LMI: djl-serving, docs/lmi/user_guides/chat_input_output_schema.md; TGI: its "Messages API").
`inputs` is the older form of TGI and LMI, {"inputs": prompt, "parameters": {…}} (lmi_input_output_schema.md).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..ignored import IgnoredMembers
from ..records import Record
from ..settings import HandlerSettings
from .base import (
    Codec,
    Framed,
    Item,
    MalformedRecordError,
    Payload,
    UnexpectedResponseError,
    compact,
    load_record,
    load_response,
    require_plain,
    to_bytes,
)

_PLACE = re.compile(r"\{(\w+)\}|\{\{|\}\}")
# Members of a request that would change the answer's form: in pieces, or several of them.
_ONE_ANSWER: Mapping[str, tuple[Any, ...]] = {"stream": (False, None), "n": (1, None)}
_FAILED = ("error", "abort")


class ChatCodec(Framed):
    """Messages, or a prompt, by record; a result has the text, why it ended, and the tokens of question and answer."""

    content_type = accept = "application/json"
    max_records = 1

    def __init__(
        self, parameters: Mapping[str, Any], *, style: str = "openai", template: str = "", system_prompt: str = ""
    ) -> None:
        """`template` has a record's members in braces; with `system_prompt` each prompt has that message before it."""
        self._parameters = dict(parameters)
        self._is_openai = style == "openai"
        self._template = template
        self._system = [{"role": "system", "content": system_prompt}] if system_prompt else []
        self._ignored = IgnoredMembers('"prompt"')

    def parse(self, record: Record, payload: Payload) -> Item:
        return Item(record, (to_bytes(compact(self._request(payload.text))),))

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"", b""

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        answer = load_response(body)
        if isinstance(answer, list) and len(answer) == 1 and not self._is_openai:
            (answer,) = answer  # as TGI answers on SageMaker
        require_plain([answer], 1)
        if not isinstance(answer, dict):
            raise UnexpectedResponseError("the response must be a JSON object")
        result = _of_choices(answer) if self._is_openai else _of_generated_text(answer)
        if result["finishReason"] in _FAILED:
            raise UnexpectedResponseError(f'the model ended with the reason "{result["finishReason"]}"')
        return [result]

    def _request(self, text: str) -> dict[str, Any]:
        body = _object_of(text) if self._template else load_record(text)
        if not isinstance(body, dict):
            raise MalformedRecordError(f"the body must be {self._wanted()}")
        if "messages" in body:
            return self._of_messages(body)
        prompt = self._prompt(body)
        own = _parameters_of(body)
        if not self._is_openai:
            return {"inputs": prompt, "parameters": {"details": True, **self._parameters, **own}}
        return {"messages": [*self._system, {"role": "user", "content": prompt}], **self._parameters, **own}

    def _of_messages(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if not self._is_openai:
            form = 'chat_style "openai" takes messages, and it is "inputs"'
            raise MalformedRecordError(f'the body has "messages"; {form}')
        _require_messages(body["messages"])
        own = {name: value for name, value in body.items() if name != "parameters"} | _parameters_of(body)
        _require_one_answer(own)
        return {**self._parameters, **own}

    def _prompt(self, body: Mapping[str, Any]) -> str:
        if self._template:
            return _PLACE.sub(lambda place: _filled(place, body), self._template)
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise MalformedRecordError(f"the body must be {self._wanted()}")
        self._ignored.note(body.keys() - {"prompt", "parameters"})
        return prompt

    def _wanted(self) -> str:
        prompt = 'a JSON object with "prompt", a text that is not empty'
        return f'{prompt}, or with "messages"' if self._is_openai else prompt


def _object_of(text: str) -> dict[str, Any]:
    """Return the members that fill the template: of a JSON object its own, of anything else `body`, the whole text."""
    if not text.strip():
        raise MalformedRecordError("the body must not be empty")
    if text.lstrip().startswith("{"):
        body: dict[str, Any] = load_record(text)
        return body
    return {"body": text}


def _filled(place: "re.Match[str]", body: Mapping[str, Any]) -> str:
    """Return what stands for a place of the template: the member as text; of doubled braces one."""
    name = place[1]
    if name is None:
        return place[0][0]
    value = body.get(name)
    if not isinstance(value, (str, int, float)) or isinstance(value, bool) or value == "":
        raise MalformedRecordError(f'the body must have "{name}", a text or a number, for the prompt template')
    return str(value)


def _parameters_of(body: Mapping[str, Any]) -> dict[str, Any]:
    parameters = body.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise MalformedRecordError('"parameters" must be an object')
    _require_one_answer(parameters)
    return parameters


def _require_one_answer(members: Mapping[str, Any]) -> None:
    for name, allowed in _ONE_ANSWER.items():
        if members.get(name) not in allowed:
            raise MalformedRecordError(f'"{name}" must be left out: a record has one answer, in one piece')


def _require_messages(messages: Any) -> None:
    is_chat = isinstance(messages, list) and bool(messages)
    if not is_chat or not all(isinstance(item, dict) and isinstance(item.get("role"), str) for item in messages):
        form = '[{"role": "user", "content": "…"}]'
        raise MalformedRecordError(f'"messages" must be a list of messages, {form}, and not empty')


def _of_choices(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of an answer of the Chat Completions API."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1:
        count = f", and has {len(choices)}" if isinstance(choices, list) else ""
        raise UnexpectedResponseError(f'the response must have "choices" with one answer{count}')
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), (str, type(None))):
        raise UnexpectedResponseError('the answer must have a "message" whose "content" is a text')
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    result = _result(
        message.get("content"),
        choice.get("finish_reason"),
        counts.get("prompt_tokens"),
        counts.get("completion_tokens"),
    )
    return {**result, "toolCalls": message["tool_calls"]} if message.get("tool_calls") else result


def _of_generated_text(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of an answer to {"inputs": …}; it does not say how many tokens the prompt has."""
    text, details = answer.get("generated_text"), answer.get("details")
    if not isinstance(text, str):
        raise UnexpectedResponseError('the response must have "generated_text", a text')
    told = details if isinstance(details, dict) else {}
    return _result(text, told.get("finish_reason"), None, told.get("generated_tokens"))


def _result(text: str | None, reason: Any, input_tokens: Any, output_tokens: Any) -> dict[str, Any]:
    return {
        "text": text or "",
        "finishReason": reason if isinstance(reason, str) else None,
        "inputTokens": input_tokens if type(input_tokens) is int else None,
        "outputTokens": output_tokens if type(output_tokens) is int else None,
    }


def make(settings: HandlerSettings) -> Codec:
    """Return the configured codec."""
    return ChatCodec(
        settings.parameters,
        style=settings.chat_style,
        template=settings.prompt_template,
        system_prompt=settings.system_prompt,
    )
