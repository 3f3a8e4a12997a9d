"""Each request to a real-time endpoint has an id, which its results' events have with the record's place in it."""

import json
from collections.abc import Sequence
from typing import Any

from handler.codecs import Codec, Item, RecordFailure
from handler.codecs.json_formats import HuggingFaceCodec
from handler.settings import HandlerSettings
from tests.handler.aws import Answer, LocalAws, Request, model_error, scored, service_error
from tests.handler.conftest import Build, FakeContext, Items, make_event, returned, serve_table, texts

# SageMaker: InvokeEndpoint InferenceId, 1 to 64 printable characters
MAX_CHARACTERS = 64


def captured(aws: LocalAws) -> dict[str, list[str]]:
    """Return what data capture would have: the records of each request, by its id."""
    ids = [request.sagemaker_headers["inference-id"] for request in aws.requests]
    assert len(set(ids)) == len(ids), "two requests have the same id"
    assert all(1 <= len(id_) <= MAX_CHARACTERS and id_.isalnum() for id_ in ids)
    return {id_: request.inputs for id_, request in zip(ids, aws.requests, strict=True)}


def test_a_result_is_found_in_what_was_captured(aws: LocalAws, inference: Build) -> None:
    inference(max_records_per_request=7, requests_in_flight=3).process(make_event(texts(40)), FakeContext())
    found = captured(aws)
    for id_, event in aws.results().items():
        data = event["data"]
        assert found[data["inferenceId"]][data["recordIndex"]] == f"text {id_[1:]}"


def test_a_request_that_is_sent_again_has_another_id_and_so_have_its_halves(aws: LocalAws, inference: Build) -> None:
    refusals = {"text 3": model_error(400)}

    def endpoint(request: Request) -> Answer:
        if len(aws.requests) == 1:
            return service_error(503, "ServiceUnavailable")
        return next((answer for text, answer in refusals.items() if text in request.inputs), scored(request))

    aws.endpoint = endpoint
    assert returned(inference(max_receive_count=1).process(make_event(texts(8)), FakeContext())) == []
    found = captured(aws)
    assert len(found) > 3
    assert set(aws.dead_letters()) == {"m3"}
    for id_, event in aws.results().items():
        data = event["data"]
        assert found[data["inferenceId"]][data["recordIndex"]] == f"text {id_[1:]}"


def test_a_record_that_was_refused_within_an_answer_leaves_the_places_of_the_others(
    aws: LocalAws, inference: Build
) -> None:
    results = [{"id": number, "result": "x"} if number != 1 else {"id": 1, "error": "no"} for number in range(3)]
    aws.endpoint = lambda request: Answer(body=json.dumps(results).encode())
    handler = inference(codec="tests.handler.test_inference_ids:failing_second")
    handler.process(make_event(texts(3)), FakeContext())
    assert {id_: event["data"]["recordIndex"] for id_, event in aws.results().items()} == {"m0": 0, "m2": 2}
    assert set(aws.dead_letters()) == {"m1"}


def test_a_remembered_result_names_the_request_that_brought_it(aws: LocalAws, inference: Build) -> None:
    table: Items = serve_table(aws)
    handler = inference(idempotency_table="t", max_records_per_request=2)
    handler.process(make_event(texts(4)), FakeContext())
    first = {id_: event["data"] for id_, event in aws.results().items()}
    aws.queues.clear()
    handler.process(make_event(texts(4)), FakeContext())
    assert {id_: event["data"] for id_, event in aws.results().items()} == first
    aws.queues.clear()
    for item in table.values():  # as an earlier release wrote it
        del item["inference_id"], item["record_index"]
    handler.process(make_event(texts(4)), FakeContext())
    assert {tuple(event["data"]) for event in aws.results().values()} == {("endpoint", "result")}
    assert len(aws.requests) == 2


class _FailingSecond(HuggingFaceCodec):
    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        return [
            RecordFailure(answer["error"]) if "error" in answer else answer["result"] for answer in json.loads(body)
        ]


def failing_second(_: HandlerSettings) -> Codec:
    return _FailingSecond({})
