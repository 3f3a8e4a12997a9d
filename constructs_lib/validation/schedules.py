"""Schedules of Application Auto Scaling: what it refuses of an expression, and of a time zone.

Its cron expressions are those of Amazon EventBridge (Application Auto Scaling guide, "Schedule recurring scaling
actions", and EventBridge guide, "Cron expressions reference"; read 2026-11-26).
"""

import re
from datetime import datetime
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from constructs_lib.settings.base import did_you_mean

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class Field(NamedTuple):
    """A field of a cron expression: its numbers, names that stand for them, and what else it may say."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: str = r"(?!)"

    def holds(self, text: str) -> bool:
        return all(self._holds(part) for part in text.split(","))

    def _holds(self, part: str) -> bool:
        if re.fullmatch(self.special, part, re.ASCII):
            return True
        range_, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9]\d*", step, re.ASCII):
            return False
        return range_ == "*" or (range_.count("-") < 2 and all(self._is_value(value) for value in range_.split("-")))

    def _is_value(self, text: str) -> bool:
        number = re.fullmatch(r"\d{1,4}", text, re.ASCII) is not None
        return text.upper() in self.names or (number and self.low <= int(text) <= self.high)

    def __str__(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.name} {self.low} to {self.high}{names}"


FIELDS = (
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    Field("day of month", 1, 31, special=r"L|LW|([1-9]|[12]\d|3[01])W"),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 1, 7, WEEKDAYS, special=r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)?L|[1-7]#[1-5]"),
    Field("year", 1970, 2199),
)
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


def schedule_bound(expression: str) -> str | None:
    """Return what an expression that is shaped like one must be instead; None if nothing is wrong."""
    if expression.startswith("at("):
        try:
            datetime.fromisoformat(expression[3:-1])
        except ValueError:
            return "at(yyyy-mm-ddThh:mm:ss) with a day and a time that there are"
    if not expression.startswith("cron("):
        return None
    texts = expression[5:-1].split(" ")
    if len(texts) != len(FIELDS):
        return None  # the shape is the rule's in limits.py
    for position, (field, text) in enumerate(zip(FIELDS, texts, strict=True)):
        if text == "?" and position in (DAY_OF_MONTH, DAY_OF_WEEK):
            continue
        if not field.holds(text):
            return f"cron(…) with {field}, not {text}"
    if [texts[DAY_OF_MONTH], texts[DAY_OF_WEEK]].count("?") != 1:
        return "cron(…) with ? for the day of month or for the day of week, and for one of them alone"
    return None


def timezone_bound(timezone: str) -> str | None:
    """Return what a time zone must be instead; None if it is one, or if this machine has no list of them."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as Europe
        zones = _zones()  # opens each of 600 files, so only to suggest one
        return f"a time zone of IANA's{did_you_mean(timezone, zones)}" if zones else None
    return None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
