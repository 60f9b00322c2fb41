"""What a check of `facelift doctor` finds.

Other distributions add checks by the entry-point group `facelift.checks`: a function without
arguments that yields findings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether deliveries can rely on what was checked."""

    OK = "OK"
    WARN = "WARN"
    """It works now, but may fail."""
    FAIL = "FAIL"
    """Jobs are lost or not delivered."""
    SKIP = "SKIP"
    """It could not be checked here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: what was checked, in a word or two.
        verdict: whether deliveries can rely on it.
        message: the result in words.
        advice: what to do about it; empty if nothing.
    """

    check: str
    verdict: Verdict
    message: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """The same under the same names, ready for JSON."""
        return asdict(self)


def ok(check: str, message: str) -> Finding:
    """Make a finding that is `OK`."""
    return Finding(check, Verdict.OK, message)


def warn(check: str, message: str, advice: str) -> Finding:
    """Make a finding that is `WARN`."""
    return Finding(check, Verdict.WARN, message, advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """Make a finding that is `FAIL`."""
    return Finding(check, Verdict.FAIL, message, advice)


def skip(check: str, message: str, advice: str) -> Finding:
    """Make a finding that is `SKIP`."""
    return Finding(check, Verdict.SKIP, message, advice)
