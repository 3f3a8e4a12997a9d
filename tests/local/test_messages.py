import json
from collections import Counter

from local.emulator import PROJECT
from local.messages import Message, Poison, Sample, SizeLimits, make_messages, read_samples

LIMITS = SizeLimits(max_request_bytes=128 * 1024, max_message_bytes=256 * 1024)
SAMPLES = [Sample("Guten Morgen", "de"), Sample("Good morning", "en"), Sample("صباح الخير", "ar")]


def make(count: int = 200, poison: float = 0.1, seed: int = 0, limits: SizeLimits = LIMITS) -> list[Message]:
    return make_messages(SAMPLES, count=count, poison_share=poison, seed=seed, limits=limits)


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
    assert {kind: kinds[kind] for kind in Poison} == dict.fromkeys(Poison, 5)
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


def test_poison_is_of_the_kinds_asked_for() -> None:
    kinds = (Poison.NOT_JSON, Poison.TOO_LARGE)
    made = make_messages(SAMPLES, count=20, poison_share=0.5, seed=0, limits=LIMITS, kinds=kinds)
    assert {message.poison for message in made} == {None, *kinds}


def test_groups_are_spread_over_the_same_messages() -> None:
    plain = make()
    grouped = make_messages(SAMPLES, count=200, poison_share=0.1, seed=0, limits=LIMITS, groups=5)
    assert [message.body for message in grouped] == [message.body for message in plain]
    assert {message.group for message in plain} == {""}
    assert {message.group for message in grouped} == {f"group-{number}" for number in range(5)}
