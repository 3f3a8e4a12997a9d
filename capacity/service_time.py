"""The model's time for a request, by the number of records in it."""

import json
import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.errors import UsageError

FORMS = "20ms+0.5ms (a request and each record), 1=20ms,8=24ms (by records in a request), or a report.json of make demo"
DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(us|ms|s|m|h)")
NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# InferenceSettings.answer_tokens_per_second, by default; without a bound in `parameters` that many tokens are assumed.
TOKENS_PER_SECOND, ASSUMED_TOKENS = 20, 256
NOTHING = 1e-6
"""Seconds: nobody waits for less."""
MAX_SECONDS = 3600.0
"""SageMaker: InvocationTimeoutSeconds of asynchronous endpoints; others have 60 s, which `limits` knows."""


def duration(text: str, what: str) -> float:
    """Return the seconds of a duration such as `20ms`, `1.5s` or `2h`. Raises UsageError that names it."""
    bare = text.strip()
    if match := DURATION.fullmatch(bare):
        return float(match[1]) * SECONDS[match[2]]
    if NUMBER.fullmatch(bare):
        raise UsageError(f"{what} {text!r} has no unit; is it {bare}ms or {bare}s?")
    raise UsageError(f"{what} {text!r} is not a duration such as 20ms, 1.5s or 2h")


@dataclass(frozen=True)
class ServiceTime:
    """Seconds by records in a request: straight lines between the points; the first and the last go on, unless they
    come to nothing: a larger request than any is never faster than the largest.
    """

    points: Sequence[tuple[float, float]]
    """Records and seconds, by rising records; one point stands for the same time whatever the number."""
    text: str
    """The text that it was given as."""

    def seconds(self, records: float) -> float:
        """Return the seconds of a request with so many records, of which a mean need not be whole."""
        if len(self.points) == 1:
            return self.points[0][1]
        sizes = [size for size, _ in self.points]
        right = min(max(1, bisect_left(sizes, records)), len(sizes) - 1)
        (low, fast), (high, slow) = self.points[right - 1], self.points[right]
        line = fast + (slow - fast) * (records - low) / (high - low)
        if records > high:
            return max(line, slow)
        # a smaller request than any takes at least its records' share of that one's time
        return max(line, fast * records / low) if records < low else line


def parse_service_time(text: str) -> ServiceTime:
    """Return the time that an option gives in one of the `FORMS`. Raises UsageError for any other text."""
    if text.endswith(".json"):
        return _from_report(Path(text))
    if "=" in text:
        return _from_table(text)
    parts = text.split("+")
    if len(parts) > 2 or not all(DURATION.fullmatch(part.strip()) for part in parts):
        if bare := next((part.strip() for part in parts if NUMBER.fullmatch(part.strip())), None):
            raise UsageError(f"--model {text!r}: {bare} has no unit; is it {bare}ms or {bare}s?")
        raise UsageError(f"--model {text!r} is not {FORMS}")
    fixed, each = ([duration(part, "--model") for part in parts] + [0.0])[:2]
    _require_bounds(text, [fixed, each])
    if fixed + each <= 0:
        raise UsageError(f"--model {text!r} takes no time at all; it must be more than 0")
    return ServiceTime(((0, fixed), (1, fixed + each)), _said(fixed, each))


def chat_time(parameters: Mapping[str, Any]) -> ServiceTime:
    """Return the time of a language model's longest answer, as far as the parameters of its requests tell."""
    named = (parameters.get(name) for name in ("max_tokens", "max_completion_tokens", "max_new_tokens"))
    tokens = next((value for value in named if isinstance(value, int) and value > 0), ASSUMED_TOKENS)
    seconds = min(MAX_SECONDS, tokens / TOKENS_PER_SECOND)
    return ServiceTime(((0, seconds),), f"{tokens} tokens at {TOKENS_PER_SECOND} a second")


def _said(fixed: float, each: float) -> str:
    return f"{shown(fixed)} + {shown(each)} a record" if each else f"{shown(fixed)} a request"


def _from_table(text: str) -> ServiceTime:
    points: dict[int, float] = {}
    for entry in text.split(","):
        records, _, time = entry.partition("=")
        if not records.strip().isdecimal() or not int(records):
            raise UsageError(f"--model {text!r}: {entry!r} does not begin with a number of records of at least 1")
        if int(records) in points:
            raise UsageError(f"--model {text!r}: {int(records)} records are there twice")
        points[int(records)] = duration(time, f"--model {text!r}:")
    _require_bounds(text, points.values())
    if min(points.values()) <= 0:
        raise UsageError(f"--model {text!r} has a request that takes no time at all; it must be more than 0")
    return ServiceTime(tuple(sorted(points.items())), f"a table of {counted(len(points), 'size')}")


def _require_bounds(text: str, seconds: Any) -> None:
    if max(seconds) > MAX_SECONDS:
        raise UsageError(f"--model {text!r}: {max(seconds):g} s is over the {MAX_SECONDS:g} s that SageMaker allows")


def _from_report(path: Path) -> ServiceTime:
    """Return the least squares line through the requests of a run, each size weighted by its requests."""
    try:
        report = json.loads(path.read_bytes())
        by_records: Mapping[str, Any] = report["request_ms_by_records"]
        found = [(int(size), entry["mean"] / 1000, entry["requests"]) for size, entry in by_records.items()]
    except OSError as error:
        raise UsageError(f"--model {path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--model {path} is not a report.json of make demo: it has no request_ms_by_records"
        ) from error
    if not found:
        raise UsageError(f"--model {path}: the run sent no request")
    fixed, each = _line(found)
    return ServiceTime(((0, fixed), (1, fixed + each)), f"{_said(fixed, each)}, of {path.name}")


def _line(found: Sequence[tuple[int, float, int]]) -> tuple[float, float]:
    """Return the seconds of a request and of each record; neither is below zero."""
    total = sum(weight for _, _, weight in found)
    mean_size = sum(size * weight for size, _, weight in found) / total
    mean_time = sum(time * weight for _, time, weight in found) / total
    spread = sum(weight * (size - mean_size) ** 2 for size, _, weight in found)
    common = sum(weight * (size - mean_size) * (time - mean_time) for size, time, weight in found)
    each = max(0.0, common / spread) if spread else 0.0
    each = min(each, mean_time / max(1.0, mean_size))
    return max(0.0, mean_time - each * mean_size), each


def shown(seconds: float) -> str:
    """Return a duration as people say it."""
    if math.isinf(seconds):
        return "without end"
    if seconds < 1:
        return f"{digits(1000 * seconds, 4)} ms" if seconds >= NOTHING else "0 ms"
    if seconds < 120:
        return f"{digits(seconds, 4)} s"
    return f"{digits(seconds / 60)} minutes" if seconds < 7200 else f"{digits(seconds / 3600)} hours"


def digits(number: float, count: int = 3) -> str:
    """Return a number as people write it: all digits before the point, else so many, and never an exponent."""
    if not math.isfinite(number):
        return f"{number}"
    if abs(number) >= 10 ** (count - 1):
        return f"{number:,.0f}"
    return format(Decimal(f"{number:.{count}g}"), "f")


def counted(number: float, word: str) -> str:
    """Return a number with what it counts, three digits or all before the point."""
    return f"{digits(number)} {word}{'' if number == 1 else 's'}"


def rate_text(per_second: float) -> str:
    """Return messages a second: whole ones from 1,000 on, else four digits."""
    return digits(per_second, 4)
