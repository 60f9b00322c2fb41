"""Reads the settings that an account may have of its own, such as `FACELIFT_RATE_LIMIT_<ACCOUNT>`.

Accounts are spelled as in the variables of API keys. The variable without an account holds for all
other accounts.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass

from facelift.job import account_key
from worker.settings.field_types import read_switch
from worker.settings.rates import RATE_LIMIT, read_rate

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class AccountSetting:
    """A setting that an account may have of its own.

    Attributes:
        variable: that holds for all accounts without one of their own.
        meaning: of the value, for a person.
        parse: the value in a text; raises `ValueError` with what would be valid.
    """

    variable: str
    meaning: str
    parse: Callable[[str], object]

    def is_variable(self, name: str) -> bool:
        """Whether a variable is meant for one account."""
        return name.startswith(f"{self.variable}_")

    def read(self, environ: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
        """The values by normalised account, and the problems."""
        values: dict[str, object] = {}
        variables: dict[str, str] = {}
        problems = []
        for name, account in self._given(environ):
            if not _ACCOUNT.fullmatch(account):
                problems.append(f"{name} must end in an account's name: 1 to 40 of A-Z, 0-9 and _")
            elif other := variables.get(account):
                problems.append(f"{name} and {other} are for the same account; keep one")
            else:
                variables[account] = name
                try:
                    values[account] = self.parse(environ[name].strip())
                except ValueError as problem:
                    problems.append(f"{name} {problem}")
        return values, problems

    def without_key(self, environ: Mapping[str, str], accounts: Container[str]) -> list[str]:
        """A warning for each account that is not in `accounts`, those with an API key."""
        return [
            f"{name} is for an account that has no API key"
            for name, account in self._given(environ)
            if account not in accounts
        ]

    def _given(self, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Each variable that is set, and its account."""
        for name in sorted(filter(self.is_variable, environ)):
            if environ[name].strip():
                yield name, account_key(name.removeprefix(f"{self.variable}_"))


ACCOUNT_STRIPS = AccountSetting(
    "FACELIFT_IMAGE_STRIP_METADATA",
    "whether images of one account that are not fitted lose their metadata",
    read_switch,
)
ACCOUNT_SETTINGS = {
    "account_rates": AccountSetting(RATE_LIMIT, "rate limit of one account", read_rate),
    "account_strips": ACCOUNT_STRIPS,
}
"""By the fields of `Settings` that hold them."""
