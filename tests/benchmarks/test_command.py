"""The command, and that what it names is there."""

import re

import pytest

from benchmarks.__main__ import NAMES, main, parse
from benchmarks.measure import PROJECT
from benchmarks.report import PAGE


@pytest.mark.parametrize("name", NAMES)
def test_GIVEN_a_benchmark_WHEN_looked_for_THEN_its_module_its_place_in_the_page_and_its_chart_are_there(
    name: str,
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert (PROJECT / "benchmarks" / f"{name.replace('-', '_')}.py").is_file()
    assert f"<!-- results: {name} -->" in page
    assert f"](benchmarks/{name}.svg)" in page
    assert (PAGE.with_suffix("") / f"{name}.svg").is_file()
    assert parse([name]).names == [name]


def test_GIVEN_the_page_WHEN_read_THEN_it_has_no_other_benchmark() -> None:
    assert re.findall(r"<!-- results: (.+) -->", PAGE.read_text(encoding="utf-8")) == list(NAMES)


def test_GIVEN_an_unknown_name_WHEN_run_THEN_the_known_ones_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["speed"])
    assert exit_.value.code == 2
    assert f"there is no benchmark speed, but there are: {', '.join(NAMES)}\n" in capsys.readouterr().err


def test_GIVEN_the_requirements_WHEN_read_THEN_each_is_pinned_to_one_version() -> None:
    lines = (PROJECT / "benchmarks" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(; sys_platform == \"linux\")?", pin) for pin in pins)
