"""The statistics of the benchmarks."""

import functools
import itertools
import json
from pathlib import Path

import pytest

from benchmarks.measure import (
    Bar,
    Case,
    Metric,
    Result,
    Spread,
    alternate,
    limit_seconds,
    paired_ratios,
)
from benchmarks.report import number, publish, spread_text, write_json

CASE = Case(
    title="200 records",
    metrics=[Metric("wall", "ms"), Metric("cpu", "ms")],
    samples={
        "ours": [{"wall": 10.0, "cpu": 1.0}, {"wall": 40.0, "cpu": 1.0}, {"wall": 20.0, "cpu": 1.0}],
        "loop": [{"wall": 100.0, "cpu": 5.0}, {"wall": 200.0, "cpu": 5.0}, {"wall": 400.0, "cpu": 6.0}],
    },
    reference="ours",
    notes={"ours": "MAX_RECORDS_PER_REQUEST=50"},
)


def test_GIVEN_several_values_WHEN_summed_up_THEN_median_least_and_most_are_returned() -> None:
    assert Spread.of([3.0, 1.0, 10.0, 2.0]) == (2.5, 1.0, 10.0)


def test_GIVEN_a_round_in_which_all_are_slow_WHEN_compared_THEN_ratios_are_of_the_same_round() -> None:
    assert paired_ratios([100.0, 200.0, 400.0], [10.0, 40.0, 20.0]) == [10.0, 5.0, 20.0]
    assert CASE.ratios("loop") == (10.0, 5.0, 20.0)
    assert CASE.ratios("ours", to="loop", metric="cpu") == (0.2, 1 / 6, 0.2)


def test_GIVEN_rounds_of_unequal_number_WHEN_compared_THEN_it_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("records", "capacity", "milliseconds"),
    [(1, 4, 20.5), (200, 4, 45.0), (201, 4, 45.5), (1000, 4, 145.0), (1000, 1, 520.0), (3, 16, 20.5)],
)
def test_GIVEN_an_endpoint_of_20_ms_and_half_a_ms_a_record_WHEN_its_limit_is_computed_THEN_all_places_share_the_records(
    records: int, capacity: int, milliseconds: float
) -> None:
    seconds = limit_seconds(records, fixed=0.020, per_record=0.0005, capacity=capacity)
    assert seconds == pytest.approx(milliseconds / 1000)


def test_GIVEN_any_way_to_cut_the_records_WHEN_served_THEN_none_is_faster_than_the_limit() -> None:
    fixed, per_record, capacity, records = 3.0, 2.0, 2, 7

    def seconds(cut: tuple[int, ...]) -> float:
        places = [0.0] * capacity
        for size in cut:
            place = places.index(min(places))
            places[place] += fixed + per_record * size
        return max(places)

    cuts = (cut for n in range(1, 5) for cut in itertools.product(range(1, 8), repeat=n) if sum(cut) == records)
    assert min(map(seconds, cuts)) == limit_seconds(records, fixed=fixed, per_record=per_record, capacity=capacity)


def test_GIVEN_candidates_WHEN_alternated_THEN_each_runs_once_a_round_and_the_first_changes() -> None:
    order: list[str] = []

    def run(name: str) -> dict[str, float]:
        order.append(name)
        return {"wall": float(len(order))}

    samples = alternate({name: functools.partial(run, name) for name in "abc"}, rounds=2, warmups=1)

    assert "".join(order) == "cab" + "abc" + "bca"
    assert samples == {
        "a": [{"wall": 4.0}, {"wall": 9.0}],
        "b": [{"wall": 5.0}, {"wall": 7.0}],
        "c": [{"wall": 6.0}, {"wall": 8.0}],
    }


@pytest.mark.parametrize(
    ("bounds", "ratio", "met", "bound"),
    [
        ({"at_least": 20}, 20.0, True, ">= 20"),
        ({"at_least": 20}, 19.9, False, ">= 20"),
        ({"at_most": 1.25}, 1.25, True, "<= 1.25"),
        ({"at_most": 1.25}, 1.26, False, "<= 1.25"),
    ],
)
def test_GIVEN_a_bound_WHEN_held_against_the_median_THEN_it_is_met_or_missed(
    bounds: dict[str, float], ratio: float, met: bool, bound: str
) -> None:
    bar = Bar(claim="a claim", ratio=Spread(ratio, 0.0, 100.0), **bounds)
    assert (bar.met, bar.bound) == (met, bound)


def test_GIVEN_a_result_WHEN_written_THEN_every_value_is_in_the_file(tmp_path: Path) -> None:
    bar = Bar(claim="loop, to ours", ratio=CASE.ratios("loop"), at_least=20)
    content = json.loads(write_json("handler", Result(cases=[CASE], bars=[bar]), tmp_path).read_bytes())
    assert content["cases"][0]["samples"] == CASE.samples
    assert content["claims"] == [
        {
            "claim": "loop, to ours",
            "ratio": {"median": 10.0, "low": 5.0, "high": 20.0},
            "bound": ">= 20",
            "met": False,
        }
    ]


def test_GIVEN_a_page_WHEN_published_twice_THEN_only_the_benchmark_s_part_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results: handler -->\nold\n<!-- end of results -->\nafter\n")
    for _ in range(2):
        publish("handler", Result(cases=[CASE]), page)
    text = page.read_text()
    assert text.startswith("before\n<!-- results: handler -->\n")
    assert text.endswith("\n<!-- end of results -->\nafter\n")
    assert "old" not in text
    assert text.count("| ours<br>MAX_RECORDS_PER_REQUEST=50 | 20.0 (10.0-40.0) | 1.00 | 1.00 |") == 1


def test_GIVEN_numbers_WHEN_shown_THEN_three_digits_stand() -> None:
    assert [number(value) for value in (0.01234, 1.0, 12.34, 123.4, 12345.6)] == [
        "0.0123",
        "1.00",
        "12.3",
        "123",
        "12,346",
    ]
    assert spread_text(Spread(1.0, 0.5, 2.0)) == "1.00 (0.500-2.00)"
