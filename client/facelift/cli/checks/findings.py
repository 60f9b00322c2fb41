"""What a check of `facelift doctor` finds. Other packages' checks find the same.

A package that `tasks` may not import adds its checks by the entry point group
`facelift.checks`: a function without arguments that yields findings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it stands with what was checked."""

    OK = "OK"
    WARN = "WARN"
    """It works, but will not always."""
    FAIL = "FAIL"
    """Jobs are lost or not delivered."""
    SKIP = "SKIP"
    """It could not be checked here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        check: what was checked, in a word or two.
        verdict: how it stands.
        told: the same in words.
        advice: what to do about it; empty if nothing.
    """

    check: str
    verdict: Verdict
    told: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """The same under the same names, ready for JSON."""
        return asdict(self)


def ok(check: str, told: str) -> Finding:
    """It is well."""
    return Finding(check, Verdict.OK, told)


def warn(check: str, told: str, advice: str) -> Finding:
    """It works, but will not always."""
    return Finding(check, Verdict.WARN, told, advice)


def fail(check: str, told: str, advice: str) -> Finding:
    """Jobs are lost or not delivered."""
    return Finding(check, Verdict.FAIL, told, advice)


def skip(check: str, told: str, advice: str) -> Finding:
    """It could not be checked here."""
    return Finding(check, Verdict.SKIP, told, advice)
