"""Results of records that are alone in their request: what comes of a whole batch is held against them."""

import json
import math
from typing import Any

from handler.codecs import Codec, CodecError, MalformedRecordError, Payload, RecordFailure, codec_for, read_results
from handler.records import Record
from handler.settings import ConfigurationError, HandlerSettings
from local.containers import Container
from local.errors import UsageError
from local.messages import UNKNOWN, File

RELATIVE_TOLERANCE = 1e-3


class Alone:
    """The pipeline's codec and the container, for one record at a time."""

    def __init__(self, settings: HandlerSettings, container: Container) -> None:
        """Raises UsageError if the codec can't be used."""
        self._limit = settings.max_request_bytes
        self._container = container
        try:
            self._codec: Codec = codec_for(settings)
        except ConfigurationError as error:
            raise UsageError(str(error)) from error

    def refuses(self, body: str) -> bool:
        """Return whether the handler dead-letters the message before it calls the endpoint."""
        try:
            item = self._codec.parse(_record(body), Payload(body))
        except MalformedRecordError:
            return True
        except CodecError:
            return False  # a fault of the codec's own: the message goes back to the queue
        return item.size + self._codec.overhead(item.group_key) > self._limit

    def result(self, body: str, file: File | None = None) -> Any:
        """Return the result of a body, or of a file, as JSON has it; UNKNOWN if it gets none."""
        try:
            payload = Payload(file.content, file.content_type) if file else Payload(body)
            item = self._codec.parse(_record(body), payload)
            request_type = item.content_type or self._codec.content_type
            answer, content_type = self._container.answer(self._codec.encode([item]), request_type)
            (result,) = read_results(self._codec, answer, content_type, [item])
        except Exception:  # noqa: BLE001 - the run itself shows what becomes of the message
            return UNKNOWN
        return UNKNOWN if isinstance(result, RecordFailure) else json.loads(json.dumps(result))


def are_alike(one: Any, other: Any) -> bool:
    """Return whether two results are the same, but for a difference of numbers that the size of a batch may make."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(are_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_alike, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE)
    return bool(one == other)


def _record(body: str) -> Record:
    return Record("alone", "", body, 1, "")
