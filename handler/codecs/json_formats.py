"""Formats whose records are JSON."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..ignored import IgnoredMembers
from ..records import Record
from ..settings import EVENT_MEMBERS, HandlerSettings
from .base import (
    JSON_WHITESPACE,
    Codec,
    Framed,
    Item,
    MalformedRecordError,
    Payload,
    UnexpectedResponseError,
    compact,
    listed,
    load_record,
    load_response,
    require_bare,
    require_plain,
    spliceable,
    to_bytes,
)
from .batch_size import MAX_PARAMETER_BYTES, BatchSize, with_batch_size

_INPUTS_FIRST = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"inputs"[ \t\n\r]*:[ \t\n\r]*')
_NOTHING_ELSE = re.compile(r"[ \t\n\r]*\}[ \t\n\r]*")


# Pipeline tasks of transformers whose result for one input is itself a list, so that a list with one item may be that
# result. Some of their pipelines take the result of a lone input out of its list, and some do not.
_TASKS_WITH_LISTS = {
    "audio-classification",
    "document-question-answering",
    "fill-mask",
    "image-classification",
    "image-segmentation",
    "ner",
    "object-detection",
    "text-generation",
    "token-classification",
    "video-classification",
    "visual-question-answering",
    "zero-shot-audio-classification",
    "zero-shot-image-classification",
    "zero-shot-object-detection",
}


class HuggingFaceCodec(Framed):
    """{"inputs": …} records; {"inputs": [ … ], "parameters": { … }} requests; a list of results.

    A record's own `parameters` win over the configured ones; only equal ones share a request. With one record a
    request, and for chats, `inputs` is the bare value: servers of language models take no list.
    """

    content_type = accept = "application/json"

    def __init__(
        self,
        parameters: Mapping[str, Any],
        *,
        task: str = "",
        bare: bool = False,
        any_result: bool = False,
        kept: Iterable[str] = (),
        batch_size: BatchSize | None = None,
    ) -> None:
        """`task` is the model's pipeline task, if it is known; `bare` requests hold one record each; `kept` are the
        members of a record that its result has.

        With `batch_size`, requests have that parameter unless their own name one.
        """
        self.parameters = dict(parameters)
        self._default_group = compact(self.parameters) if parameters else ""
        self._has_lists = task in _TASKS_WITH_LISTS
        self._bare = bare
        self._any_result = any_result
        self.batch_size = batch_size
        self._ignored = IgnoredMembers('"inputs"', kept)

    def parse(self, record: Record, payload: Payload) -> Item:
        piece = _lone_inputs(payload.text)
        if piece is not None:
            return Item(record, (piece,), self._default_group)
        body = load_record(payload.text)
        if not isinstance(body, dict) or "inputs" not in body:
            hint = "; it is JSON within a JSON text, encoded twice" if _is_encoded_twice(body) else ""
            raise MalformedRecordError(f'the body must be a JSON object with "inputs"{hint}')
        inputs, parameters = body["inputs"], body.get("parameters")
        is_chat = _is_chat(inputs)
        if parameters is not None and not isinstance(parameters, dict):
            raise MalformedRecordError('"parameters" must be an object')
        group_key = compact({**self.parameters, **parameters}) if parameters else self._default_group
        to_bytes(group_key)
        self._ignored.note(body.keys() - {"inputs", "parameters"})
        return Item(record, (to_bytes(compact(inputs)),), group_key, alone=is_chat)

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b'{"inputs":[', b",", f'],"parameters":{group_key}}}'.encode() if group_key else b"]}"

    def overhead(self, group_key: str) -> int:
        return super().overhead(group_key) + (MAX_PARAMETER_BYTES if self.batch_size else 0)

    def encode(self, items: Sequence[Item]) -> bytes:
        if not self._bare and not items[0].alone:
            size = self.batch_size.use(items) if self.batch_size else 0
            return with_batch_size(super().encode(items), items[0].group_key, size)
        (item,) = items
        parameters = f',"parameters":{item.group_key}'.encode() if item.group_key else b""
        return b'{"inputs":' + item.parts[0] + parameters + b"}"

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        answer = load_response(body)
        results = [self._lone_result(answer)] if len(items) == 1 else listed(answer)
        if not self._any_result:
            require_bare(results, len(items))
        return results

    def _lone_result(self, answer: Any) -> Any:
        """Return the result of a request of one record, in the shape that it has in a shared one."""
        if answer == [] and not self._has_lists:
            raise UnexpectedResponseError("no result came back for 1 record", 0)
        if not isinstance(answer, list) or len(answer) != 1:
            # Some pipelines (question-answering, fill-mask) take the result of a lone input out of its list.
            return answer
        return answer[0] if not self._has_lists or isinstance(answer[0], list) else answer


def _is_encoded_twice(body: Any) -> bool:
    return isinstance(body, str) and body.lstrip().startswith(("{", "["))


def _is_chat(inputs: Any) -> bool:
    """Whether `inputs` is a list of messages. Raises MalformedRecordError if it is nothing that a record may hold.

    A pipeline takes several objects with a role for one chat, and would answer one record with another's text.
    """
    if isinstance(inputs, dict) and "role" in inputs:
        form = '{"inputs": [{"role": "user", "content": "…"}]}'
        raise MalformedRecordError(f'"inputs" is one message of a chat; a chat is a list of messages: {form}')
    if isinstance(inputs, list) and inputs and all(isinstance(item, dict) and "role" in item for item in inputs):
        return True
    if not isinstance(inputs, (str, dict)) or not inputs:
        raise MalformedRecordError('"inputs" must be a text, an object or a list of messages, and not empty')
    return False


def _lone_inputs(body: str) -> bytes | None:
    """Return the text of `inputs` as it is if the body is {"inputs": value} and nothing more, which most are.

    None for a chat, or for what must be refused.
    """
    head = _INPUTS_FIRST.match(body)
    found = head and spliceable(body, head.end())
    if not head or not found:
        return None
    value, end = found
    is_plain = isinstance(value, str) or (isinstance(value, dict) and "role" not in value)
    if not is_plain or not value or not _NOTHING_ELSE.fullmatch(body, end):
        return None
    return to_bytes(body[head.end() : end])


class _AnyJson(Framed):
    """A format that accepts any JSON. Where it is safe, text is sent unchanged, so that numbers keep their spelling."""

    one_line = False
    """Whether a line break would end the payload."""

    def __init__(self, *, any_result: bool = False) -> None:
        self._any_result = any_result

    def parse(self, record: Record, payload: Payload) -> Item:
        text = payload.text.strip(JSON_WHITESPACE)
        found = spliceable(text, 0)
        as_it_is = found and found[1] == len(text) and not (self.one_line and ("\n" in text or "\r" in text))
        text = text if as_it_is else compact(load_record(payload.text))
        return Item(record, (to_bytes(_escaped(text) if self.one_line else text),))

    def _checked(self, results: Sequence[Any], count: int) -> Sequence[Any]:
        if not self._any_result:
            require_bare(results, count)
        return results


class InstancesCodec(_AnyJson):
    """TensorFlow Serving's format: JSON records; {"instances": [ … ]} requests; {"predictions": [ … ]}.

    The two keys can be others, or none for bare lists.
    """

    content_type = accept = "application/json"

    def __init__(
        self,
        *,
        request_key: str = "instances",
        response_key: str = "predictions",
        members: Mapping[str, Any] = MappingProxyType({}),
        any_result: bool = False,
    ) -> None:
        super().__init__(any_result=any_result)
        self._request_key, self._response_key = request_key, response_key
        # The way that a whole request begins, which is no record: its records would be nested once more.
        self._request = re.compile(rb"\{\s*" + re.escape(compact(request_key).encode())) if request_key else None
        self._frame = b"[", b",", b"]"
        if request_key:
            others = "".join(f"{compact(name)}:{compact(value)}," for name, value in members.items())
            self._frame = f"{{{others}{compact(request_key)}:[".encode(), b",", b"]}"

    def parse(self, record: Record, payload: Payload) -> Item:
        item = super().parse(record, payload)
        if self._request and self._request.match(item.parts[0]) and self._is_request(load_record(payload.text)):
            form = f'{{"{self._request_key}": [ … ]}}'
            raise MalformedRecordError(f"the body is a request, {form}, and must be one record of it")
        return item

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return self._frame

    def _is_request(self, body: Any) -> bool:
        return (
            isinstance(body, dict) and list(body) == [self._request_key] and isinstance(body[self._request_key], list)
        )

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        response = load_response(body)
        if not self._response_key:
            return self._checked(listed(response), len(items))
        if not isinstance(response, dict):
            raise UnexpectedResponseError(f'the response must be an object with "{self._response_key}"')
        return self._checked(listed(response.get(self._response_key)), len(items))


class JsonLinesCodec(_AnyJson):
    """JSON records; one line per record in the request, one line per result in the response."""

    content_type = accept = "application/jsonlines"
    one_line = True

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b"\n"

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        return self._checked([load_response(line) for line in body.splitlines() if line.strip()], len(items))


# Line breaks to some servers, which JSON allows within a text.
_LINE_BREAKS = str.maketrans({character: f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"})


def _escaped(text: str) -> str:
    """Return JSON without any character at which a server may split lines."""
    return text if text.isascii() else text.translate(_LINE_BREAKS)


class SingleCodec(Framed):
    """One record per request, its bytes unchanged and with the content type of their object, if it has one.

    The response is JSON if it can be, otherwise text.
    """

    content_type = accept = "application/json"
    max_records = 1

    def __init__(self, *, members: Mapping[str, Any] = MappingProxyType({}), any_result: bool = False) -> None:
        self._members = members
        self._any_result = any_result

    def parse(self, record: Record, payload: Payload) -> Item:
        if self._members:
            body = load_record(payload.text)
            if not isinstance(body, dict):
                raise MalformedRecordError("the body must be a JSON object, to which request_members are added")
            return Item(record, (to_bytes(compact({**self._members, **body})),))
        if not payload.content.strip():
            raise MalformedRecordError("the body must not be empty")
        return Item(record, (payload.content,), content_type=payload.content_type)

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"", b""

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        if not body.strip():
            raise UnexpectedResponseError("the answer is empty")
        try:
            results = [load_response(body)]
        except UnexpectedResponseError:
            return [_text(body)]
        if not self._any_result:
            require_plain(results, len(items))
        return results


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise UnexpectedResponseError(f"the answer is neither JSON nor text in UTF-8: {error.reason}") from error


def make(settings: HandlerSettings) -> Codec:
    """Return the configured codec."""
    any_result = settings.accept_any_result
    if settings.codec == "huggingface":
        bare = settings.max_records_per_request == 1
        # What a result's event has beside its result is expected there: the next pipeline's message has it.
        kept = {*settings.keep_members, *(EVENT_MEMBERS if settings.envelope in ("cloudevents", "auto") else ())}
        return HuggingFaceCodec(
            settings.parameters,
            task=settings.task,
            bare=bare,
            any_result=any_result,
            kept=kept,
            batch_size=BatchSize() if settings.batch_inside else None,
        )
    if settings.codec == "instances":
        return InstancesCodec(
            request_key=settings.request_key,
            response_key=settings.response_key,
            members=settings.request_members,
            any_result=any_result,
        )
    if settings.codec == "single":
        return SingleCodec(members=settings.request_members, any_result=any_result)
    return JsonLinesCodec(any_result=any_result)
