"""Messages that arrive each second: a constant rate, a daily curve, a file, and a burst at the beginning."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capacity.service_time import digits
from local.errors import UsageError

DAY_SECONDS = 86_400
MAX_RATE = 1e6
MAX_BURST = 1e9
MAX_HOURS = 24 * 14
"""SQS: MessageRetentionPeriod, 14 days at most."""
FORMS = "a number of messages a second, a daily curve such as 00:00=20,09:00=400,18:00=100, or a CSV of second,messages"


@dataclass(frozen=True)
class Arrivals:
    """Messages that arrive, second by second."""

    per_second: NDArray[np.float64]
    text: str
    is_steady: bool = False
    """Whether it is the same each second, so that the formulas hold."""
    has_burst: bool = False
    """Whether many come in the first second; the formulas are then of the rate behind it."""

    @property
    def peak(self) -> float:
        """The most in a second, of a burst apart: the mean of its busiest minute."""
        minutes = self.per_second[: len(self.per_second) // 60 * 60].reshape(-1, 60).mean(axis=1)
        return float(minutes.max()) if len(minutes) else float(self.per_second.max())

    @property
    def lasting(self) -> float:
        """The rate that the formulas are of: a steady one or a curve's busiest minute, and no burst."""
        behind = self.per_second[1:] if self.has_burst and self.seconds > 1 else self.per_second
        return float(behind[0]) if (behind == behind[0]).all() else replace(self, per_second=behind).peak

    @property
    def seconds(self) -> int:
        return len(self.per_second)

    @property
    def messages(self) -> float:
        return float(self.per_second.sum())


def parse_arrivals(text: str, hours: float = 24.0, burst: float = 0.0) -> Arrivals:
    """Return the arrivals of so many hours, from midnight on; a burst comes in the first second.

    Raises UsageError for a rate that is none of the `FORMS`.
    """
    if not 0 < hours <= MAX_HOURS:
        raise UsageError(
            f"--hours {hours:g}: must be more than 0 and at most {MAX_HOURS} (SQS keeps a message 14 days)"
        )
    if not 0 <= burst <= MAX_BURST:
        raise UsageError(f"--burst {burst:g}: must be 0 to {MAX_BURST:,.0f} messages")
    seconds = max(60, round(3600 * hours))
    if text.endswith(".csv"):
        rates, said = _of_file(Path(text), seconds)
    elif "=" in text:
        rates, said = _of_curve(text, seconds), "a daily curve"
    else:
        rate = _number(text, f"--rate {text!r} is not {FORMS}")
        _require_rate(rate, f"--rate {text!r}")
        rates, said = np.full(seconds, rate), f"{digits(rate, 6)} messages/s"
    if burst:
        rates = rates.copy()
        rates[0] += burst
        said = f"{said} and a burst of {burst:,.0f}"
    if not rates.sum():
        raise UsageError(f"--rate {text!r}: no message arrives at all")
    return Arrivals(rates, said, is_steady=not burst and bool((rates == rates[0]).all()), has_burst=bool(burst))


def _of_curve(text: str, seconds: int) -> NDArray[np.float64]:
    """Return straight lines between the points of a day, around midnight too, for as many days as it takes."""
    points: dict[int, float] = {}
    for entry in text.split(","):
        clock, _, rate = entry.partition("=")
        at = _clock(clock.strip(), text)
        if at in points:
            raise UsageError(f"--rate {text!r}: {clock.strip()} is there twice")
        points[at] = _number(rate, f"--rate {text!r}: {rate!r} is not a number of messages a second")
        _require_rate(points[at], f"--rate {text!r}: {rate}")
    times = sorted(points)
    around = [times[-1] - DAY_SECONDS, *times, times[0] + DAY_SECONDS]
    rates = [points[times[-1]], *(points[at] for at in times), points[times[0]]]
    return np.interp(np.arange(seconds) % DAY_SECONDS, around, rates)


def _clock(text: str, whole: str) -> int:
    hours, colon, minutes = text.partition(":")
    is_time = colon and hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60
    if not is_time:
        raise UsageError(f"--rate {whole!r}: {text!r} is not a time from 00:00 to 23:59")
    return 3600 * int(hours) + 60 * int(minutes)


def _of_file(path: Path, seconds: int) -> tuple[NDArray[np.float64], str]:
    """Return the arrivals of a file with lines of second and messages; seconds that it leaves out have none."""
    rates = np.zeros(seconds)
    last = 0
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if number == 1 and row[:1] and not row[0].strip().replace(".", "").isdecimal():
                    continue  # a header
                where = f"--rate {path}, line {number}"
                if len(row) != 2:
                    raise UsageError(f"{where}: {','.join(row)!r} is not second,messages")
                at, messages = (_number(value, f"{where}: {value!r} is not a number") for value in row)
                _require_rate(messages, where)
                if not 0 <= at < MAX_HOURS * 3600:
                    raise UsageError(f"{where}: second {at:,.0f} is not from 0 to {MAX_HOURS * 3600:,}")
                last = max(last, int(at))
                if last >= len(rates):
                    rates = np.concatenate([rates, np.zeros(max(last + 1 - len(rates), len(rates)))])
                rates[int(at)] += messages
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--rate {path}: {getattr(error, 'strerror', None) or error}") from error
    return rates[: max(60, last + 1)], path.name


def _number(text: str, error: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(error) from None


def _require_rate(rate: float, where: str) -> None:
    if not 0 <= rate <= MAX_RATE:
        raise UsageError(f"{where}: must be 0 to {MAX_RATE:,.0f} messages a second")
