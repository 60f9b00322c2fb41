"""What a check of `facelift doctor` finds.

Other distributions add checks by the entry-point group `facelift.checks`: a function without
arguments that yields findings.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial


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
    verdict: Verdict = field(kw_only=True)
    message: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """The same under the same names, ready for JSON."""
        return asdict(self)


ok = partial(Finding, verdict=Verdict.OK)
warn = partial(Finding, verdict=Verdict.WARN)
fail = partial(Finding, verdict=Verdict.FAIL)
skip = partial(Finding, verdict=Verdict.SKIP)
