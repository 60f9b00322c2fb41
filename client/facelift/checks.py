"""Checks of what callers give. Each returns the value as it is kept, or raises `InvalidJob`."""

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from facelift.errors import InvalidJob
from facelift.text import is_blank, is_hidden
from facelift.units import show_duration

Id = str | UUID
"""A name that a caller chose; of a UUID its text counts."""
Moment = float | datetime | timedelta
"""A time: Unix seconds, a datetime with a time zone, or a timedelta from now."""
Duration = float | timedelta
"""A span of time; a number counts seconds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FIRST_SECONDS = 1e9  # the year 2001; a smaller number is a span by mistake
_LAST_SECONDS = 1e11  # the year 5138; a larger number is milliseconds by mistake
_SHOWN = 80


class FromNow(float):
    """Unix seconds that were given as a span from now: the same call gives others later."""


def check_text(field: str, value: object, longest: int) -> str:
    """Return `value` if it is a non-blank line of text, of up to `longest` characters."""
    if not isinstance(value, str):
        raise InvalidJob(field, f"must be text, not {type(value).__name__}")
    if all(map(is_blank, value)):
        raise InvalidJob(field, "must not be blank")
    if len(value) > longest:
        raise InvalidJob(field, f"is {len(value)} characters long; at most {longest} are allowed")
    if not value.isprintable() and any(map(is_hidden, value)):
        raise InvalidJob(
            field,
            f"must hold no control characters, and none that are not seen or turn the direction "
            f"of writing: {shown(value)}",
        )
    return value


def check_id(field: str, value: object, longest: int) -> str:
    """Return a UUID's text, or such text with no blank of any kind at its beginning or end."""
    text = check_text(field, as_text(value), longest)
    if is_blank(text[0]) or is_blank(text[-1]):
        raise InvalidJob(field, f"must not begin or end with a blank: {shown(text)}")
    return text


def check_name(field: str, value: object, example: str) -> str:
    """Return a UUID's text, or text that is safe in keys and shells."""
    text = as_text(value)
    if isinstance(text, str) and _NAME.fullmatch(text):
        return text
    raise InvalidJob(
        field,
        f"must be 1 to 64 of letters, digits, _ and -, such as {example}, not {shown(value)}",
    )


def check_time(
    field: str, value: object, *, now: Callable[[], float] = time.time, ago: bool = False
) -> float | None:
    """Return a time as Unix seconds.

    Args:
        field: what it is.
        value: a `Moment`, or None.
        now: Unix seconds.
        ago: whether a timedelta counts back from now.
    """
    if value is None:
        return None
    where = "before" if ago else "from"
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise InvalidJob(field, f"must be a timedelta {where} now, not a negative one")
        seconds = -value.total_seconds() if ago else value.total_seconds()
        if not 0 < now() + seconds < _LAST_SECONDS:
            raise InvalidJob(field, f"must not be {value.days} days {where} now")
        return FromNow(round(now() + seconds, 3))
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidJob(field, "needs a time zone, such as datetime.now(timezone.utc)")
        value = _timestamp(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidJob(
            field,
            f"must be Unix seconds, a datetime or a timedelta {where} now, "
            f"not {type(value).__name__}",
        )
    elif 0 < value < _FIRST_SECONDS:
        year = datetime.fromtimestamp(value, UTC).year
        raise InvalidJob(
            field,
            f"must be Unix seconds, and {value:g} is in {year}; for {value:g} seconds {where} "
            f"now give timedelta(seconds={value:g})",
        )
    if not _FIRST_SECONDS <= value < _LAST_SECONDS:
        raise InvalidJob(field, "must be Unix seconds (not milliseconds), from 2001 to 5138")
    return value if isinstance(value, FromNow) else round(float(value), 3)  # as records hold it


def check_duration(field: str, value: object, shortest: float, longest: float) -> float:
    """Return a span of time within bounds, in seconds."""
    seconds = _seconds(value)
    if seconds is None or not shortest <= seconds <= longest:
        raise InvalidJob(
            field,
            f"must be seconds or a timedelta, from {show_duration(shortest)} to "
            f"{show_duration(longest)}, not {shown(value)}",
        )
    return seconds


def check_timeout(field: str, value: object) -> float:
    """Return the seconds to wait at most; infinity for None."""
    seconds = math.inf if value is None else _seconds(value)
    if seconds is None or not seconds >= 0:  # also if it is not a number
        raise InvalidJob(
            field,
            f"must be seconds or a timedelta, not below 0; None for no limit, not {shown(value)}",
        )
    return seconds


def check_limit(field: str, limit: object, most: int) -> int:
    """Return `limit` if it is from 1 to `most`."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
        raise InvalidJob(field, f"must be a whole number from 1 to {most}")
    return limit


def as_text(value: object) -> object:
    """A UUID's text; anything else as it is."""
    return str(value) if isinstance(value, UUID) else value


def shown(value: object) -> str:
    """A value in an error: what fits into a line."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _timestamp(at: datetime) -> float:
    try:
        return at.timestamp()
    except (OverflowError, ValueError):  # at the calendar's ends, in some zones
        return math.nan


def _seconds(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
