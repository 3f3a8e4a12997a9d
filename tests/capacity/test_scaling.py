"""The rules of Application Auto Scaling, one by one."""

from dataclasses import replace

import pytest

from capacity.scaling_settings import Entry, Scaling, Step
from capacity.simulation.scaling import Fleet, Seen
from capacity.simulation.schedule import changes
from tests.capacity.pipelines import SCALED

SCALING = Scaling(
    minimum=1,
    maximum=8,
    metric="concurrent",
    target=2.0,
    scale_in_cooldown_seconds=300,
    scale_out_cooldown_seconds=60,
)


def _fleet(**changes_: object) -> Fleet:
    variant = replace(SCALED, instances=1, scaling=replace(SCALING, **changes_))  # type: ignore[arg-type]  # of the test
    return Fleet(variant, 7200, start_seconds=100)


def _pass(fleet: Fleet, start: int, seconds: int, **seen: float) -> None:
    for second in range(start, start + seconds):
        fleet.follow(second, Seen(**seen))


def test_three_periods_of_ten_seconds_over_the_target_add_in_proportion() -> None:
    fleet = _fleet()
    _pass(fleet, 0, 29, outstanding=7.0)
    assert fleet.desired == 1
    _pass(fleet, 29, 1, outstanding=7.0)
    assert (fleet.desired, fleet.billed, fleet.in_service) == (4, 4, 1)
    _pass(fleet, 30, 100, outstanding=7.0)
    assert fleet.in_service == 4


def test_invocations_are_counted_by_the_minute() -> None:
    fleet = _fleet(metric="invocations", target=600.0)
    _pass(fleet, 0, 179, requests=20.0)
    assert fleet.desired == 1
    _pass(fleet, 179, 1, requests=20.0)
    assert fleet.desired == 2


def test_a_quarter_of_an_hour_below_nine_tenths_takes_away() -> None:
    fleet = _fleet()
    _pass(fleet, 0, 200, outstanding=7.6)
    _pass(fleet, 200, 890, outstanding=2.0)
    assert fleet.in_service == 4
    _pass(fleet, 1090, 20, outstanding=2.0)
    assert fleet.in_service == 1


def test_just_below_the_target_nothing_is_taken_away() -> None:
    fleet = _fleet()
    _pass(fleet, 0, 200, outstanding=7.6)
    _pass(fleet, 200, 3000, outstanding=7.4)  # 1.85 an instance, over 1.8
    assert fleet.in_service == 4


def test_steps_are_added_each_time_their_cooldown_is_over_up_to_the_most() -> None:
    step = Step(metric="ApproximateAgeOfOldestMessage", threshold=60, add=3, cooldown_seconds=120)
    fleet = _fleet(steps=(step,), maximum=6)
    _pass(fleet, 0, 59, age=100.0)
    assert fleet.desired == 1
    _pass(fleet, 59, 1, age=100.0)
    assert fleet.desired == 4
    _pass(fleet, 60, 60, age=100.0)
    assert fleet.desired == 4
    _pass(fleet, 120, 60, age=100.0)
    assert fleet.desired == 6


def test_a_schedule_moves_the_range() -> None:
    day = Entry(schedule="cron(30 0 ? * MON-FRI *)", timezone="UTC", minimum=3, maximum=8)
    fleet = _fleet(schedule=(day,))
    _pass(fleet, 0, 1800)
    assert fleet.desired == 1
    _pass(fleet, 1800, 1)
    assert fleet.desired == 3


@pytest.mark.parametrize(
    ("schedule", "timezone", "hours"),
    [
        ("cron(0 7 ? * MON-FRI *)", "UTC", [7, 31, 55, 79, 103]),
        ("cron(0 7 ? * MON-FRI *)", "Europe/Berlin", [6, 30, 54, 78, 102]),
        ("cron(0 0/12 * * ? *)", "UTC", list(range(0, 168, 12))),
        ("cron(0 22 ? * 6,7 *)", "UTC", [118, 142]),  # Friday and Saturday
        ("rate(3 days)", "UTC", [0, 72, 144]),
        ("at(2026-12-01T03:00:00)", "UTC", [27]),
        ("at(2025-12-01T03:00:00)", "UTC", []),
    ],
)
def test_schedules_act_by_the_clock(schedule: str, timezone: str, hours: list[int]) -> None:
    entry = Entry(schedule=schedule, timezone=timezone, minimum=1, maximum=2)
    assert [second / 3600 for second in changes([entry], 7 * 86_400)] == hours
