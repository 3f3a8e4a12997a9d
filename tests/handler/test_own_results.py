"""A result that is believed is the record's own: property-based, over servers that answer wrongly."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.codecs import UnexpectedResponseError, codec_for
from handler.invocation import EndpointDownError
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, Request
from tests.handler.codecs import items_of
from tests.handler.conftest import build_inference, local_aws, make_event, outcomes

Results = list[Any]


@dataclass(frozen=True)
class Format:
    """A codec's request and response, as a server sees them."""

    codec: str
    body: Callable[[int], str]
    """The body of the record with this number."""
    true: Callable[[int], Any]
    """Its result, as the server writes it."""
    written: Callable[[Results], bytes]


def _lines(results: Results) -> bytes:
    return "".join(f"{json.dumps(result)}\n" for result in results).encode()


def _label(number: int) -> dict[str, str]:
    return {"label": f"of <{number}>"}


FORMATS = [
    Format("huggingface", lambda n: f'{{"inputs": "<{n}>"}}', _label, lambda results: json.dumps(results).encode()),
    Format("instances", lambda n: f'"<{n}>"', _label, lambda results: json.dumps({"predictions": results}).encode()),
    Format("jsonlines", lambda n: f'"<{n}>"', _label, _lines),
    Format("csv", lambda n: f"<{n}>,1", lambda n: n + 0.5, _lines),
]


@dataclass
class Server:
    """Answers requests for records, rightly or not; `wrong` changes the results, `write` the answer."""

    format: Format
    wrong: Callable[[Results], Results] = lambda results: results
    write: Callable[[bytes], Answer] = lambda body: Answer(body=body)
    pattern: Sequence[bool] = (True,)
    """Which requests get a wrong answer, in turn."""
    count: int = 0
    believable: set[int] = field(default_factory=set)
    """Records in a wrong answer that nobody could tell from a right one."""
    wrong_counts: set[int] = field(default_factory=set)

    def answer(self, numbers: Sequence[int], *, is_wrong: bool) -> Answer:
        results = [self.format.true(number) for number in numbers]
        if not is_wrong:
            return Answer(body=self.format.written(results))
        changed = self.wrong(results)
        if len(changed) != len(numbers):
            self.wrong_counts.add(len(changed))
        elif len(numbers) > 1 and changed != results and len(numbers) not in self.wrong_counts:
            self.believable.update(numbers)
        return self.write(self.format.written(changed))

    def __call__(self, request: Request) -> Answer:
        is_wrong = self.pattern[self.count % len(self.pattern)]
        self.count += 1
        return self.answer([int(number) for number in re.findall(r"<(\d+)>", request.body.decode())], is_wrong=is_wrong)


# A right number of plain results, in another order or repeated, is what a right answer looks like. So is a fixed number
# of results for the first request with as many records.
INDISTINGUISHABLE: dict[str, Callable[[Results], Results]] = {
    "reordered": lambda results: results[::-1],
    "the first, repeated": lambda results: results[:1] * len(results),
}
WRONG_RESULTS: dict[str, Callable[[Results], Results]] = {
    "the first dropped": lambda results: results[1:],
    "the last dropped": lambda results: results[:-1],
    "one too many": lambda results: [*results, results[0]],
    **{f"{k} classes of the first": lambda results, k=k: results[:1] * k for k in (1, 2, 3, 4, 7)},  # type: ignore[misc]
    **{f"always {k}": lambda results, k=k: (results * k)[:k] for k in (1, 2, 5)},  # type: ignore[misc]
    "null in place of the first": lambda results: [None, *results[1:]],
    "an error in place of the last": lambda results: [*results[:-1], {"error": "CUDA out of memory"}],
    "all wrapped": lambda results: [{"predictions": results}],
    "each wrapped": lambda results: [{"outputs": [result]} for result in results],
}
WRONG_ANSWERS: dict[str, Callable[[bytes], Answer]] = {
    "truncated": lambda body: Answer(body=body[: len(body) // 2]),
    "empty": lambda _: Answer(),
    "an object around it": lambda body: Answer(body=json.dumps({"results": body.decode()}).encode()),
    "an error with status 200": lambda _: Answer(body=b'{"error": "CUDA out of memory"}'),
    "null": lambda _: Answer(body=b"null"),
    "HTML": lambda _: Answer(body=b'{"<html>": 1}'),
    "after an interim answer": lambda body: Answer(body=body, interim=103, interim_seconds=0.01),
    "with status 206": lambda body: Answer(status=206, body=body),
    "with status 299": lambda body: Answer(status=299, body=body),
}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.codec)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([*INDISTINGUISHABLE, *WRONG_RESULTS, *WRONG_ANSWERS]),
    pattern=st.one_of(st.just([True]), st.lists(st.booleans(), min_size=1, max_size=6)),
    batches=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    requests_in_flight=st.sampled_from([1, 1, 4]),
    receive_count=st.sampled_from([1, 4, 5]),
)
def test_a_believed_result_is_the_records_own(
    monkeypatch: pytest.MonkeyPatch,
    form: Format,
    kind: str,
    pattern: list[bool],
    batches: list[int],
    requests_in_flight: int,
    receive_count: int,
) -> None:
    wrong = {**INDISTINGUISHABLE, **WRONG_RESULTS}.get(kind, lambda results: results)
    write = WRONG_ANSWERS.get(kind, lambda body: Answer(body=body))
    server = Server(form, wrong, write, pattern)
    with local_aws(monkeypatch) as aws:
        aws.endpoint = server
        handler = build_inference(aws, codec=form.codec, requests_in_flight=requests_in_flight)
        for records in batches:  # the same sandbox
            aws.queues.clear()
            event = make_event([form.body(number) for number in range(records)], receive_count)
            try:
                found = outcomes(aws, handler, event)
            except EndpointDownError:
                continue
            assert {outcome for outcome, _ in found.values()} <= {"succeeded", "dead-lettered", "returned"}
            _check_own(server, {id_: content["data"]["result"] for id_, content in aws.results().items()})


def _check_own(server: Server, results: dict[str, Any]) -> None:
    for id_, result in results.items():
        number = int(id_.removeprefix("m"))
        if number not in server.believable:
            assert result in _alone(server, number), f"{id_} has another record's result, or none: {result}"


def _alone(server: Server, number: int) -> list[Any]:
    """Return the results that scoring the record alone may give: the true one, or what the server makes of it."""
    form, true = server.format, server.format.true(number)
    answer = server.write(form.written(server.wrong([true])))
    codec = codec_for(HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec=form.codec))
    try:
        return [true, *codec.decode(answer.body, "", items_of(1))]
    except UnexpectedResponseError:
        return [true]


def test_the_kinds_that_nobody_can_tell_are_these() -> None:
    """Each gives as many plain results as there are records, and is right for a record alone."""
    for kind, change in INDISTINGUISHABLE.items():
        assert change([1]) == [1], kind
        assert len(change([1, 2, 3])) == 3, kind
        assert change([1, 2, 3]) != [1, 2, 3], kind
