"""Times, spans and counts as a person reads them. Times are Unix seconds, shown in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def date(time: float) -> str:
    """Day and time of day."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(time: float) -> str:
    """The time of day."""
    return f"{datetime.fromtimestamp(time, UTC):%H:%M:%S}"


def moment(time: float, today: float) -> str:
    """The time of day, with the day if that is another than of `today`."""
    return clock(time) if date(time)[:10] == date(today)[:10] else date(time)


def iso(time: float) -> str:
    """Day and time in ISO 8601, for a program."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def counted(count: int, what: str) -> str:
    """The number with its noun: `1 job`, `2 jobs`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def span(seconds: float) -> str:
    """A duration in two or three digits."""
    seconds = max(seconds, 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits then
