"""A result is believed only if the answer proves that it belongs to its record."""

import json
import re
import threading
from collections.abc import Callable

import pytest

from handler.batch import BatchInference
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored
from tests.handler.conftest import (
    SUCCEEDED,
    Build,
    dead_lettered,
    each,
    make_event,
    outcomes,
    returned_for,
    texts,
)

UNEXPECTED = returned_for("unexpected-response")
ROWS = [f"{number},2,3" for number in range(32)]


def in_csv(body: bytes, content_type: str = "text/csv") -> Callable[[Request], Answer]:
    return lambda request: Answer(body=body, headers={"Content-Type": content_type})


def details(aws: LocalAws) -> set[str]:
    return {letter["detail"] for letter in aws.dead_letters().values()}


PRETTY = json.dumps({"predictions": [1.5] * 32}, indent=2).encode()


@pytest.mark.parametrize(
    ("rows", "answer", "kind"),
    [
        (1, b'{"predictions": []}', "the response must be CSV, and is a JSON object"),
        (32, PRETTY, "the response must be CSV, and is a JSON object"),
        (1, b"[0.5]", "the response must be CSV, and is a JSON list"),
        (1, b'\xef\xbb\xbf {"label": "a"', "the response must be CSV, and is a JSON object"),
        (1, b'"positive"\n', "the response must be CSV, and is a JSON text"),
        (1, b"null", "the response must be CSV, and is JSON null"),
        (2, b'0.5\n{"error": "no"}\n', "a row of the response must be CSV, and is a JSON object"),
        (2, b'0.5\n "negative"\n', "a row of the response must be CSV, and is a JSON text"),
        (2, b"[0.1, 0.9]\n[0.2, 0.8]\n", "the response must be CSV, and is a JSON list"),
        (1, b'"no end', "the response is not CSV: unexpected end of data"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json", ""])
def test_json_is_never_taken_for_csv(
    aws: LocalAws, inference: Build, rows: int, answer: bytes, kind: str, content_type: str
) -> None:
    aws.endpoint = in_csv(answer, content_type)
    found = outcomes(aws, inference(codec="csv"), make_event(ROWS[:rows], receive_count=5))
    assert found == each(range(rows), dead_lettered("unprocessable"))
    if rows == 1:
        quoted = repr(answer.decode()[:100])
        assert details(aws) == {
            f"{kind}; the answer, {content_type or 'of no type'}, is {quoted}".replace("\\\\", "\\")
        }


@pytest.mark.parametrize("line", [b'{"error": "no"}', b"null", b' "negative"', b"[0.5]"])
def test_a_row_of_json_among_others_proves_nothing_for_its_neighbours(
    aws: LocalAws, inference: Build, line: bytes
) -> None:
    """The count is right, so that only the row's kind shows that the answer is none."""
    aws.endpoint = lambda request: Answer(body=b"0.5\n" + line if b"\n" in request.body else b"7")
    assert outcomes(aws, inference(codec="csv"), make_event(ROWS[:2])) == each(range(2), SUCCEEDED)
    assert [event["data"]["result"] for event in aws.results().values()] == [7, 7]


@pytest.mark.parametrize("answer", [b"0.5", b"7\n", b"1e3", b'"a, b",0.5\n', b"[1] is a footnote"[:0] + b"true"])
def test_a_bare_number_and_quoted_fields_are_rows(aws: LocalAws, inference: Build, answer: bytes) -> None:
    aws.endpoint = in_csv(answer, "application/json")
    assert outcomes(aws, inference(codec="csv"), make_event(ROWS[:1])) == {"m0": SUCCEEDED}


@pytest.mark.parametrize(
    "row",
    [
        *(f"1,2{character}3,4" for character in "\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
        'a,"b',
        'a","b',
        '"a""',
        'a,b"',
        '"a"b,c',
    ],
)
def test_a_row_that_could_shift_the_others_is_malformed(aws: LocalAws, inference: Build, row: str) -> None:
    aws.endpoint = lambda request: Answer(body=b"".join(b"0\n" for _ in request.body.decode().splitlines()))
    found = outcomes(aws, inference(codec="csv"), make_event(["1,2", row, "3,4"]))
    assert found == {"m0": SUCCEEDED, "m1": dead_lettered("malformed"), "m2": SUCCEEDED}


@pytest.mark.parametrize("row", ['"a","b"', '"a, ""b""",1', '"",1', "a'b", "ü,1"])
def test_a_row_with_closed_quotes_is_sent(aws: LocalAws, inference: Build, row: str) -> None:
    aws.endpoint = lambda request: Answer(body=b"1")
    assert outcomes(aws, inference(codec="csv"), make_event([row])) == {"m0": SUCCEEDED}


def first_only(results: int) -> Callable[[Request], Answer]:
    """Return a server that scores only the first text of a request, with so many classes."""

    def answer(request: Request) -> Answer:
        first = request.inputs[0]
        return Answer(body=json.dumps([{"label": f"{first}, class {number}"} for number in range(results)]).encode())

    return answer


def results_of_others(aws: LocalAws) -> dict[str, str]:
    """Return results that are another record's, by message id: each text has the number of its message."""
    return {
        id_: text
        for id_, event in aws.results().items()
        if f"text {id_.removeprefix('m')}," not in (text := json.dumps(event["data"]["result"]))
    }


@pytest.mark.parametrize("results", [1, 2, 4, 7])
def test_another_records_result_is_never_taken(aws: LocalAws, inference: Build, results: int) -> None:
    aws.endpoint = first_only(results)
    handler = inference()
    assert outcomes(aws, handler, make_event(texts(32))) == each(range(32), SUCCEEDED)
    assert results_of_others(aws) == {}


@pytest.mark.parametrize("results", [2, 4, 7])
def test_a_first_batch_as_large_as_a_wrong_count_is_not_believed_either(
    aws: LocalAws, inference: Build, results: int
) -> None:
    aws.endpoint = first_only(results)
    handler = inference()
    outcomes(aws, handler, make_event(texts(32)))
    aws.queues.clear()
    assert outcomes(aws, handler, make_event(texts(results))) == each(range(results), SUCCEEDED)
    assert results_of_others(aws) == {}


def test_a_wrong_count_of_rows_is_remembered_for_kserve(aws: LocalAws, inference: Build) -> None:
    """The server answers with the rows of the first four records, whatever it is asked."""

    def endpoint(request: Request) -> Answer:
        (tensor,) = json.loads(request.body)["inputs"]
        data = [tensor["data"][0]] * (1 if tensor["shape"][0] == 1 else 4)
        output = {"name": "y", "datatype": "FP32", "shape": [len(data), 1], "data": data}
        return Answer(body=json.dumps({"outputs": [output]}).encode())

    aws.endpoint = endpoint
    tensors = [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [number]} for number in range(32)]
    event = make_event([json.dumps({"inputs": [tensor]}) for tensor in tensors])
    assert outcomes(aws, inference(codec="kserve"), event) == each(range(32), SUCCEEDED)
    results = {id_: event["data"]["result"][0]["data"] for id_, event in aws.results().items()}
    assert results == {f"m{number}": [number] for number in range(32)}


@pytest.mark.parametrize("codec", ["huggingface", "instances", "jsonlines"])
def test_a_wrong_count_is_remembered_also_if_an_element_is_an_error(
    aws: LocalAws, inference: Build, codec: str
) -> None:
    """The server answers with four of the first record's classes, and an error among them if it is asked for many."""

    def endpoint(request: Request) -> Answer:
        found = re.findall(rb"text (\d+)", request.body)
        first: object = {"label": found[0].decode()}
        many: list[object] = [first] * 3 + [None if len(found) > 4 else first]
        return answering(codec, [first] if len(found) == 1 else many)

    aws.endpoint = endpoint
    assert outcomes(aws, inference(codec=codec), make_event(texts(32))) == each(range(32), SUCCEEDED)
    labels = {id_: event["data"]["result"]["label"] for id_, event in aws.results().items()}
    assert labels == {f"m{number}": str(number) for number in range(32)}


def test_a_wrong_count_of_one_model_says_nothing_of_another(aws: LocalAws, inference: Build) -> None:
    def endpoint(request: Request) -> Answer:
        return first_only(2)(request) if request.sagemaker_headers["target-model"] == "a" else scored(request)

    aws.endpoint = endpoint
    handler = inference(targets_from_messages=True)
    event = make_event(texts(6))
    for number, record in enumerate(event["Records"]):
        model = {"stringValue": "a" if number < 4 else "b", "dataType": "String"}
        record["messageAttributes"] = {"TargetModel": model}
    assert outcomes(aws, handler, event) == each(range(6), SUCCEEDED)
    shared = [len(request.inputs) for request in aws.requests if request.sagemaker_headers["target-model"] == "b"]
    assert shared == [2]


def test_only_single_records_succeed_is_learned_and_logged_once(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture
) -> None:
    aws.endpoint = first_only(1)
    handler = inference()
    assert outcomes(aws, handler, make_event(texts(32))) == each(range(32), SUCCEEDED)
    learning = len(aws.requests)
    assert 32 < learning < 63
    assert outcomes(aws, handler, make_event(texts(32))) == each(range(32), SUCCEEDED)
    assert len(aws.requests) - learning == 32
    (line,) = [record.getMessage() for record in caplog.records if "only requests with one" in record.getMessage()]
    assert line.startswith(
        "only requests with one record succeed; set max_records_per_request to 1, or a codec that fits the container: "
        "1 results came back for 2 records; the answer, application/json, is "
    )


def garbled_if_shared(request: Request) -> Answer:
    return Answer(body=b"<html>") if len(request.inputs) > 1 else scored(request)


def test_two_pairs_that_succeeded_apart_are_a_coincidence(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = garbled_if_shared
    handler = inference(max_records_per_request=2)
    assert outcomes(aws, handler, make_event(texts(4))) == each(range(4), SUCCEEDED)
    assert shared_requests(aws, handler) == [2]


def test_after_a_shared_request_that_succeeded_pairs_prove_nothing(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_records_per_request=2)
    assert shared_requests(aws, handler) == [2]
    aws.endpoint = garbled_if_shared
    assert outcomes(aws, handler, make_event(texts(16))) == each(range(16), SUCCEEDED)
    assert shared_requests(aws, handler) == [2]


def shared_requests(aws: LocalAws, handler: BatchInference) -> list[int]:
    """Score two records at an endpoint that works; return the records of each request."""
    aws.endpoint = scored
    aws.requests.clear()
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    return [len(request.inputs) for request in aws.requests]


def test_with_only_single_records_a_passing_fault_is_still_retried(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = first_only(1)
    handler = inference()
    outcomes(aws, handler, make_event(texts(32)))
    aws.script(model_error(500), *[first_only(1)] * 9)
    assert outcomes(aws, handler, make_event(texts(4))) == each(range(4), SUCCEEDED)


CHAT = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize("per_request", [1, 32])
def test_a_chat_is_one_record_and_never_merges(aws: LocalAws, inference: Build, per_request: int) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps([{"generated_text": request.body.decode()}]).encode())
    bodies = [json.dumps({"inputs": [{"role": "user", "content": f"text {n}"}]}) for n in range(3)]
    handler = inference(max_records_per_request=per_request, parameters={"max_new_tokens": 5})
    assert outcomes(aws, handler, make_event(bodies)) == each(range(3), SUCCEEDED)
    assert sorted(json.loads(request.body)["inputs"][0]["content"] for request in aws.requests) == [
        f"text {n}" for n in range(3)
    ]
    assert {json.dumps(json.loads(request.body)["parameters"]) for request in aws.requests} == {'{"max_new_tokens": 5}'}


@pytest.mark.parametrize(
    "inputs",
    [
        CHAT[0],
        {"content": "hello", "role": "user", "name": "a"},
        {"role": None},
        [CHAT],
        [CHAT[0], "text"],
        [],
        [{"content": "no role"}],
    ],
)
def test_what_could_merge_with_another_record_is_malformed(aws: LocalAws, inference: Build, inputs: object) -> None:
    event = make_event([json.dumps({"inputs": inputs}), *texts(3)[1:]])
    assert outcomes(aws, inference(), event) == {"m0": dead_lettered("malformed")} | each((1, 2), SUCCEEDED)
    detail = aws.dead_letters()["m0"]["detail"]
    if isinstance(inputs, dict):
        assert detail == (
            '"inputs" is one message of a chat; a chat is a list of messages: '
            '{"inputs": [{"role": "user", "content": "…"}]}'
        )
    else:
        assert detail == '"inputs" must be a text, an object or a list of messages, and not empty'


def test_with_one_record_a_request_the_value_is_bare(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: Answer(body=b'{"generated_text": "hi"}')
    handler = inference(max_records_per_request=1, parameters={"a": 1})
    outcomes(aws, handler, make_event(['{"inputs": "x", "parameters": {"b": 2}}', '{"inputs": {"q": 1}}']))
    assert sorted(request.body for request in aws.requests) == [
        b'{"inputs":"x","parameters":{"a":1,"b":2}}',
        b'{"inputs":{"q": 1},"parameters":{"a":1}}',
    ]


ERRORS = [
    ({"error": "CUDA out of memory"}, 'a result is an error, {"error": …}'),
    ({"error": "no", "error_type": "validation"}, 'a result is an error, {"error": …}'),
    (None, "a result is null"),
    (
        {"predictions": [1]},
        'a result is wrapped in {"predictions": …}; the codec instances takes that',
    ),
    (
        {"model_name": "m", "outputs": []},
        'a result is wrapped in {"outputs": …}; the codec kserve takes that',
    ),
]


def answering(codec: str, results: list[object]) -> Answer:
    if codec == "jsonlines":
        return Answer(body="".join(json.dumps(result) + "\n" for result in results).encode())
    return Answer(body=json.dumps({"predictions": results} if codec == "instances" else results).encode())


@pytest.mark.parametrize(("result", "detail"), ERRORS)
@pytest.mark.parametrize("codec", ["huggingface", "instances", "jsonlines"])
def test_an_error_or_a_wrapper_is_no_result(
    aws: LocalAws, inference: Build, codec: str, result: object, detail: str
) -> None:
    aws.endpoint = lambda request: answering(codec, [result])
    event = make_event(texts(1), receive_count=5)
    assert outcomes(aws, inference(codec=codec), event) == {"m0": dead_lettered("unprocessable")}
    assert aws.dead_letters()["m0"]["detail"].startswith(f"{detail}; the answer, application/json, is '")
    assert outcomes(aws, inference(codec=codec, accept_any_result=True), event) == {"m0": SUCCEEDED}


@pytest.mark.parametrize(("result", "detail"), ERRORS)
@pytest.mark.parametrize("codec", ["huggingface", "instances", "jsonlines"])
def test_in_a_list_an_error_fails_its_own_record_alone(
    aws: LocalAws, inference: Build, codec: str, result: object, detail: str
) -> None:
    good = {"label": "ü", "error": None, "score": 1}

    def endpoint(request: Request) -> Answer:
        numbers = re.findall(rb"text (\d)", request.body)
        return answering(codec, [result if number == b"1" else good for number in numbers])

    aws.endpoint = endpoint
    found = outcomes(aws, inference(codec=codec), make_event(texts(3)))
    assert found == {"m0": SUCCEEDED, "m1": UNEXPECTED, "m2": SUCCEEDED}


@pytest.mark.parametrize(
    "answer", [b'{"error": "CUDA out of memory"}', b"null", b"", b" \n", b"\x1f\x8b\x08\x00\xff", b"\xff"]
)
def test_single_passes_on_no_error_and_nothing_that_it_could_not_decode(
    aws: LocalAws, inference: Build, answer: bytes
) -> None:
    aws.endpoint = lambda request: Answer(body=answer)
    assert outcomes(aws, inference(codec="single"), make_event(["a"])) == {"m0": UNEXPECTED}


@pytest.mark.parametrize(
    "result", [{"error": 1, "label": "a"}, {"predictions": [1], "more": 2}, {"outputs": 1, "b": 2}, [], 0]
)
def test_only_exact_shapes_are_errors(aws: LocalAws, inference: Build, result: object) -> None:
    aws.endpoint = lambda request: Answer(body=json.dumps([result] * len(request.inputs)).encode())
    assert outcomes(aws, inference(), make_event(texts(2))) == each(range(2), SUCCEEDED)


TOKEN = {"token_str": "a", "score": 0.9}


@pytest.mark.parametrize(
    ("task", "alone", "shared"),
    [
        ("fill-mask", [TOKEN], [TOKEN]),  # top_k=1, or one target
        ("fill-mask", [TOKEN, TOKEN], [TOKEN, TOKEN]),
        ("fill-mask", [[TOKEN]], [TOKEN]),
        ("token-classification", [], []),  # no entity
        ("token-classification", [[]], []),
        ("token-classification", [TOKEN], [TOKEN]),
        ("text-classification", [TOKEN], TOKEN),
        ("question-answering", TOKEN, TOKEN),
        ("", [TOKEN], TOKEN),
    ],
)
def test_a_result_has_one_shape_however_many_share_its_request(
    aws: LocalAws, inference: Build, task: str, alone: object, shared: object
) -> None:
    aws.endpoint = lambda request: Answer(
        body=json.dumps(alone if len(request.inputs) == 1 else [shared] * len(request.inputs)).encode()
    )
    handler = inference(task=task)
    assert outcomes(aws, handler, make_event(texts(1))) == {"m0": SUCCEEDED}
    lone = aws.results()["m0"]["data"]["result"]
    aws.queues.clear()
    assert outcomes(aws, handler, make_event(texts(2))) == each(range(2), SUCCEEDED)
    assert lone == aws.results()["m0"]["data"]["result"] == shared


@pytest.mark.parametrize("status", [102, 103])
@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_after_an_interim_answer_no_result_is_another_records(
    aws: LocalAws, inference: Build, status: int, seconds: float
) -> None:
    lock, count = threading.Lock(), iter(range(10_000))

    def endpoint(request: Request) -> Answer:
        with lock:
            is_interim = next(count) % 5 == 0
        body = scored(request).body
        return Answer(body=body, interim=status, interim_seconds=seconds) if is_interim else Answer(body=body)

    aws.endpoint = endpoint
    handler = inference(max_records_per_request=2, requests_in_flight=4)
    found = outcomes(aws, handler, make_event(texts(40)))
    assert set(found.values()) <= {SUCCEEDED, UNEXPECTED}
    labels = {id_: event["data"]["result"]["label"] for id_, event in aws.results().items()}
    assert labels == {id_: f"text {id_.removeprefix('m')}" for id_ in labels}
    assert len(labels) >= 20


@pytest.mark.parametrize("status", [201, 202, 204, 206, 299])
def test_only_status_200_has_results(aws: LocalAws, inference: Build, status: int) -> None:
    aws.endpoint = lambda request: Answer(status=status, body=b'[{"label": "a"}]' if status != 204 else b"")
    event = make_event(texts(1), receive_count=5)
    assert outcomes(aws, inference(), event) == {"m0": dead_lettered("unprocessable")}
    assert details(aws) == {f"the answer has the HTTP status {status}, and not 200"}


UNREADABLE = [
    Answer(status=413, body=b"<html>Zu gro\xdf</html>"),
    Answer(status=500, body=b"null"),
    Answer(status=500, body=b"[1]"),
    Answer(status=500, body=b'"x"'),
    Answer(status=424, error="ModelError", body=b'{"OriginalStatusCode": "n/a", "Message": "no"}'),
    Answer(status=424, error="ModelError", body=b"\xff\xfe"),
    Answer(body=b"[1]", headers={"Content-Length": "abc", "Connection": "close"}),
]


@pytest.mark.parametrize("answer", UNREADABLE, ids=lambda answer: repr(answer.body[:20]))
def test_an_unreadable_answer_fails_its_own_record_alone(aws: LocalAws, inference: Build, answer: Answer) -> None:
    aws.endpoint = lambda request: answer if "text 5" in request.inputs else scored(request)
    found = outcomes(aws, inference(), make_event(texts(12)))
    assert {id_: outcome for id_, outcome in found.items() if id_ != "m5"} == each({*range(12)} - {5}, SUCCEEDED)
    assert found["m5"][0] != SUCCEEDED[0]


def test_an_endless_answer_is_bounded(aws: LocalAws, inference: Build) -> None:
    endless = Answer(body=b"[" * 65_536, endless=True)
    aws.endpoint = lambda request: endless if "text 1" in request.inputs else scored(request)
    handler = inference(max_response_bytes=1_000_000)
    event = make_event(texts(2), receive_count=5)
    assert outcomes(aws, handler, event) == {"m0": SUCCEEDED, "m1": dead_lettered("unprocessable")}
    assert details(aws) == {"the answer has more than 1000000 bytes"}


def test_a_detail_begins_with_what_the_container_said(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(400, "the text is in Klingon")
    outcomes(aws, inference(), make_event(texts(1), receive_count=5))
    assert details(aws) == {"the text is in Klingon (the container's status 400)"}


@pytest.mark.parametrize(
    ("codec", "body", "sent"),
    [
        ("csv", "\ufeff1.5,2.5", b"1.5,2.5"),
        ("huggingface", '\ufeff{"inputs": "a"}', b'{"inputs":["a"]}'),
        ("jsonlines", "\ufeff[1]", b"[1]\n"),
        ("single", "\ufeffhello", b"hello"),
    ],
)
def test_a_byte_order_mark_is_dropped(aws: LocalAws, inference: Build, codec: str, body: str, sent: bytes) -> None:
    aws.endpoint = lambda request: Answer(body=b"[1]" if codec == "huggingface" else b"1")
    assert outcomes(aws, inference(codec=codec), make_event([body])) == {"m0": SUCCEEDED}
    assert [request.body for request in aws.requests] == [sent]
