"""Codecs of the user's own: `module:function`, and the outcome of records when one fails."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from handler.codecs import (
    CodecError,
    Framed,
    Item,
    MalformedRecordError,
    Payload,
    RecordFailure,
    UnexpectedResponseError,
    codec_for,
    read_results,
)
from handler.records import Record
from handler.settings import ConfigurationError, HandlerSettings
from tests.handler.aws import Answer, LocalAws
from tests.handler.codecs import items_of
from tests.handler.conftest import SUCCEEDED, Build, FakeContext, dead_lettered, make_event, outcomes, returned

SETTINGS = HandlerSettings(endpoint_name="e", dead_letter_queue_url="d", codec="my_layer:make")


class Words(Framed):
    """One word per record; a request joins them with bars."""

    content_type = accept = "text/words"

    def frame(self, group_key: str) -> tuple[bytes, bytes, bytes]:
        return b"<", b"|", b">"

    def parse(self, record: Record, payload: Payload) -> Item:
        if " " in record.body:
            raise MalformedRecordError("more than one word")
        if record.body == "crash":
            raise KeyError("no such word")
        return Item(record, (record.body.encode(),))

    def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
        return body.decode().split("|")


def _record(body: str = "a") -> Record:
    return Record("m", "r", body, 1, "arn")


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("my_layer")
    monkeypatch.setitem(sys.modules, "my_layer", module)
    return module


@pytest.fixture
def own(layer: ModuleType) -> Callable[..., Any]:
    """Return the codec from a user's function, with some methods replaced."""

    def make(**changes: Any) -> Any:
        words = Words()
        for name, value in changes.items():
            setattr(words, name, value)
        vars(layer)["make"] = lambda settings: words
        return codec_for(SETTINGS)

    return make


def test_a_codec_of_ones_own_is_created_with_the_settings_and_used(
    aws: LocalAws, inference: Build, layer: ModuleType
) -> None:
    calls: list[HandlerSettings] = []

    def make(settings: HandlerSettings) -> Words:
        calls.append(settings)
        return Words()

    vars(layer)["make"] = make
    aws.endpoint = lambda request: Answer(body=request.body.strip(b"<>").upper())
    handler = inference(codec="my_layer:make", parameters={"a": 1})
    assert returned(handler.process(make_event(["a", "b c", "d"]), FakeContext())) == []
    (request,) = aws.requests
    assert (request.body, request.content_type, request.accept) == (b"<a|d>", "text/words", "text/words")
    assert {name: event["data"]["result"] for name, event in aws.results().items()} == {"m0": "A", "m2": "D"}
    assert aws.dead_letters()["m1"]["detail"] == "more than one word"
    assert [settings.parameters for settings in calls] == [{"a": 1}]


def test_a_record_that_the_codec_fails_on_does_not_take_its_neighbours_along(
    aws: LocalAws, inference: Build, own: Callable[..., Any]
) -> None:
    own()
    aws.endpoint = lambda request: Answer(body=request.body.strip(b"<>"))
    handler = inference(codec="my_layer:make")
    assert returned(handler.process(make_event(["a", "crash", "d"]), FakeContext())) == ["m1"]
    assert set(aws.results()) == {"m0", "m2"}


def _fails(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


BAD_ITEM = (
    "the codec failed: TypeError: parse must return an Item of its record, with bytes as parts and a text as group_key"
)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"parse": _fails(KeyError("k"))}, "the codec failed: KeyError: 'k'"),
        ({"parse": _fails(UnexpectedResponseError("x"))}, "the codec failed: UnexpectedResponseError: x"),
        ({"parse": _fails(CodecError("by itself"))}, "by itself"),
        ({"parse": lambda record, payload: None}, BAD_ITEM),
        ({"parse": lambda record, payload: Item(_record(), (b"a",))}, BAD_ITEM),
        ({"parse": lambda record, payload: Item(record, ("a",))}, BAD_ITEM),  # type: ignore[arg-type]
        ({"parse": lambda record, payload: Item(record, (b"a",), ["k"])}, BAD_ITEM),  # type: ignore[arg-type]
        ({"overhead": _fails(ZeroDivisionError("z"))}, "the codec failed: ZeroDivisionError: z"),
        ({"overhead": lambda key: None}, "the codec failed: TypeError: overhead must return a whole number"),
    ],
)
def test_what_goes_wrong_while_a_record_is_parsed_is_the_codecs_failure(
    own: Callable[..., Any], changes: dict[str, Any], detail: str
) -> None:
    with pytest.raises(CodecError) as caught:
        own(**changes).parse(_record(), Payload("a"))
    assert str(caught.value) == detail


def test_what_a_codec_finds_malformed_stays_so(own: Callable[..., Any]) -> None:
    with pytest.raises(MalformedRecordError, match=r"^more than one word$"):
        own().parse(_record("a b"), Payload("a b"))


@pytest.mark.parametrize(
    ("encode", "detail"),
    [
        (_fails(MalformedRecordError("too late")), "the codec failed: MalformedRecordError: too late"),
        (lambda items: "text", "the codec failed: TypeError: encode must return bytes"),
    ],
)
def test_what_goes_wrong_while_a_request_is_encoded_is_the_codecs_failure(
    own: Callable[..., Any], encode: Any, detail: str
) -> None:
    codec = own(encode=encode)
    with pytest.raises(CodecError) as caught:
        codec.encode([codec.parse(_record(), Payload("a"))])
    assert str(caught.value) == detail


@pytest.mark.parametrize(
    ("decode", "detail"),
    [
        (_fails(IndexError("i")), "the codec failed: IndexError: i"),
        (_fails(UnexpectedResponseError("no words")), "no words"),
        (lambda body, content_type, items: [1], "1 results came back for 2 records"),
        (lambda body, content_type, items: (1, 2, 3), "3 results came back for 2 records"),
        (lambda body, content_type, items: "ab", "the codec returned a str, not a list of results"),
        (lambda body, content_type, items: None, "the codec returned a NoneType, not a list of results"),
        (lambda body, content_type, items: {1: 1, 2: 2}, "the codec returned a dict, not a list of results"),
        (
            lambda body, content_type, items: [{1}, 2],
            "the codec failed: TypeError: Object of type set is not JSON serializable",
        ),
    ],
)
def test_what_goes_wrong_while_a_response_is_decoded_is_unexpected(
    own: Callable[..., Any], decode: Any, detail: str
) -> None:
    with pytest.raises(UnexpectedResponseError) as caught:
        read_results(own(decode=decode), b"a|b", "", items_of(2))
    assert str(caught.value) == detail


@pytest.mark.parametrize(
    ("codec", "created", "detail"),
    [
        (
            "no_such_layer.codec:make",
            None,
            "can't import no_such_layer.codec: ModuleNotFoundError: No module named 'no_such_layer'",
        ),
        ("my_layer:other", None, "my_layer has no other"),
        ("my_layer:make", 7, "make can't be called"),
        ("my_layer:make", _fails(ValueError("no vocabulary")), "the function failed: ValueError: no vocabulary"),
        (
            "my_layer:make",
            lambda settings: None,
            "what the function returned has no usable content_type (a text), accept (a text), "
            "max_records (1 or more), parse(record, payload), overhead(group_key), encode(items), "
            "decode(body, content_type, items)",
        ),
        ("my_layer:make", lambda: None, "the function failed: TypeError: "),
    ],
)
def test_a_codec_that_can_t_be_loaded_is_a_fault_of_the_deployment(
    layer: ModuleType, codec: str, created: Any, detail: str
) -> None:
    vars(layer)["make"] = created
    with pytest.raises(ConfigurationError) as caught:
        codec_for(replace(SETTINGS, codec=codec))
    assert str(caught.value).startswith(f"codec {codec}: {detail}")
    assert "\n" not in str(caught.value)


def test_a_codec_that_lacks_a_member_is_named(own: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        own(decode=None, max_records=0)
    expected = "codec my_layer:make: what the function returned has no usable max_records (1 or more), "
    expected += "decode(body, content_type, items)"
    assert str(caught.value) == expected


def test_a_request_over_the_limit_is_not_sent_if_the_codec_understated_its_size(
    aws: LocalAws, inference: Build, own: Callable[..., Any]
) -> None:
    own(overhead=lambda key: 0, frame=lambda key: (b"x" * 90, b"|", b""))
    aws.endpoint = lambda request: Answer(body=request.body[90:])
    handler = inference(codec="my_layer:make", max_request_bytes=100)
    assert returned(handler.process(make_event(["abc"] * 3 + ["d" * 11]), FakeContext())) == []
    assert all(len(request.body) <= 100 for request in aws.requests)
    assert set(aws.results()) == {"m0", "m1", "m2"}
    letter = aws.dead_letters()["m3"]
    assert (letter["reason"], letter["detail"]) == ("too-large", "the request has 101 bytes, the limit is 100")


def test_a_codec_with_the_methods_of_before_gets_a_clear_error(own: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        own(parse=lambda record: Item(record, ()), decode=lambda body, count: [])
    assert str(caught.value) == (
        "codec my_layer:make: what the function returned has no usable parse(record, payload), "
        "decode(body, content_type, items)"
    )


def test_answers_in_another_order_are_matched_by_the_ids_of_their_items(
    aws: LocalAws, inference: Build, layer: ModuleType
) -> None:
    class ById(Words):
        def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
            scores = dict(pair.split("=") for pair in body.decode().split("|"))
            return [scores[item.parts[0].decode()] for item in items]

    vars(layer)["make"] = lambda settings: ById()
    aws.endpoint = lambda request: Answer(body=b"c=3|a=1|b=2", headers={"Content-Type": "text/scores"})
    assert returned(inference(codec="my_layer:make").process(make_event(["a", "b", "c"]), FakeContext())) == []
    assert {id_: event["data"]["result"] for id_, event in aws.results().items()} == {"m0": "1", "m1": "2", "m2": "3"}


def test_a_codec_may_fail_one_record_of_a_good_answer(aws: LocalAws, inference: Build, layer: ModuleType) -> None:
    class Partial(Words):
        def decode(self, body: bytes, content_type: str, items: Sequence[Item]) -> Sequence[Any]:
            return [
                RecordFailure(f"no score in {content_type}") if word == "-" else word
                for word in body.decode().split("|")
            ]

    vars(layer)["make"] = lambda settings: Partial()
    aws.endpoint = lambda request: Answer(body=b"1|-|3", headers={"Content-Type": "text/scores"})
    found = outcomes(aws, inference(codec="my_layer:make"), make_event(["a", "b", "c"]))
    assert found == {"m0": SUCCEEDED, "m1": dead_lettered("model-error"), "m2": SUCCEEDED}
    assert aws.dead_letters()["m1"]["detail"] == "no score in text/scores"
    assert len(aws.requests) == 1
