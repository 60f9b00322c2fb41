"""Reads rate limits: of all accounts, or of one."""

from facelift.units import Rate

RATE_LIMIT = "FACELIFT_RATE_LIMIT"
OFF = "off"


def read_rate(text: str) -> Rate | None:
    """The rate in `text`; None for off.

    Raises:
        ValueError: it is no rate; says what would be valid.
    """
    if text.strip().lower() == OFF:
        return None
    try:
        return Rate.parse(text.strip())
    except ValueError as problem:
        raise ValueError(f"{problem}, or {OFF}") from None
