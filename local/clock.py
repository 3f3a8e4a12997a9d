"""The time as AWS writes it in its messages."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time in UTC, to the millisecond: `2026-01-31T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
