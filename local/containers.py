"""Containers: each reads the requests of one codec, scores their records, and answers in the codec's format."""

import csv
import io
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from handler.settings import HandlerSettings
from local.model import LANGUAGES, LanguageModel, RefusedError, RowModel
from local.model_servers import ChatContainer

JSON = "application/json"


class Container(Protocol):
    """The program that a SageMaker endpoint would run."""

    name: str
    """Its name in the report."""

    def count(self, body: bytes) -> int:
        """Return the number of records in a request, for the report; 1 if it can't be read."""

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        """Return the answer and its content type. Raises ValueError for a request that it does not take, which it
        answers with status 400; any other error is one of its own, status 500.
        """


class _ModelContainer(ABC):
    """A container of the two models: the bodies' format is up to the subclass."""

    content_type = JSON

    def __init__(self, texts: LanguageModel, rows: RowModel, settings: HandlerSettings) -> None:
        self.name = f"py3langid, {len(LANGUAGES)} languages"
        self._settings = settings
        self._texts = texts
        self._rows = rows
        # With one worker, so requests wait for each other.
        self._worker = threading.Lock()

    @abstractmethod
    def records(self, body: bytes) -> Sequence[Any]:
        """Return the records of a request. Raises ValueError."""

    @abstractmethod
    def joined(self, results: Sequence[Any]) -> bytes:
        """Return the answer with one result for each record."""

    def count(self, body: bytes) -> int:
        try:
            return len(self.records(body))
        except ValueError:
            return 1

    def answer(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        records = self.records(body)
        with self._worker:
            return self.joined([self._scored(record) for record in records]), self.content_type

    def _scored(self, record: Any) -> Any:
        """Return the result of a record: {"inputs": text}, {"features": [numbers]}, or a list of numbers."""
        if isinstance(record, dict) and "inputs" in record:
            return self._texts.predict([record["inputs"]])[0]
        row = record.get("features") if isinstance(record, dict) else record
        if not isinstance(row, list):
            raise RefusedError('a record must be {"inputs": "a text"}, {"features": [numbers]}, or a list of numbers')
        return self._rows.predict([row])[0]


class HuggingFaceContainer(_ModelContainer):
    """Text classification in the Hugging Face inference toolkit; `parameters` are allowed and have no effect."""

    def records(self, body: bytes) -> Sequence[Any]:
        request = json.loads(body)
        if not isinstance(request, dict) or "inputs" not in request:
            raise RefusedError('the request must be a JSON object with "inputs"')
        inputs = request["inputs"]
        return [{"inputs": text} for text in (inputs if isinstance(inputs, list) else [inputs])]

    def joined(self, results: Sequence[Any]) -> bytes:
        return json.dumps(results).encode()


class InstancesContainer(_ModelContainer):
    """TensorFlow Serving, or a container with other keys, or with bare lists."""

    def records(self, body: bytes) -> Sequence[Any]:
        request, key = json.loads(body), self._settings.request_key
        instances = request.get(key) if key and isinstance(request, dict) else request
        if not isinstance(instances, list):
            form = f'a JSON object with "{key}", a list' if key else "a JSON list"
            raise RefusedError(f"the request must be {form}")
        return instances

    def joined(self, results: Sequence[Any]) -> bytes:
        key = self._settings.response_key
        return json.dumps({key: results} if key else results).encode()


class JsonLinesContainer(_ModelContainer):
    """A record a line, and a result a line."""

    content_type = "application/jsonlines"

    def records(self, body: bytes) -> Sequence[Any]:
        return [json.loads(line) for line in body.splitlines() if line.strip()]

    def joined(self, results: Sequence[Any]) -> bytes:
        return b"".join(json.dumps(result).encode() + b"\n" for result in results)


class CsvContainer(_ModelContainer):
    """A row of numbers a record, and a row with the score for each."""

    content_type = "text/csv"
    between = "\n"

    def __init__(self, texts: LanguageModel, rows: RowModel, settings: HandlerSettings) -> None:
        super().__init__(texts, rows, settings)
        self.name = "a logistic regression"

    def records(self, body: bytes) -> Sequence[Any]:
        rows = [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row]
        return rows[1:] if self._settings.csv_header else rows

    def joined(self, results: Sequence[Any]) -> bytes:
        return self.between.join(map(str, results)).encode()


class CsvRowContainer(CsvContainer):
    """One row with all scores, as some XGBoost containers answer."""

    between = ","


class KServeContainer(_ModelContainer):
    """The Open Inference Protocol: a tensor of texts gives tensors `label` and `score`, one of numbers `score`."""

    def records(self, body: bytes) -> Sequence[Any]:
        tensor = _lone_tensor(json.loads(body))
        shape, data = tensor.get("shape"), tensor.get("data")
        if not isinstance(shape, list) or not shape or not isinstance(data, list):
            raise RefusedError('a tensor must have "shape" and "data", which are lists')
        width = len(data) // shape[0] if shape[0] else 0
        rows = data if data and isinstance(data[0], list) else [data[n : n + width] for n in range(0, len(data), width)]
        if tensor.get("datatype") != "BYTES":
            return rows
        if width != 1:
            raise RefusedError("a record must be one text")
        return [{"inputs": row[0] if isinstance(row, list) else row} for row in rows]

    def joined(self, results: Sequence[Any]) -> bytes:
        scores = [result["score"] if isinstance(result, dict) else result for result in results]
        outputs = [_output("score", "FP32", scores)]
        if any(isinstance(result, dict) for result in results):
            outputs.insert(0, _output("label", "BYTES", [result["label"] for result in results]))
        return json.dumps({"model_name": "local", "outputs": outputs}).encode()


class SingleContainer(_ModelContainer):
    """One record a request: JSON as in the other formats, or a plain text."""

    def records(self, body: bytes) -> Sequence[Any]:
        try:
            record = json.loads(body)
        except ValueError:
            return [{"inputs": body.decode()}]
        return [{"inputs": record} if isinstance(record, str) else record]

    def joined(self, results: Sequence[Any]) -> bytes:
        (result,) = results
        return json.dumps(result).encode()


CONTAINERS: dict[str, type[_ModelContainer]] = {
    "huggingface": HuggingFaceContainer,
    "instances": InstancesContainer,
    "jsonlines": JsonLinesContainer,
    "csv": CsvContainer,
    "csv-row": CsvRowContainer,
    "kserve": KServeContainer,
    "single": SingleContainer,
}


def container_for(settings: HandlerSettings) -> Container:
    """Return the container that speaks the format of the handler's codec, as it is set."""
    if settings.codec == "chat":
        return ChatContainer(settings.chat_style)
    return CONTAINERS[settings.codec](LanguageModel(), RowModel(), settings)


def _lone_tensor(request: Any) -> dict[str, Any]:
    tensors = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(tensors, list) or len(tensors) != 1 or not isinstance(tensors[0], dict):
        raise RefusedError('the request must have "inputs" with one tensor')
    tensor: dict[str, Any] = tensors[0]
    return tensor


def _output(name: str, datatype: str, data: Sequence[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}
