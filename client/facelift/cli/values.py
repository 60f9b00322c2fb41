"""Reads the values of options: times, durations, rates."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from facelift.units import parse_duration, show_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


def value(name: str, read: Callable[[str], _T]) -> Callable[[str], _T]:
    """The type of an option whose value a function reads from text.

    Args:
        name: the kind of value, for the help.
        read: raises ValueError with what is wrong, in words that follow the text.
    """

    def convert(text: str) -> _T:
        try:
            return read(text)
        except ValueError as problem:
            raise click.BadParameter(f"{text!r} {problem}") from None

    convert.__name__ = name
    return convert


def read_moment_or_ago(text: str) -> float:
    """Read a time, or a duration before now, as Unix seconds.

    Raises:
        ValueError: it is neither, in words that follow the text.
    """
    ago = None if _is_number(text) else parse_duration(text)
    if ago is not None:
        return time.time() - ago
    return read_moment(text, "a duration such as 2h, nor Unix seconds,")


def duration_within(shortest: float, longest: float) -> Callable[[str], float]:
    """A duration within bounds; all in seconds."""

    def read(text: str) -> float:
        seconds = parse_duration(text)
        if seconds is None or not shortest <= seconds <= longest:
            raise ValueError(
                f"is no duration from {show_duration(shortest)} to {show_duration(longest)}, "
                "such as 30min"
            )
        return seconds

    return value("duration", read)


def read_moment(text: str, others: str = "Unix seconds") -> float:
    """Read a time as Unix seconds: a number of them, or date and time in UTC or its own zone.

    Raises:
        ValueError: it is neither; `others` says what else would be.
    """
    if _is_number(text):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is neither {others} nor a time such as 2026-01-31T18:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
