"""The check itself: its predictions by hand, its table, and its place on the page. It is not measured here."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.handler import SHORT
from capacity.check.__main__ import main, publish
from capacity.check.comparison import Comparison, Numbers, nearest_rank, table
from capacity.check.handler_check import SETTINGS, Setting, predict
from capacity.check.local_check import SETTINGS as LOCAL_SETTINGS
from capacity.check.local_check import Run, calibrate
from capacity.deployed import Source
from capacity.profile import Profile
from capacity.simulation.discrete import Discrete
from local.errors import LocalRunError
from tests.capacity.pipelines import IDEAL, work


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


def test_a_result_takes_its_time_at_the_end_and_a_record_before_and_after_its_request() -> None:
    slow = replace(IDEAL, record_cpu=0.002, result_cpu=0.003, call_cpu=0.004)
    # 10 ms before, 25 ms at the endpoint, 10 ms after, one call with ten results
    assert predict(Setting(10, 1, 10, SHORT, 1), slow).p95 == pytest.approx(0.010 + 0.025 + 0.010 + 0.004 + 0.030)


def local_run(sending: float, batch: float, first: float) -> Run:
    """Return a local run of twelve calls before the first result, and twelve batches after the last call."""
    calls = [number * sending for number in range(12)]
    done = [first + batch * number / 10 for number in range(120)]
    return Run(sorted(calls * 10), done, [])


def test_the_emulators_times_are_read_off_a_run() -> None:
    found = calibrate(local_run(sending=0.01, batch=0.2, first=0.5))
    assert found.sending == pytest.approx(0.01)
    assert found.shared == pytest.approx(0.2)
    assert found.first == pytest.approx(0.5 - 0.2)


@pytest.mark.parametrize(
    ("run", "calls", "results"),
    [
        (Run([0.0] * 120, [1.0 + number for number in range(120)], []), 1, 120),
        (Run([0.01 * number for number in range(120)], [0.5] * 119 + [2.0], []), 51, 1),
    ],
    ids=["all in one call", "all before the last call"],
)
def test_a_run_that_tells_nothing_of_the_emulator_is_no_calibration(run: Run, calls: int, results: int) -> None:
    text = (
        f"the calibration's run has {calls} calls before the first result and {results} results after the last call: "
        "at least 10 of each are needed to measure the emulator by"
    )
    with pytest.raises(LocalRunError, match=f"^{text}$"):
        calibrate(run)


def test_calls_that_send_pass_through_the_emulator_as_batches_do() -> None:
    # two calls of ten at once, 0.1 s each; then a batch of 0.5 s for the first ten, and one for the others
    profile = replace(IDEAL, sending=0.1, shared=0.5)
    given = work("1ms", profile=profile, source=Source(batch_size=10, maximum_concurrency=1))
    run = Discrete(given, [0.0] * 10 + [0.0001] * 10, pollers=1, warm_up=0).run()
    assert run.batches == [10, 10]
    assert max(run.latencies) == pytest.approx(0.1 + 0.1 + 0.5 + 0.5, abs=0.01)


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
