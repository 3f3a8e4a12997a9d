"""The model's own batches: which requests carry a `batch_size`, what padding may cost, and models that refuse it."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.codecs import Item
from handler.codecs.batch_size import MAX_TRIALS, BatchSize, estimated_tokens
from handler.microbatch import cut
from handler.records import Record
from tests.handler.aws import Answer, LocalAws, Request, fails_on, model_error, scored, service_error
from tests.handler.codecs import make_codec
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, each, make_event, outcomes, texts

NO_PAD_TOKEN = (
    "Pipeline with tokenizer without pad_token cannot do batching. You can try to set it with "
    "`pipe.tokenizer.pad_token_id = model.config.eos_token_id`."
)


def batch_sizes(aws: LocalAws) -> list[int | None]:
    """Return the batch size of each request in order; None of one without."""
    return [json.loads(request.body).get("parameters", {}).get("batch_size") for request in aws.requests]


def refuses(message: str, status: int = 400) -> object:
    """Return an endpoint that takes no batch size, and says so in these words."""

    def answer(request: Request) -> Answer:
        has_one = "batch_size" in json.loads(request.body).get("parameters", {})
        return model_error(status, message) if has_one else scored(request)

    return answer


def bodies(*lengths: int) -> list[str]:
    """Return a record of each length in characters."""
    return [json.dumps({"inputs": "x" * length}) for length in lengths]


def test_records_of_like_length_are_one_batch_of_the_model(aws: LocalAws, inference: Build) -> None:
    handler = inference(batch_inside=True, max_records_per_request=32)
    assert outcomes(aws, handler, make_event(texts(64))) == each(range(64), SUCCEEDED)
    assert batch_sizes(aws) == [32, 32]


def test_without_the_setting_requests_are_as_they_were(aws: LocalAws, inference: Build) -> None:
    outcomes(aws, inference(max_records_per_request=32), make_event(texts(32)))
    assert [set(json.loads(request.body)) for request in aws.requests] == [{"inputs"}]


@pytest.mark.parametrize(
    ("lengths", "batch_size"),
    [
        ((40, 41, 42, 43), 4),
        ((10, 100), 2),
        ((40, 400), None),
        ((10,), None),
        ((400, 320), 2),
        ((400, 100, 100, 100), None),
    ],
)
def test_a_batch_that_would_be_mostly_padding_carries_no_batch_size(
    aws: LocalAws, inference: Build, lengths: tuple[int, ...], batch_size: int | None
) -> None:
    outcomes(aws, inference(batch_inside=True), make_event(bodies(*lengths)))
    assert batch_sizes(aws) == [batch_size]


def test_parameters_stay_and_a_batch_size_of_ones_own_wins(aws: LocalAws, inference: Build) -> None:
    handler = inference(batch_inside=True, parameters={"truncation": True})
    own = json.dumps({"inputs": "text 8", "parameters": {"batch_size": 2}})
    outcomes(aws, handler, make_event([*texts(4), own, own]))
    sent = sorted((json.loads(request.body)["parameters"] for request in aws.requests), key=str)
    assert sent == [{"truncation": True, "batch_size": 2}, {"truncation": True, "batch_size": 4}]


def test_chats_and_lone_records_sent_twice_carry_none(aws: LocalAws, inference: Build) -> None:
    handler = inference(batch_inside=True, send_lone_record_twice=True)
    chat = json.dumps({"inputs": [{"role": "user", "content": "text 1"}]})
    outcomes(aws, handler, make_event([*texts(1), chat]))
    assert batch_sizes(aws) == [None, None]


@pytest.mark.parametrize(
    "message",
    [
        NO_PAD_TOKEN,
        "Asking to pad but the tokenizer does not have a padding token",
        "predict() got an unexpected keyword argument 'batch_size'",
    ],
)
def test_a_model_that_refuses_a_batch_gets_none_any_more(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture, message: str
) -> None:
    aws.endpoint = refuses(message)  # type: ignore[assignment]
    handler = inference(batch_inside=True, max_records_per_request=8)
    with caplog.at_level(logging.WARNING):
        assert outcomes(aws, handler, make_event(texts(32))) == each(range(32), SUCCEEDED)
    assert batch_sizes(aws) == [8, None, None, None, None], "only the first request may be refused"
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("the model refuses a batch_size; its inputs are scored one by one from now on: ")
    assert message in said
    aws.requests.clear()
    assert outcomes(aws, handler, make_event(texts(16))) == each(range(16), SUCCEEDED)
    assert batch_sizes(aws) == [None, None], "a later invocation of the sandbox remembers"


@pytest.mark.parametrize("status", [400, 500])
def test_a_model_that_refuses_in_words_of_its_own_is_found_by_a_trial(
    aws: LocalAws, inference: Build, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    aws.endpoint = refuses("tensors differ", status)  # type: ignore[assignment]
    handler = inference(batch_inside=True, max_records_per_request=8, requests_in_flight=4)
    with caplog.at_level(logging.WARNING):
        assert outcomes(aws, handler, make_event(texts(64))) == each(range(64), SUCCEEDED)
    assert sum(size is not None for size in batch_sizes(aws)) <= 4, "those that were on their way at most"
    assert len(caplog.records) == 1


def test_a_bad_record_in_the_first_batch_does_not_end_batches(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = fails_on("text 3", model_error(400))
    handler = inference(batch_inside=True, max_records_per_request=8)
    expected = each(range(32), SUCCEEDED) | {"m3": ("dead-lettered", "model-error")}
    assert outcomes(aws, handler, make_event(texts(32))) == expected
    aws.endpoint = scored
    aws.requests.clear()
    outcomes(aws, handler, make_event(texts(16)))
    assert batch_sizes(aws) == [8, 8]


def test_once_a_batch_worked_a_failure_is_no_trial_any_more(aws: LocalAws, inference: Build) -> None:
    handler = inference(batch_inside=True, max_records_per_request=8)
    outcomes(aws, handler, make_event(texts(8)))
    aws.endpoint = fails_on("text 3", model_error(400))
    aws.requests.clear()
    outcomes(aws, handler, make_event(texts(8)))
    assert batch_sizes(aws) == [8, 4, 2, 2, None, None, 4], "halved, and not one request twice"


def test_an_endpoint_that_fails_on_everything_costs_few_requests_more(aws: LocalAws, inference: Build) -> None:
    aws.endpoint = lambda request: model_error(400)
    handler = inference(batch_inside=True, max_records_per_request=8)
    with pytest.raises(Exception, match="failed-on-everything"):
        handler.process(make_event(texts(32)), FakeContext())
    assert len(aws.requests) <= 24


def test_a_refusal_for_the_endpoints_own_sake_says_nothing_of_batches(aws: LocalAws, inference: Build) -> None:
    aws.script(model_error(413), scored)
    handler = inference(batch_inside=True, max_records_per_request=8)
    assert outcomes(aws, handler, make_event(texts(8))) == each(range(8), SUCCEEDED)
    assert batch_sizes(aws) == [8, 4, 4]


def test_a_request_counts_by_what_it_was_sent_with_and_not_by_what_is_known_since() -> None:
    """One that was launched before a trial and encoded after its begin went without, and proves nothing of batches."""
    batch_size, items = BatchSize(), [item(8), item(8, 1)]
    target = items[0].target
    assert (batch_size.use(items), batch_size.used(), batch_size.used()) == (2, True, False)
    assert batch_size.goes_without(target, "bad input")
    assert (batch_size.use(items), batch_size.used()) == (0, False)
    batch_size.tried(target, succeeded=False, detail="bad input")
    assert (batch_size.use(items), batch_size.used()) == (2, True)


def test_trials_are_few() -> None:
    batch_size, target = BatchSize(), item(8).target
    for _ in range(MAX_TRIALS):
        assert batch_size.goes_without(target, "bad input")
        batch_size.tried(target, succeeded=False, detail="bad input")
    assert not batch_size.goes_without(target, "bad input")
    assert batch_size.of([item(8), item(8)]) == 2


def item(size: int, number: int = 0) -> Item:
    return Item(Record(str(number), "", "", 1, ""), (b"x" * size,))


def test_a_request_is_no_larger_than_its_records_padded_to_the_longest(aws: LocalAws, inference: Build) -> None:
    handler = inference(max_padded_tokens=100, max_records_per_request=32)
    lengths = [38, 38, 38, 38, 198, 38, 598, 38]  # with their quotes 10, 50 and 150 tokens
    assert outcomes(aws, handler, make_event(bodies(*lengths))) == each(range(8), SUCCEEDED)
    sent = [[len(text) for text in request.inputs] for request in aws.requests]
    assert sent == [[38] * 4, [198, 38], [598], [38]]


@given(
    sizes=st.lists(st.integers(1, 2000), max_size=60),
    most=st.integers(1, 3000),
    records=st.integers(1, 40),
    is_sorted=st.booleans(),
)
def test_cutting_by_padded_size_loses_nothing_and_keeps_the_bound(
    sizes: list[int], most: int, records: int, is_sorted: bool
) -> None:
    items = [item(size, number) for number, size in enumerate(sizes)]
    batches = list(
        cut(
            make_codec("huggingface"),
            items,
            max_records_per_request=records,
            max_request_bytes=1_000_000,
            max_receive_count=5,
            max_padded_tokens=most,
            sort_by_length=is_sorted,
        )
    )
    assert sorted(one.record.message_id for batch in batches for one in batch) == sorted(map(str, range(len(sizes))))
    for batch in batches:
        padded = len(batch) * max(map(estimated_tokens, batch))
        assert len(batch) == 1 or padded <= most, "a request is over the bound, and holds more than one record"
        assert len(batch) <= records


def test_a_throttled_batch_is_sent_again_as_it_was(aws: LocalAws, inference: Build) -> None:
    aws.script(service_error(400, "ThrottlingException"), scored)
    assert outcomes(aws, inference(batch_inside=True), make_event(texts(8))) == each(range(8), SUCCEEDED)
    assert batch_sizes(aws) == [8, 8]


def test_wrong_counts_of_a_batch_are_found_out(aws: LocalAws, inference: Build) -> None:
    """A pipeline that answers a batch with one result: the same records are sent without, and none gets another's."""

    def endpoint(request: Request) -> Answer:
        has_one = "batch_size" in json.loads(request.body).get("parameters", {})
        return Answer(body=b'[{"label": "first"}]') if has_one else scored(request)

    aws.endpoint = endpoint
    handler = inference(batch_inside=True, max_records_per_request=8)
    assert outcomes(aws, handler, make_event(texts(8))) == each(range(8), SUCCEEDED)
    assert batch_sizes(aws) == [8, None]
