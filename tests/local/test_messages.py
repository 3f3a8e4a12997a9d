import json
from collections import Counter
from pathlib import Path

import pytest

from handler.settings import CODECS, HandlerSettings
from local.alone import Alone
from local.bodies import Poison, bodies_for
from local.containers import container_for
from local.emulator import PROJECT
from local.errors import UsageError
from local.messages import UNKNOWN, Message, Sample, SizeLimits, generated_rows, make_messages, read_samples

LIMITS = SizeLimits(max_request_bytes=128 * 1024, max_message_bytes=256 * 1024)
SAMPLES = [Sample("Guten Morgen", "de"), Sample("Good morning", "en"), Sample("صباح الخير", "ar")]


HUGGING_FACE = bodies_for("huggingface")


def make(count: int = 200, poison: float = 0.1, seed: int = 0, limits: SizeLimits = LIMITS) -> list[Message]:
    return make_messages(SAMPLES, count=count, poison_share=poison, seed=seed, limits=limits, bodies=HUGGING_FACE)


def test_the_demos_messages_are_many_and_in_many_languages() -> None:
    samples = read_samples(PROJECT / "local" / "messages.jsonl")
    assert len(samples) >= 120
    assert len({sample.expected for sample in samples}) >= 12


def test_the_same_seed_makes_the_same_messages() -> None:
    assert make(seed=1) == make(seed=1)
    assert make(seed=1) != make(seed=2)


def test_the_share_of_poison_is_rounded_and_its_kinds_are_even() -> None:
    messages = make(count=200, poison=0.1)
    assert len(messages) == 200
    kinds = Counter(message.poison for message in messages)
    assert {kind: kinds[kind] for kind in HUGGING_FACE.kinds} == dict.fromkeys(HUGGING_FACE.kinds, 5)
    assert all(message.poison for message in make(count=8, poison=1))
    assert not any(message.poison for message in make(poison=0))


def test_good_messages_are_what_the_file_holds() -> None:
    good = [message for message in make() if not message.poison]
    sent = {(json.loads(message.body)["inputs"], message.expected) for message in good}
    assert sent == {(sample.inputs, sample.expected) for sample in SAMPLES}


def test_too_large_is_over_the_handlers_limit_and_under_the_queues() -> None:
    large = [message for message in make() if message.poison is Poison.TOO_LARGE]
    for message in large:
        assert len(json.loads(message.body)["inputs"]) >= LIMITS.max_request_bytes
        assert len(message.body.encode()) <= LIMITS.max_message_bytes


def test_nothing_is_too_large_where_the_queue_takes_no_more_than_the_handler() -> None:
    limits = SizeLimits(max_request_bytes=256 * 1024, max_message_bytes=256 * 1024)
    kinds = {message.poison for message in make(limits=limits)}
    assert kinds == {None, Poison.NOT_JSON, Poison.EMPTY, Poison.WRONG_SHAPE}


@pytest.mark.parametrize("codec", CODECS)
def test_the_codec_itself_refuses_the_poison_that_is_made_for_it_and_takes_every_good_message(codec: str) -> None:
    settings = HandlerSettings(
        endpoint_name="e", dead_letter_queue_url="q", codec=codec, max_request_bytes=LIMITS.max_request_bytes
    )
    alone = Alone(settings, container_for(settings))
    samples = generated_rows(0) if codec.startswith("csv") else SAMPLES
    made = make_messages(samples, count=200, poison_share=0.5, seed=0, limits=LIMITS, bodies=bodies_for(codec))
    good = [message.body for message in made if not message.poison]
    assert [body for body in good if alone.refuses(body) or alone.result(body) is UNKNOWN] == []
    bad = [message.body for message in made if message.poison]
    assert {message.poison for message in made if message.poison} == {str(kind) for kind in bodies_for(codec).kinds}
    assert [body for body in bad if alone.result(body) is not UNKNOWN and not alone.refuses(body)] == []
    if codec != "huggingface":  # whose poison the model may have to refuse
        assert all(alone.refuses(body) for body in bad)


def test_a_file_may_hold_whole_bodies_and_poison_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text('{"body": {"a": 1}, "expected": "x"}\n{"body": "1,2"}\n{"body": [7], "poison": "a seven"}\n')
    samples = read_samples(file)
    assert samples == [
        Sample("", "x", '{"a": 1}'), Sample("", None, "1,2"), Sample("", None, "[7]", poison="a seven"),
    ]  # fmt: skip
    made = make_messages(samples, count=100, poison_share=0.3, seed=0, limits=LIMITS, bodies=bodies_for("jsonlines"))
    kinds = Counter(message.poison for message in made)
    assert kinds == {None: 70, "a seven": 10, "not JSON": 10, "too large": 10}
    assert {message.body for message in made if message.poison == "a seven"} == {"[7]"}
    assert {message.body for message in made if not message.poison} == {'{"a": 1}', "1,2"}


def test_a_codec_of_rows_takes_no_texts() -> None:
    with pytest.raises(UsageError) as error:
        make_messages(SAMPLES, count=1, poison_share=0, seed=0, limits=LIMITS, bodies=bodies_for("csv"))
    assert str(error.value) == (
        'the codec takes rows, not texts: a line of the messages file must be {"body": "1,2.5,3"}'
    )


def test_groups_are_spread_over_the_same_messages() -> None:
    plain = make()
    grouped = make_messages(SAMPLES, count=200, poison_share=0.1, seed=0, limits=LIMITS, bodies=HUGGING_FACE, groups=5)
    assert [message.body for message in grouped] == [message.body for message in plain]
    assert {message.group for message in plain} == {""}
    assert {message.group for message in grouped} == {f"group-{number}" for number in range(5)}
