"""Pairs of a model server and the handler's settings for it: the one place where each pair's settings stand."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

JSON, CSV, LINES_TYPE = "application/json", "text/csv", "application/jsonlines"


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
    """Returns the record's result out of what the answer to that request says."""
    content_type: str = JSON
    read_text: Callable[[str], Any] = json.loads
    """Returns what an answer says, for `read`."""


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
    defect: str = ""
    """A wrong result that the handler is known to give today. The pair is listed as wrong until that is mended."""
    first: int = 1
    """Number of records in the first batch."""
    path: str = "/invocations"
    note: str = ""
    """A word on the records, where two pairs differ in nothing else."""

    @property
    def name(self) -> str:
        """Return a name fit for a file: server, model, codec, and what else is set."""
        values = [*self.settings.values(), self.note, *(["needs"] if self.needs or self.defect else [])]
        return "-".join((self.server, self.model, *re.findall(r"[\w-]+", " ".join(map(str, values)))))


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


def csv_result(answer: str) -> Any:
    """Return the numbers of an answer of one CSV row."""
    return [float(field) for field in answer.split(",")]


def wrong(server: str, model: str, codecs: Mapping[str, Records], path: str = "/invocations") -> Iterator[Case]:
    """Yield a case for each codec that does not fit the model."""
    for codec, records in codecs.items():
        yield Case(server, model, {"codec": codec}, records, Expected.NOTHING, path=path)


# Records in the forms that codecs take; `alone` and `read` are not used where no result may come out.
ROWS = Records(json_row, ("[1.0]", '["a", "b", "c", "d"]'), named("instances"), member("predictions"))
LINES = Records(csv_row, ("1.0,2.0", "a,b,c,d"), same, whole, CSV)
TEXTS = Records(lambda n: json.dumps({"inputs": f"text number {n}"}), ('{"inputs": {"a": {}}}',), same, whole)


def bare_outputs(answer: Any) -> Any:
    """Return the outputs of an answer for one record, without their parameters."""
    return [{name: output[name] for name in ("name", "datatype", "shape", "data")} for output in answer["outputs"]]


def _tensor(values: object, columns: int, datatype: str = "FP64") -> str:
    tensor = {"name": "x", "shape": [1, columns], "datatype": datatype, "data": values}
    return json.dumps({"inputs": [tensor]})


TENSORS = Records(
    lambda n: _tensor(row(n), 4),
    (_tensor([1.0], 1), _tensor(["a"] * 4, 4, "BYTES")),
    same,
    bare_outputs,
)

# MLflow
MLFLOW_NAMED = Records(
    lambda n: json.dumps({"text": "x" * (n % 23), "n": n}),
    ('{"text": null, "n": 1}', '{"n": 5}', '{"text": "a", "n": "b"}', "[]"),
    named("instances"),
    member("predictions"),
)
MLFLOW_TYPED = Records(
    lambda n: json.dumps(f"text number {n}"), ('{"text": "a"}',), named("inputs"), member("predictions")
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
    Case("mlflow", "typed", {"codec": "instances", "request_key": "inputs"}, MLFLOW_TYPED),
    *wrong("mlflow", "sklearn", {"csv-row": LINES, "jsonlines": ROWS, "huggingface": TEXTS, "kserve": TENSORS}),
)

# The Hugging Face inference toolkit. Its tokenizer here has a token for each character, and the models take 128.
TOO_LONG = json.dumps({"inputs": "a" * 400})
WORDS = ("amber", "birch", "cedar", "delta", "ember", "frost", "grove", "haven", "inlet", "jewel")


def words(number: int) -> str:
    """Return a text of one to five words and the number; no two are alike."""
    return " ".join([*(WORDS[(number * 7 + place) % 10] for place in range(1 + number % 5)), str(number)])


def alike(number: int) -> str:
    """Return a text of two words and the number; all are of about the same length, and no two are alike."""
    return f"{WORDS[number % 10]} {WORDS[number // 10 % 10]} {number}"


def inputs(value: object) -> str:
    return json.dumps({"inputs": value})


def with_parameters(**parameters: object) -> Callable[[str], str]:
    """Return a function that adds parameters to a request."""
    return lambda body: json.dumps({**json.loads(body), "parameters": parameters})


def _texts(alone: Callable[[str], str] = same, text: Callable[[int], str] = words, *bad: str) -> Records:
    return Records(lambda number: inputs(text(number)), (TOO_LONG, '{"inputs": ""}', "7", *bad), alone, whole)


def _hugging_face(task: str, records: Records, **settings: Any) -> Case:
    return Case("huggingface", task, {"codec": "huggingface", "task": task, **settings}, records)


QUESTIONS = Records(
    lambda n: inputs({"question": f"who is {WORDS[n % 10]}?", "context": f"{words(n)} and {words(n + 1)}"}),
    ('{"inputs": {"question": "who?"}}', '{"inputs": "who?"}', "[]"),
    same,
    whole,
)
GENERATION = {"max_new_tokens": 4, "do_sample": False}
CHATS = Records(
    lambda n: inputs([{"role": "system", "content": "brief"}, {"role": "user", "content": words(n)}]),
    (
        inputs([{"role": "user", "content": "a" * 600}]),
        inputs({"role": "user", "content": "one message, not a list"}),
        inputs([{"role": "user", "content": "a"}, "b"]),
    ),
    with_parameters(**GENERATION),
    whole,
)
PROMPTS = Records(
    lambda n: inputs(words(n)), (inputs("a" * 600), '{"inputs": null}'), with_parameters(**GENERATION), whole
)
TWO_BEST = {"top_k": 2}
LABELS = {"candidate_labels": ["amber", "birch"]}
NO_TEXTS = ('{"inputs": {"a": 1}}', '{"inputs": ""}')
ZERO_SHOT = Records(lambda n: inputs(words(n)), NO_TEXTS, with_parameters(**LABELS), whole)
# A program of one's own that scores the first text only, and answers with its four classes
FIRST_ONLY = Records(
    lambda n: inputs(words(n)),
    ('{"inputs": {"a": 1}}', "7"),
    lambda body: json.dumps({"inputs": [json.loads(body)["inputs"]]}),
    whole,
)
HUGGING_FACE = (
    _hugging_face("text-classification", _texts()),
    _hugging_face("text-classification", _texts(with_parameters(**TWO_BEST)), parameters=TWO_BEST),
    Case(
        "huggingface", "text-classification", {"codec": "single"}, replace(_texts(), bad=(TOO_LONG, '{"input": "a"}'))
    ),
    _hugging_face(
        "token-classification", replace(_texts(text="{:03}".format), bad=('{"inputs": {"a": 1}}', '{"inputs": ""}'))
    ),
    _hugging_face(
        "fill-mask",
        _texts(with_parameters(**TWO_BEST), lambda n: f"{words(n)} [MASK]", inputs("no mask")),
        parameters=TWO_BEST,
    ),
    _hugging_face(
        "fill-mask",
        _texts(with_parameters(top_k=1), lambda n: f"{words(n)} [MASK]", inputs("no mask")),
        parameters={"top_k": 1},
    ),
    _hugging_face("text-generation", PROMPTS, parameters=GENERATION),
    replace(_hugging_face("text-generation", CHATS, parameters=GENERATION), note="chats"),
    _hugging_face("question-answering", QUESTIONS),
    _hugging_face("zero-shot-classification", ZERO_SHOT, parameters=LABELS),
    *(
        replace(_hugging_face(task, records, batch_inside=True, **settings), note="batched inside")
        for task, records, settings in (
            ("text-classification", _texts(text=alike), {}),
            ("token-classification", replace(_texts(text="{:03}".format), bad=NO_TEXTS), {}),
            (
                "fill-mask",
                _texts(with_parameters(**TWO_BEST), lambda n: f"{alike(n)} [MASK]"),
                {"parameters": TWO_BEST},
            ),
            ("question-answering", QUESTIONS, {}),
            ("zero-shot-classification", replace(ZERO_SHOT, good=lambda n: inputs(alike(n))), {"parameters": LABELS}),
        )
    ),
    Case("huggingface", "no-pad-token", {"codec": "huggingface", "batch_inside": True}, _texts(text=alike)),
    Case("huggingface", "first-only", {"codec": "huggingface"}, FIRST_ONLY),
    Case(
        "huggingface",
        "first-only",
        {"codec": "huggingface"},
        FIRST_ONLY,
        first=4,
        note="four at first",
        defect="the four classes of the first record are taken for four results",
    ),
    *wrong(
        "huggingface",
        "text-classification",
        {"instances": ROWS, "csv": LINES, "csv-row": LINES, "jsonlines": TEXTS, "kserve": TENSORS},
    ),
)

# MLServer
TEXT_TENSORS = Records(
    lambda n: _tensor([words(n)], 1, "BYTES"),
    (_tensor([""], 1, "BYTES"), '{"inputs": "a"}'),
    same,
    bare_outputs,
)
MLSERVER = (
    Case("mlserver", "sklearn", {"codec": "kserve"}, TENSORS, path="/v2/models/sklearn/infer"),
    Case("mlserver", "text", {"codec": "kserve"}, TEXT_TENSORS, path="/v2/models/text/infer"),
    *wrong(
        "mlserver",
        "sklearn",
        {"instances": ROWS, "csv": LINES, "csv-row": LINES, "jsonlines": ROWS, "huggingface": TEXTS},
        path="/v2/models/sklearn/infer",
    ),
)


def chat_result(answer: Any) -> Any:
    """Return what the codec `chat` makes of an answer of the Chat Completions API, written by hand."""
    choice, usage = answer["choices"][0], answer.get("usage", {})
    return {
        "text": choice["message"]["content"],
        "finishReason": choice["finish_reason"],
        "inputTokens": usage.get("prompt_tokens"),
        "outputTokens": usage.get("completion_tokens"),
    }


# A language model behind OpenAI's API. Its tokenizer has a token for each character, and the model takes 512.
SHORT = {"max_tokens": 8, "temperature": 0}
COMPLETIONS = Records(
    lambda n: json.dumps({"prompt": words(n)}),
    (json.dumps({"prompt": "a" * 600}), '{"prompt": ""}', '{"messages": []}', "[]"),
    lambda body: json.dumps({"messages": [{"role": "user", "content": json.loads(body)["prompt"]}], **SHORT}),
    chat_result,
)
TRANSFORMERS = (
    Case(
        "transformers",
        "gpt2",
        {"codec": "chat", "parameters": SHORT},
        COMPLETIONS,
        path="/v1/chat/completions",
    ),
    *wrong("transformers", "gpt2", {"huggingface": TEXTS, "instances": ROWS}, path="/v1/chat/completions"),
)

# Servers with a program of one's own: the forms that such programs have
UPPER = Records(lambda n: inputs(words(n)), ('{"inputs": {"a": 1}}', '{"input": "a"}'), same, whole)
UPPER_LIST = replace(UPPER, alone=lambda body: json.dumps({"inputs": [json.loads(body)["inputs"]]}))
SIZES = Records(
    lambda n: json.dumps({"text": words(n), "n": n}),
    ('{"text": 1, "n": 1}', '{"n": 5}', "[]"),
    named("instances"),
    member("predictions"),
)
CHAT_BODIES = Records(
    lambda n: json.dumps({"messages": [{"role": "user", "content": words(n)}], "model": "m", "max_tokens": 5}),
    ('{"messages": [{"role": "user"}]}', "[]", "no JSON"),
    same,
    whole,
)


CHAT_RECORDS = replace(CHAT_BODIES, bad=('{"messages": [{"role": "user"}]}', "[]", '{"prompt": ""}'), read=chat_result)
FASTAPI = (
    Case("fastapi", "instances", {"codec": "instances"}, SIZES),
    Case("fastapi", "inputs", {"codec": "huggingface"}, UPPER_LIST),
    Case("fastapi", "lines", {"codec": "jsonlines"}, replace(SIZES, alone=same, read=whole, content_type=LINES_TYPE)),
    Case("fastapi", "rows", {"codec": "csv"}, replace(LINES, read_text=csv_result)),
    Case("fastapi", "chat", {"codec": "single"}, CHAT_BODIES),
    Case("fastapi", "chat", {"codec": "chat"}, CHAT_RECORDS),
    Case(
        "fastapi",
        "scores",
        {"codec": "instances", "request_key": "inputs", "response_key": "scores"},
        Records(lambda n: json.dumps(words(n)), ("7", '{"a": 1}'), named("inputs"), member("scores")),
    ),
    Case(
        "fastapi",
        "bare",
        {"codec": "instances", "request_key": "", "response_key": ""},
        replace(SIZES, alone="[{}]".format, read=whole),
    ),
    *wrong("fastapi", "instances", {"huggingface": TEXTS, "jsonlines": SIZES, "csv": LINES, "kserve": TENSORS}),
    *wrong("fastapi", "rows", {"csv-row": LINES, "instances": ROWS, "jsonlines": ROWS, "huggingface": TEXTS}),
    *wrong("fastapi", "lines", {"instances": SIZES, "csv": LINES, "huggingface": TEXTS}),
    *wrong("fastapi", "scores", {"instances": SIZES, "kserve": TENSORS}),
)
LITSERVE = (
    Case(
        "litserve",
        "one",
        {"codec": "single"},
        Records(lambda n: json.dumps({"input": words(n)}), ('{"inputs": "a"}', "[]", '{"input": 1}'), same, whole),
    ),
    Case("litserve", "many", {"codec": "huggingface"}, UPPER_LIST),
    *wrong("litserve", "one", {"huggingface": TEXTS, "instances": ROWS, "jsonlines": TEXTS, "kserve": TENSORS}),
    *wrong("litserve", "many", {"instances": ROWS, "csv": LINES, "kserve": TENSORS}),
)
FOUR = replace(ROWS, alone=named("instances"), bad=('["a"]', "[]", '{"a": 1}', "[1.0, 2.0]"))
RAY = (
    Case("ray", "texts", {"codec": "huggingface"}, UPPER_LIST),
    Case("ray", "texts", {"codec": "instances"}, FOUR),
    *wrong("ray", "texts", {"csv": LINES, "csv-row": LINES, "jsonlines": ROWS, "kserve": TENSORS}),
)
BENTOML = (
    Case("bentoml", "inputs", {"codec": "huggingface"}, UPPER_LIST),
    Case("bentoml", "rows", {"codec": "instances"}, FOUR),
    *wrong("bentoml", "inputs", {"instances": ROWS, "csv": LINES, "jsonlines": TEXTS, "kserve": TENSORS}),
)


# TorchServe with the handler of SageMaker's PyTorch container
TORCH_ROWS = Records(csv_row, ("1.0,2.0", "1.0,2.0,3.0,4.0,5.0"), lambda body: f"[[{body}]]", lambda answer: answer[0])
TORCH_LISTS = replace(TORCH_ROWS, good=json_row, bad=("[1.0, 2.0]", '["a"]'), alone="[{}]".format)
TORCHSERVE = (
    Case("torchserve", "one-output", {"codec": "csv"}, TORCH_ROWS),
    Case("torchserve", "two-outputs", {"codec": "csv", "send_lone_record_twice": True}, TORCH_ROWS),
    Case("torchserve", "one-output", {"codec": "instances", "request_key": "", "response_key": ""}, TORCH_LISTS),
    *wrong("torchserve", "two-outputs", {"csv-row": LINES, "huggingface": TEXTS, "jsonlines": ROWS, "kserve": TENSORS}),
)

CASES: tuple[Case, ...] = (
    *MLFLOW,
    *HUGGING_FACE,
    *MLSERVER,
    *TRANSFORMERS,
    *TORCHSERVE,
    *FASTAPI,
    *LITSERVE,
    *RAY,
    *BENTOML,
)


@dataclass(frozen=True)
class NotRun:
    """A container that can't be had here, and what is known of it."""

    container: str
    codec: str
    source: str = "from its published source"


NOT_RUN = (
    NotRun("SageMaker XGBoost 1.3-1 to 3.0-5 (not on PyPI)", "`csv`"),
    NotRun("SageMaker XGBoost 1.0-1, 1.2-1 (not on PyPI)", "`csv-row`"),
    NotRun("SageMaker scikit-learn (not on PyPI)", "`csv`; a lone row is refused: needs a lone record sent twice"),
    NotRun("TensorFlow Serving, SageMaker's TensorFlow container (not on PyPI)", "`instances`"),
    NotRun("KServe v1", "`instances`", "not tried"),
    NotRun("Triton", "`kserve`", "not tried"),
    NotRun("TGI, LMI (DJL), vLLM", "`chat`", "not tried; the same API by transformers serve is above"),
    NotRun("Text Embeddings Inference", "`huggingface`; rerankers `single`", "from its published source"),
    NotRun("Random Cut Forest", "none; needs: response key `scores`", "not tried"),
)
