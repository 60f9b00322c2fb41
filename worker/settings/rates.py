"""Reads the rate limits of single accounts: `FACELIFT_RATE_LIMIT_<ACCOUNT>`.

Accounts are spelled as in the variables of API keys. `FACELIFT_RATE_LIMIT` holds for all other
accounts.
"""

import re
from collections.abc import Container, Iterator, Mapping

from facelift.job import account_key
from facelift.units import Rate

RATE_LIMIT = "FACELIFT_RATE_LIMIT"
OFF = "off"

_BEFORE = f"{RATE_LIMIT}_"
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")


def is_rate_variable(name: str) -> bool:
    """Whether a variable is meant for the rate limit of one account."""
    return name.startswith(_BEFORE)


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


def read_rates(environ: Mapping[str, str]) -> tuple[dict[str, Rate | None], list[str]]:
    """The rates by normalised account, None for off, and the problems."""
    rates: dict[str, Rate | None] = {}
    variables: dict[str, str] = {}
    problems = []
    for name, account in _given(environ):
        if not _ACCOUNT.fullmatch(account):
            problems.append(f"{name} must end in an account's name: 1 to 40 of A-Z, 0-9 and _")
        elif other := variables.get(account):
            problems.append(f"{name} and {other} are for the same account; keep one")
        else:
            variables[account] = name
            try:
                rates[account] = read_rate(environ[name])
            except ValueError as problem:
                problems.append(f"{name} {problem}")
    return rates, problems


def rates_without_key(environ: Mapping[str, str], accounts: Container[str]) -> list[str]:
    """A warning for each rate of an account that is not in `accounts`, those with an API key."""
    return [
        f"{name} limits an account that has no API key"
        for name, account in _given(environ)
        if account not in accounts
    ]


def _given(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each variable that is set, and its account."""
    for name in sorted(filter(is_rate_variable, environ)):
        if environ[name].strip():
            yield name, account_key(name.removeprefix(_BEFORE))
