"""Pairs of a model server and the handler's settings for it: the one place where each pair's settings stand."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JSON, CSV = "application/json", "text/csv"


class Expected(StrEnum):
    """The outcome that a pair must have."""

    RIGHT = "right"
    """Every good record is scored as if it were alone, every bad one is dead-lettered."""
    NOTHING = "no result"
    """The codec does not fit the server: not one result may come out."""


@dataclass(frozen=True)
class Records:
    """Records for one model, and the way to score one of them without the handler."""

    good: Callable[[int], str]
    """Returns the body of the record of that number; each has another result."""
    bad: tuple[str, ...]
    alone: Callable[[str], str]
    """Returns the body of a request for one record, written by hand: no codec takes part in it."""
    read: Callable[[Any], Any]
    """Returns the record's result out of the answer to that request, which is JSON."""
    content_type: str = JSON


@dataclass(frozen=True)
class Case:
    """One pair of a server's model and the handler's settings."""

    server: str
    model: str
    settings: Mapping[str, Any]
    """Settings of the handler, as `HandlerSettings` names them."""
    records: Records
    expected: Expected = Expected.RIGHT
    needs: str = ""
    """A setting that the handler does not have yet. Until then the pair must at least give no wrong result."""
    path: str = "/invocations"

    @property
    def name(self) -> str:
        others = [f"{key}-{value}" for key, value in self.settings.items() if key not in {"codec", "parameters"}]
        return "-".join((self.server, self.model, self.settings["codec"], *others, *(["needs"] if self.needs else [])))


def member(name: str) -> Callable[[Any], Any]:
    """Return a function that takes the lone result out of this member of an answer."""
    return lambda answer: answer[name][0]


def named(name: str) -> Callable[[str], str]:
    """Return a function that makes {name: [record]} of a record in JSON."""
    return lambda body: f'{{"{name}": [{body}]}}'


def same(body: str) -> str:
    return body


def whole(answer: Any) -> Any:
    return answer


def row(number: int) -> list[float]:
    """Return four numbers; those of each row are others."""
    return [float(number), 1.0 + number % 7, -0.5 * number, 2.0]


def json_row(number: int) -> str:
    return json.dumps(row(number))


def csv_row(number: int) -> str:
    return ",".join(map(str, row(number)))


def wrong(server: str, model: str, codecs: Mapping[str, Records], path: str = "/invocations") -> Iterator[Case]:
    """Yield a case for each codec that does not fit the model."""
    for codec, records in codecs.items():
        yield Case(server, model, {"codec": codec}, records, Expected.NOTHING, path=path)


# Records in the forms that codecs take; `alone` and `read` are not used where no result may come out.
ROWS = Records(json_row, ("[1.0]", '["a", "b", "c", "d"]'), named("instances"), member("predictions"))
LINES = Records(csv_row, ("1.0,2.0", "a,b,c,d"), same, whole, CSV)
TEXTS = Records(lambda n: json.dumps({"inputs": f"text number {n}"}), ('{"inputs": {"a": {}}}',), same, whole)


def _tensor(values: object, columns: int, datatype: str = "FP64") -> str:
    tensor = {"name": "x", "shape": [1, columns], "datatype": datatype, "data": values}
    return json.dumps({"inputs": [tensor]})


TENSORS = Records(
    lambda n: _tensor(row(n), 4),
    (_tensor([1.0], 1), _tensor(["a"] * 4, 4, "BYTES")),
    same,
    lambda answer: answer["outputs"],
)

# MLflow
MLFLOW_NAMED = Records(
    lambda n: json.dumps({"text": "x" * (n % 23), "n": n}),
    ('{"text": null, "n": 1}', '{"n": 5}', '{"text": "a", "n": "b"}', "[]"),
    named("instances"),
    member("predictions"),
)
MLFLOW_TYPED = Records(
    lambda n: json.dumps({"inputs": f"text number {n}"}),
    ('{"inputs": {"text": "a"}}',),
    lambda body: json.dumps({"inputs": [json.loads(body)["inputs"]]}),
    member("predictions"),
)
MLFLOW_WHOLE = Records(
    lambda n: json.dumps({"instances": [row(n)]}), ('{"instances": [[1.0]]}', '{"rows": []}', "7"), same, whole
)
MLFLOW = (
    Case("mlflow", "sklearn", {"codec": "instances"}, ROWS),
    Case("mlflow", "rows", {"codec": "instances"}, MLFLOW_NAMED),
    Case("mlflow", "sklearn", {"codec": "single"}, MLFLOW_WHOLE),
    Case(
        "mlflow",
        "sklearn",
        {"codec": "csv"},
        Records(csv_row, ("1.0,2.0", "a,b,c,d"), lambda body: f"a,b,c,d\n{body}\n", member("predictions"), CSV),
        needs="a CSV header line, and an answer in JSON",
    ),
    Case("mlflow", "typed", {"codec": "huggingface"}, MLFLOW_TYPED, needs="response key `predictions`"),
    *wrong("mlflow", "sklearn", {"csv-row": LINES, "jsonlines": ROWS, "huggingface": TEXTS, "kserve": TENSORS}),
)

CASES: tuple[Case, ...] = (*MLFLOW,)


@dataclass(frozen=True)
class NotRun:
    """A container that can't be had here, and what is known of it."""

    container: str
    codec: str
    source: str = field(default="from its published source")


NOT_RUN = (
    NotRun("Amazon SageMaker XGBoost 1.3-1 to 3.0-5", "`csv`"),
    NotRun("Amazon SageMaker XGBoost 1.0-1, 1.2-1", "`csv-row`"),
    NotRun("Amazon SageMaker scikit-learn", "`csv`; a lone row is refused, it needs a lone record sent twice"),
    NotRun("TensorFlow Serving, SageMaker's TensorFlow container", "`instances`"),
    NotRun("KServe v1", "`instances`", "not tried"),
    NotRun("Triton", "`kserve`", "not tried"),
    NotRun("TGI, LMI (DJL), vLLM", "`huggingface` with `max_records_per_request=1`, or `single`", "not tried"),
    NotRun("Random Cut Forest", "none: needs response key `scores`", "not tried"),
)
