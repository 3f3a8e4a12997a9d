"""The codec interface, its errors, and helpers that the formats share."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from ..records import Record, Target

NO_LIMIT = 1_000_000
JSON_WHITESPACE = " \t\n\r"
BYTE_ORDER_MARK = "\ufeff"


class MalformedRecordError(ValueError):
    """The codec does not accept the body."""


class UnexpectedResponseError(ValueError):
    """The response does not prove that each result belongs to its record."""

    def __init__(self, detail: str, results: int | None = None) -> None:
        """`results` is the number of results that came, where that number is what is wrong."""
        super().__init__(detail)
        self.results = results


class CodecError(RuntimeError):
    """A codec of the user's own failed."""


class RequestTooLargeError(ValueError):
    """The request body is larger than the limit."""


class Payload:
    """The content of a record for the codec: bytes, with their content type if it is known (else empty)."""

    __slots__ = ("_content", "_name", "_text", "content_type")

    def __init__(self, content: bytes | str, content_type: str = "", name: str = "the content") -> None:
        """A text stands for its bytes in UTF-8; a byte order mark before it is no part of it.

        Errors begin with `name`.
        """
        self._name = name
        self._text = content.removeprefix(BYTE_ORDER_MARK) if isinstance(content, str) else None
        self._content = None if isinstance(content, str) else content
        self.content_type = content_type

    @property
    def content(self) -> bytes:
        """The bytes. Raises MalformedRecordError if the message's text is not valid Unicode."""
        if self._content is None:
            self._content = to_bytes(self.text)
        return self._content

    @property
    def text(self) -> str:
        """The bytes as text. Raises MalformedRecordError if they are not text in UTF-8."""
        if self._text is None:
            try:
                self._text = self.content.decode().removeprefix(BYTE_ORDER_MARK)
            except UnicodeDecodeError as error:
                raise MalformedRecordError(f"{self._name} is not text in UTF-8: {error.reason}") from error
        return self._text


class RecordFailure(NamedTuple):
    """In place of a result: the model refused this record of a request that it otherwise answered."""

    detail: str


class Item(NamedTuple):
    """A record ready to be sent."""

    record: Record
    parts: tuple[bytes, ...]
    """The bytes that it adds to a request body: one part in most formats, one for each tensor in others. Empty if the
    record points to a whole request for an asynchronous endpoint."""
    group_key: str = ""
    """Only items with the same group key may share a request."""
    alone: bool = False
    """Whether it shares a request with no other item."""
    target: Target = Target()
    """The model behind the endpoint; only items with the same target may share a request."""
    content_type: str = ""
    """The request's content type, if it is another one than the codec's; only items with the same may share one."""
    location: str = ""
    """The object on S3 that the record was read from, or that holds the whole request; empty if there is none."""

    @property
    def size(self) -> int:
        """Number of bytes of all parts."""
        return sum(map(len, self.parts))


class Codec(Protocol):
    """A container's request and response format."""

    content_type: str
    accept: str
    max_records: int
    """Most records that one request can hold."""

    def parse(self, record: Record, payload: Payload) -> Item:
        """Return the record as an item, which is checked before the endpoint is called. Raises MalformedRecordError.

        The payload is the record's body, or the content of the object that it points to.
        """

    def overhead(self, group_key: str) -> int:
        """Return the most bytes that a request has besides its items' parts and a separator for each but the first."""

    def encode(self, items: Sequence[Item]) -> bytes:
        """Return the body of a request for one or more items with the same group key."""

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        """Return one result, or a RecordFailure, for each item of the request, in the items' order.

        `content_type` is the answer's own, or empty; `read_results` counts the results. Raises UnexpectedResponseError.
        """


class Framed:
    """A format whose requests are a prefix, the payloads with a separator in between, and a suffix."""

    max_records = NO_LIMIT

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"", b"\n", b""

    def overhead(self, group_key: str) -> int:
        before, _, after = self.frame(group_key)
        return len(before) + len(after)

    def encode(self, items: Sequence[Item]) -> bytes:
        before, between, after = self.frame(items[0].group_key)
        return before + between.join([item.parts[0] for item in items]) + after


def read_results(codec: Codec, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
    """Return exactly one result per item. Raises UnexpectedResponseError if the codec returned anything else."""
    results: Any = codec.decode(body, content_type, items)
    count = len(items)
    if not isinstance(results, Sequence) or isinstance(results, (str, bytes)):
        raise UnexpectedResponseError(f"the codec returned a {type(results).__name__}, not a list of results")
    require_count(results, count)
    return results


def require_count(results: Sequence[Any], count: int) -> None:
    """Raise UnexpectedResponseError, which tells how many came, if it is another number of results."""
    if len(results) != count:
        raise UnexpectedResponseError(f"{len(results)} results came back for {count} records", len(results))


def load_record(body: str) -> Any:
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"the body is not JSON: {error}") from error


def load_response(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponseError(f"the response is not JSON: {error}") from error


# Members that an error in JSON may have beside "error", and a KServe v2 response beside "outputs".
_BESIDE_ERROR = {"error", "error_type", "code", "type", "status", "status_code", "message"}
_BESIDE_OUTPUTS = {"outputs", "model_name", "model_version", "id", "parameters"}


def require_plain(results: Sequence[Any], count: int) -> None:
    """Raise UnexpectedResponseError if one of the results is null, or has the shape of an error; or on another count.

    The count comes first: what it shows of the model must not be lost if an element is an error too.
    """
    require_count(results, count)
    for result in results:
        if result is None:
            raise UnexpectedResponseError("a result is null")
        if isinstance(result, dict) and "error" in result and result.keys() <= _BESIDE_ERROR:
            raise UnexpectedResponseError('a result is an error, {"error": …}')


def require_bare(results: Sequence[Any], count: int) -> None:
    """Raise UnexpectedResponseError if one of the results is an error, or wrapped as another codec takes it."""
    require_plain(results, count)
    for result in results:
        if not isinstance(result, dict):
            continue
        if result.keys() == {"predictions"}:
            raise UnexpectedResponseError('a result is wrapped in {"predictions": …}; the codec instances takes that')
        if "outputs" in result and result.keys() <= _BESIDE_OUTPUTS:
            raise UnexpectedResponseError('a result is wrapped in {"outputs": …}; the codec kserve takes that')


def listed(results: Any) -> list[Any]:
    if not isinstance(results, list):
        raise UnexpectedResponseError("the response must hold a list of results")
    return results


def spliceable(text: str, start: int) -> tuple[Any, int] | None:
    """Return the JSON value at `start`, and the index behind it, if its text may be sent unchanged.

    None if it is not JSON, if it has a key twice (the container may use the other one than we do), or if it has an
    escape, which may be half of a surrogate pair.
    """
    if "\\u" in text:
        return None
    try:
        return _UNIQUE_KEYS.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


def compact(value: object, *, sort_keys: bool = False) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys)
    except RecursionError as error:
        raise MalformedRecordError("the body is nested too deeply") from error


def to_bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedRecordError(f"the body is not valid Unicode: {error.reason}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of a number's range")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_UNIQUE_KEYS = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)
