"""Arrivals: each form of a rate, and one clear line for what is none."""

from pathlib import Path

import numpy as np
import pytest

from capacity.simulation.arrivals import FORMS, parse_arrivals
from local.errors import UsageError


def test_a_number_is_the_same_each_second() -> None:
    found = parse_arrivals("200", hours=1)
    assert (found.seconds, found.messages, found.peak, found.is_steady) == (3600, 720_000, 200, True)


def test_a_daily_curve_goes_straight_from_point_to_point_and_around_midnight() -> None:
    found = parse_arrivals("06:00=100,18:00=300", hours=48)
    assert found.per_second[6 * 3600] == 100
    assert found.per_second[12 * 3600] == pytest.approx(200)
    assert found.per_second[0] == pytest.approx(200)
    assert np.array_equal(found.per_second[:86_400], found.per_second[86_400:])
    assert not found.is_steady


def test_a_burst_comes_in_the_first_second() -> None:
    found = parse_arrivals("10", hours=1, burst=1000)
    assert found.per_second[:3].tolist() == [1010, 10, 10]
    assert found.has_burst


def test_a_file_has_messages_by_second(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_text("second,messages\n0,5\n90,7.5\n90,2.5\n")
    found = parse_arrivals(str(path))
    assert (found.seconds, found.messages, found.text) == (91, 15, "arrivals.csv")
    assert found.per_second[90] == 10


@pytest.mark.parametrize(
    ("rate", "hours", "burst", "error"),
    [
        ("many", 1, 0, f"--rate 'many' is not {FORMS}"),
        ("-1", 1, 0, "--rate '-1': must be 0 to 1,000,000 messages a second"),
        ("inf", 1, 0, "--rate 'inf': must be 0 to 1,000,000 messages a second"),
        ("nan", 1, 0, "--rate 'nan': must be 0 to 1,000,000 messages a second"),
        ("0", 1, 0, "--rate '0': no message arrives at all"),
        ("25:00=1", 1, 0, "--rate '25:00=1': '25:00' is not a time from 00:00 to 23:59"),
        ("08:00=x", 1, 0, "--rate '08:00=x': 'x' is not a number of messages a second"),
        ("08:00=1,08:00=2", 1, 0, "--rate '08:00=1,08:00=2': 08:00 is there twice"),
        ("1", 0, 0, "--hours 0: must be more than 0 and at most 336 (SQS keeps a message 14 days)"),
        ("1", 1, -5, "--burst -5: must be 0 to 1,000,000,000 messages"),
        ("absent.csv", 1, 0, "--rate absent.csv: No such file or directory"),
    ],
)
def test_what_is_no_rate_gets_one_line(rate: str, hours: float, burst: float, error: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_arrivals(rate, hours, burst)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("0,1\n1\n", "line 2: '1' is not second,messages"),
        ("0,1\n1,x\n", "line 2: 'x' is not a number"),
        ("0,-1\n", "line 1: must be 0 to 1,000,000 messages a second"),
        ("0,1\n-3,1\n", "line 2: second -3 is not from 0 to 1,209,600"),
        ("0,1\n99999999,1\n", "line 2: second 99,999,999 is not from 0 to 1,209,600"),
    ],
)
def test_a_file_that_is_wrong_is_said_by_line(tmp_path: Path, content: str, error: str) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_text(content)
    with pytest.raises(UsageError) as raised:
        parse_arrivals(str(path))
    assert str(raised.value) == f"--rate {path}, {error}"


@pytest.mark.parametrize(
    ("rate", "burst", "lasting"),
    [
        ("100", 0, 100),
        ("100", 50_000, 100),
        ("00:00=50,12:00=600", 0, pytest.approx(600, rel=0.01)),
        ("00:00=50,12:00=600", 50_000, pytest.approx(600, rel=0.01)),
    ],
)
def test_the_formulas_are_of_the_rate_that_lasts(rate: str, burst: float, lasting: float) -> None:
    assert parse_arrivals(rate, 24, burst).lasting == lasting
