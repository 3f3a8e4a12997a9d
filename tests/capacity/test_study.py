"""The part that breaks first, advice, and the page; each on a pipeline where the answer can be told beforehand."""

import json
import re
from dataclasses import replace
from pathlib import Path

from constructs_lib import EndpointSettings, InstanceCapacity, PipelineSettings

import pytest

from capacity.__main__ import main
from capacity.answer import answer
from capacity.deployed import Endpoint, Function, Queue, Source, Variant
from capacity.prices import Prices
from capacity.simulation.arrivals import parse_arrivals
from capacity.study import Study, study
from capacity.study_text import study_lines
from capacity.work import Work
from tests.capacity.pipelines import SCALED, synthesized, work
from tests.capacity.test_command import MODEL

PRICES = Prices.load("eu-central-1")


@pytest.fixture(autouse=True)
def _few_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate few messages one by one: these tests are not about percentiles."""
    monkeypatch.setattr("capacity.advice.MESSAGES", 200)
    monkeypatch.setattr("capacity.study.MESSAGES", 200)


def _study(given: Work, rate: str, hours: float = 0.2, burst: float = 0) -> Study:
    arrivals = parse_arrivals(rate, hours, burst)
    return study(answer(given, arrivals.peak, PRICES, None), arrivals, PRICES, 300)


@pytest.mark.parametrize(
    ("given", "rate", "burst", "sentence"),
    [
        (
            work(),
            "100",
            0,
            "Nothing breaks: the busiest minute brings 100 messages/s, and the first limit, event source concurrency, "
            "is at 6,400.",
        ),
        (
            work(source=Source(maximum_concurrency=5)),
            "4000",
            0,
            "From 62 s on messages pile up, because event source concurrency carries 2,000 messages/s at the most; "
            "1,440,000 messages wait at the end.",
        ),
        (
            work(source=Source(maximum_concurrency=5), queue=Queue(retention_seconds=60)),
            "4000",
            0,
            "Messages are lost: ",
        ),
        (
            work("25s", function=Function(timeout_seconds=30)),
            "1",
            0,
            "Nothing is ever scored: a request of 10 records takes 25 s, over the 20 s that it may take.",
        ),
        (
            work(source=Source(maximum_concurrency=5, enabled=False)),
            "1",
            0,
            "The event source is disabled: messages wait until it is enabled, or the queue's retention ends.",
        ),
    ],
)
def test_one_sentence_says_what_breaks_first(given: Work, rate: str, burst: float, sentence: str) -> None:
    assert _study(given, rate, burst=burst).sentence.startswith(sentence)


def test_more_places_are_advised_where_the_endpoint_is_full() -> None:
    few = Endpoint(variants=[replace(SCALED, scaling=None, instances=1, concurrent_requests=1)])
    found = _study(work(endpoint=few), "500")
    assert "all places of the endpoint's 1 instance are taken (instances x concurrency)" in found.sentence
    changes = [one.change for one in found.advice]
    assert "endpoint.capacity.max_instances=2" in changes
    assert found.advice[changes.index("endpoint.capacity.max_instances=2")].effect.startswith(
        "carries 100% of the messages"
    )


def test_an_instance_too_many_is_found() -> None:
    idle = Endpoint(variants=[replace(SCALED, scaling=None, instances=3)])
    (one,) = (one for one in _study(work(endpoint=idle), "20").advice if "min_instances=2" in one.change)
    assert one.after.usd_a_month == pytest.approx(one.before.usd_a_month - 730 * 0.233, rel=0.01)


def test_a_cheaper_type_is_advised_with_how_slow_its_model_may_be() -> None:
    (one,) = (one for one in _study(work(), "20").advice if "instance_type" in one.change)
    assert re.search(r"if the model takes at most [\d.]+ times as long there .*: measure it first", one.effect)


GPU = replace(SCALED, instance_type="ml.g6e.xlarge")


@pytest.mark.parametrize(
    ("variant", "codec", "advised", "memory"),
    [
        (GPU, "huggingface", "ml.g4dn.xlarge", ", 16 GB of GPU memory in place of 48): measure it first"),
        (GPU, "chat", None, None),
        # as much memory, and so not a word of it
        (
            replace(SCALED, instance_type="ml.g5.2xlarge"),
            "chat",
            "ml.g6.2xlarge",
            "in place of 1.895): measure it first",
        ),
        (replace(SCALED, instance_type="ml.r5.large"), "huggingface", None, None),
        (
            replace(SCALED, instance_type="ml.c5.2xlarge"),
            "huggingface",
            "ml.c5.xlarge",
            ", 8 GiB of memory in place of",
        ),
    ],
    ids=["a GPU", "a chat", "a chat with as much memory elsewhere", "no cheaper one of the kind", "a processor"],
)
def test_a_cheaper_type_with_less_memory_says_so_and_a_language_model_is_offered_none(
    variant: Variant, codec: str, advised: str | None, memory: str | None
) -> None:
    given = work(endpoint=Endpoint(variants=[variant]), codec=codec)
    found = [one for one in _study(given, "20").advice if "instance_type" in one.change]
    assert [one.change for one in found] == (
        [f"endpoint.capacity.instance_type={advised!r} in primary"] if advised else []
    )
    assert not memory or memory in found[0].effect


def test_a_formula_that_is_not_what_the_engine_finds_is_said_to_be_so() -> None:
    def told(rate: str) -> bool:
        return any("the formulas say" in line for line in study_lines(_study(work(), rate)))

    assert told("3000")
    assert not told("10")


def test_no_number_has_an_exponent() -> None:
    given = work("10us", endpoint=Endpoint(variants=[replace(SCALED, scaling=None)]))
    for rate in ("0.00001", "4000", "40000"):
        text = "\n".join(study_lines(_study(given, rate)))
        assert not re.search(r"\d(e|E)[+-]\d", text), text


def test_nothing_is_advised_that_the_simulation_does_not_bear_out() -> None:
    for one in _study(work(), "200").advice:
        better = one.after.usd_a_month < one.before.usd_a_month or one.after.p95 < one.before.p95
        assert better, f"{one.change} is advised, and is neither cheaper nor faster"
        assert one.after.carried >= one.before.carried - 1e-3


@pytest.mark.parametrize(
    ("window", "written"),
    [(0, "event_source.batch_size=100, batching_window_seconds=1"), (30, "event_source.batch_size=100")],
)
def test_advice_writes_the_window_that_it_was_simulated_with(window: int, written: str) -> None:
    given = work(source=Source(batch_size=10, window_seconds=window), result_sink="none")
    changes = [one.change for one in _study(given, "200").advice]
    assert [change for change in changes if "batch_size" in change] == [written]


def test_a_change_that_saves_a_little_for_a_long_wait_is_not_advised() -> None:
    """At 20 messages a second, batches of 100 take most of the window, in place of a few seconds."""
    given = work(source=Source(batch_size=10, window_seconds=30), result_sink="none")
    assert not [one for one in _study(given, "20").advice if "batch_size" in one.change]


def test_the_latency_of_advice_is_none_of_a_window_that_nothing_waits_for() -> None:
    """At 500 messages a second batches of 50 are full long before the window ends."""
    source = Source(batch_size=50, window_seconds=60, maximum_concurrency=2)
    found = _study(work(source=source), "500")
    assert found.events is not None
    assert found.events.percentile(0.95) < 5
    assert found.advice
    for one in found.advice:
        assert one.before.p95 < 5, f"{one.change}: {one.effect}"


def test_serverless_has_no_instances_to_advise() -> None:
    serverless = Endpoint(variants=[Variant(name="v", memory_mib=2048, concurrent_requests=32)])
    assert not [one for one in _study(work(endpoint=serverless), "20").advice if "instance" in one.change]


def test_the_page_and_the_json_say_which_engine_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capacity = InstanceCapacity(instance_type="ml.c5.large", max_instances=2)
    template = synthesized(tmp_path, PipelineSettings(endpoint=EndpointSettings(model=MODEL, capacity=capacity)))
    report = tmp_path / "report"
    arguments = ["--template", str(template), "--rate", "50", "--hours", "0.2", "--report", str(report)]
    assert main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["fluid"]["engine"] == "fluid, steps of a second"
    assert found["discrete"]["engine"] == "discrete events"
    assert found["fluid"]["done"] == pytest.approx(50 * 720)
    page = (report / "report.html").read_text()
    assert found["breaks_first"] in page
    for title in ("Arrivals and throughput", "Cost", "Backlog", "Instances", "Utilization", "Latency", "Better"):
        assert title in page
    assert page.count('class="plot') == 7
    assert json.loads((report / "report.json").read_text())[0]["pipeline"] == "s/p"
