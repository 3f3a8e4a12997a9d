"""Scaling ranges by the clock, for the days that are simulated: they begin on a Monday at 00:00 UTC.

Application Auto Scaling: cron(minutes hours day-of-month month day-of-week year), rate(value unit), at(time)
(https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from constructs_lib.validation.schedules import MONTHS, WEEKDAYS

from capacity.scaling_settings import Entry

START = datetime(2026, 11, 30, tzinfo=UTC)
MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


def changes(entries: Sequence[Entry], seconds: int) -> dict[int, tuple[int, int]]:
    """Return the range from each second on at which an entry of the schedule acts."""
    found: dict[int, tuple[int, int]] = {}
    for entry in entries:
        for minute in _minutes(entry, seconds // 60):
            found[60 * minute] = (entry.minimum, entry.maximum)
    return dict(sorted(found.items()))


def _minutes(entry: Entry, minutes: int) -> Iterator[int]:
    kind, _, rest = entry.schedule.partition("(")
    text = rest.removesuffix(")")
    if kind == "rate":
        value, unit = text.split(" ")
        yield from range(0, minutes, int(value) * MINUTES[unit.removesuffix("s")])
    elif kind == "at":
        at = datetime.fromisoformat(text).replace(tzinfo=_zone(entry.timezone))
        minute = (at - START).total_seconds() // 60
        if 0 <= minute < minutes:
            yield int(minute)
    else:
        fields, zone = text.split(" "), _zone(entry.timezone)
        # Each hour that does not match is passed over as a whole.
        minute = 0
        while minute < minutes:
            local = (START + timedelta(minutes=minute)).astimezone(zone)
            if not _is_day(fields, local) or not _matches(fields[1], local.hour):
                minute += 60 - local.minute
                continue
            if _matches(fields[0], local.minute):
                yield minute
            minute += 1


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")


def _is_day(fields: Sequence[str], local: datetime) -> bool:
    day, month, weekday, year = fields[2:6]
    return (
        _matches(month, local.month, MONTHS, 1)
        and _matches(year, local.year)
        and (day == "?" or _matches(day, local.day))
        and (weekday == "?" or _matches(weekday, local.isoweekday() % 7 + 1, WEEKDAYS, 1))
    )


def _matches(field: str, value: int, names: Sequence[str] = (), first: int = 0) -> bool:
    """Whether a field holds the value; L, W and # name days that no rule of a week's simulation needs: they don't."""
    for part in field.split(","):
        range_, _, step = part.partition("/")
        if range_ == "*":
            low, high = first, 10_000
        else:
            bounds = [_value(text, names, first) for text in range_.split("-")]
            if None in bounds:
                continue
            low, high = bounds[0] or 0, (bounds[-1] or 0) if not step or "-" in range_ else 10_000
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


def _value(text: str, names: Sequence[str], first: int) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + first
    return int(text) if text.isdecimal() else None
