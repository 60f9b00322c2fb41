"""The circuit breakers in plain Python: when they must be open, and when they may not be.

Written from the text of the design, not from the scripts. Where the text leaves a choice (for how
long a failure is remembered, say), the model says neither, and follows what the ledger did.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from facelift.status.pool import BreakerState

if TYPE_CHECKING:
    from facelift.record import JobRecord
    from facelift.status.pool import PoolStatus
    from tests.ledger.simulation import Simulation

FAILURES, CHATBOTS, QUIET, ACCOUNTS = 10, 5, 5.0, 3
_SURELY_REMEMBERED = 15.0  # seconds
_UNANSWERED = {
    OutcomeCode.CONNECTION_FAILED,
    OutcomeCode.CONNECTION_LOST,
    OutcomeCode.DNS_FAILED,
    OutcomeCode.TLS_FAILED,
}


@dataclass
class _Evidence:
    """Of one account: its last success, and what failed since."""

    succeeded: float = -math.inf
    failed: list[tuple[float, str, OutcomeCode]] = field(default_factory=list)

    def is_enough(self, now: float, codes: set[OutcomeCode], failures: int) -> bool:
        """Whether so many failures of enough chatbots lie within the time surely remembered."""
        fresh = [each for each in self.failed if each[0] > now - _SURELY_REMEMBERED]
        counted = [each for each in fresh if each[2] in codes]
        if not counted or now - max(self.succeeded, counted[0][0]) < QUIET:
            return False
        return len(counted) >= failures and len({each[1] for each in counted}) >= CHATBOTS

    def is_possible(self, now: float, failures: int) -> bool:
        """The same of all failures since the last success, whatever they were."""
        distinct = {each[1] for each in self.failed}
        return (
            now - self.succeeded >= QUIET
            and len(self.failed) >= failures
            and len(distinct) >= CHATBOTS
        )


@dataclass
class Breakers:
    """Follows a simulation's results, and compares after each.

    Attributes:
        simulation: whose hooks it takes.
        accounts: all that have jobs in it.
        problems: what the ledger did and the rules forbid, or the other way round.
        opened: how often a breaker opened; `endpoint` among the accounts' names.
    """

    simulation: Simulation
    accounts: tuple[str, ...]
    problems: list[str] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _known: dict[str, _Evidence] = field(default_factory=lambda: defaultdict(_Evidence))
    _open: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.simulation.on_delivered = self._delivered
        self.simulation.on_failed = self._failed

    def _delivered(self, record: JobRecord) -> None:
        self._known[record.account] = _Evidence(succeeded=self.simulation.second)
        still = self._look() & {record.account, "endpoint"}
        self._expect(not still, f"a success of {record.account} left open: {still}")

    def _failed(self, record: JobRecord, code: OutcomeCode, counts: bool) -> None:  # noqa: FBT001 - a hook's
        now, account, before = self.simulation.second, record.account, set(self._open)
        known = self._known[account]
        known.failed.append((now, record.chatbot_id, code))
        after = self._look()
        is_shut = bool(before & {account, "endpoint"})
        self._expect(before <= after, f"a failure of {account} closed {before - after}")
        self._expect(
            after - before <= {account, "endpoint"},
            f"a failure of {account} opened {after - before}",
        )
        self._expect(not (is_shut and counts), f"a failure of {account} counts, which is open")
        self._expect(is_shut or counts or after > before, f"one of {account} does not count")
        if account in after - before:
            self._expect(known.is_possible(now, FAILURES), f"{account} opened: {known}")
        elif not is_shut and "endpoint" not in after:
            answered = set(OutcomeCode) - _UNANSWERED
            self._expect(
                not known.is_enough(now, answered, FAILURES), f"{account} did not open: {known}"
            )
        # What a probe of an account's own breaker meets need not open the endpoint's.
        must_tell = not is_shut and code in _UNANSWERED
        self._judge_endpoint(now, before, after, must_tell=must_tell)

    def _judge_endpoint(
        self, now: float, before: set[str], after: set[str], *, must_tell: bool
    ) -> None:
        everybody = list(self._known.values())
        all_of_it = _Evidence(
            max(each.succeeded for each in everybody),
            sorted(failure for each in everybody for failure in each.failed),
        )
        all_of_it.failed = [each for each in all_of_it.failed if each[0] >= all_of_it.succeeded]
        many = after & set(self.accounts)
        is_most = len(many) >= ACCOUNTS and 2 * len(many) > len(self.accounts)
        is_quiet = now - all_of_it.succeeded >= QUIET
        silent = all_of_it.is_enough(now, _UNANSWERED, CHATBOTS)
        if "endpoint" in after - before:
            unanswered = {each[1] for each in all_of_it.failed if each[2] in _UNANSWERED}
            is_possible = len(many) >= ACCOUNTS or len(unanswered) >= CHATBOTS
            self._expect(is_quiet and is_possible, f"the endpoint opened: {all_of_it}, {many}")
        elif "endpoint" not in after:
            self._expect(not (must_tell and silent), f"the endpoint did not open: {all_of_it}")
            is_new = bool(many - before)
            self._expect(
                not (is_most and is_quiet and is_new), f"the endpoint did not open: {many} did"
            )

    def _look(self) -> set[str]:
        found = open_breakers(self.simulation.ledger.store.pool.snapshot())
        for name in found - self._open:
            self.opened[name] += 1
        self._open = found
        return found

    def _expect(self, holds: bool, problem: str) -> None:  # noqa: FBT001 - as an assertion's
        if not holds:
            self.problems.append(f"{self.simulation.second:.2f} s: {problem}")


def open_breakers(status: PoolStatus) -> set[str]:
    """The accounts whose breaker is not closed; `endpoint` if its own is not."""
    found = {each.name for each in status.accounts if each.breaker is not BreakerState.CLOSED}
    return found | ({"endpoint"} if status.breaker is not BreakerState.CLOSED else set())


def most_probes(seconds: float) -> float:
    """How many requests an outage that is so old may have had, after its breaker opened.

    One every max(1 s, a tenth of the age), at most 30 s apart, and of fresh arrivals three at
    the start and one every max(3 s, a tenth of the age).
    """
    return 1 + _integrate(seconds, 1, 30) + 3 + _integrate(seconds, 3, math.inf)


def _integrate(seconds: float, shortest: float, longest: float, step: float = 0.05) -> float:
    ages = (step * number for number in range(int(seconds / step)))
    return sum(step / min(longest, max(shortest, age / 10)) for age in ages)
