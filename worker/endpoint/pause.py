"""Reads rate-limit headers [V2]: what is left of the limit, how long a 429 asks to wait."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from facelift.ledger.replies import Quota

_DAY = 86_400.0
_MILLISECONDS_FROM = 1e11  # as seconds, the year 5138
_COUNT = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def read_quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """What the `X-RateLimit-*` headers say; None if none of them is valid.

    Args:
        headers: of any response.
        now: Unix seconds.
    """
    reset_after = _reset(headers.get("X-RateLimit-Reset", "").strip(), now)
    quota = Quota(
        # A limit of 0 would stop the account for good.
        limit=_count(headers.get("X-RateLimit-Limit", "")) or None,
        remaining=_count(headers.get("X-RateLimit-Remaining", "")),
        reset_after=None if reset_after is None or reset_after < 0 else min(reset_after, _DAY),
    )
    return None if quota == Quota() else quota


def requested_pause(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, a day at most; None if no header says so validly.

    `Retry-After` comes first: seconds, or an HTTP date. Then `X-RateLimit-Reset`: Unix
    seconds, or milliseconds; the vendor's documents disagree.

    Args:
        headers: the response's.
        now: Unix seconds.
    """
    pauses = (
        _retry_after(headers.get("Retry-After", "").strip(), now),
        _reset(headers.get("X-RateLimit-Reset", "").strip(), now),
    )
    return next((min(pause, _DAY) for pause in pauses if pause is not None and pause >= 0), None)


def _count(value: str) -> int | None:
    return int(value) if _COUNT.fullmatch(value.strip()) else None


def _retry_after(value: str, now: float) -> float | None:
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # it says -0000: in UTC, from somewhere
        date = date.replace(tzinfo=UTC)
    return date.timestamp() - now


def _reset(value: str, now: float) -> float | None:
    if not _NUMBER.fullmatch(value):
        return None
    at = float(value)
    return (at / 1000 if at > _MILLISECONDS_FROM else at) - now
