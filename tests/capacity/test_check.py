"""The check itself: its predictions by hand, its table, and its place on the page. It is not measured here."""

from pathlib import Path

import pytest

from benchmarks.handler import SHORT
from capacity.check.__main__ import main, publish
from capacity.check.comparison import Comparison, Numbers, nearest_rank, table
from capacity.check.handler_check import SETTINGS, Setting, predict
from capacity.check.local_check import SETTINGS as LOCAL_SETTINGS
from capacity.profile import Profile
from tests.capacity.pipelines import IDEAL


def test_there_are_six_settings_of_the_handler_and_three_of_the_local_run() -> None:
    assert (len(set(SETTINGS)), len(set(LOCAL_SETTINGS))) == (6, 3)


def test_a_prediction_without_overhead_is_the_endpoints_time() -> None:
    # four requests of 25, two at once: two rounds of 32.5 ms
    found = predict(Setting(100, 2, 25, SHORT, 4), IDEAL)
    assert found.p95 == pytest.approx(0.065)
    assert found.per_second == pytest.approx(100 / 0.065)


def test_the_handlers_own_time_comes_on_top() -> None:
    busy = Profile(
        name="busy", invocation_cpu=0.01, request_cpu=0, record_cpu=0.001, call_cpu=0, round_trip=0, between=0
    )
    assert predict(Setting(10, 1, 10, SHORT, 1), busy).p95 == pytest.approx(0.01 + 0.01 + 0.025)


def test_a_miss_stands_in_the_table() -> None:
    near = Comparison("near", Numbers(100, 0.1), Numbers(110, 0.12), 0.05)
    far = Comparison("far", Numbers(100, 0.1), Numbers(130, 0.1), 0.05)
    assert table([near, far]).splitlines()[2:] == [
        "| near | 100 | 110 | +10% | 100 ms | 120 ms | +20% | 5% | holds |",
        "| far | 100 | 130 | +30% | 100 ms | 100 ms | +0% | 5% | missed |",
    ]


def test_the_nearest_rank_is_a_value_that_was_measured() -> None:
    assert nearest_rank([5, 1, 4, 2, 3], 0.95) == 5
    assert nearest_rank(list(range(1, 101)), 0.95) == 95
    assert nearest_rank([7], 0.5) == 7


def test_a_table_replaces_the_one_before_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- check: local -->\nold\n<!-- end of check -->\nafter\n")
    publish("local", "new", page)
    assert page.read_text() == "before\n<!-- check: local -->\nnew\n<!-- end of check -->\nafter\n"


def test_a_check_that_there_is_none_of_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cloud"]) == 2
    assert capsys.readouterr().err == "error: there is no check cloud, but there are: handler, local\n"
