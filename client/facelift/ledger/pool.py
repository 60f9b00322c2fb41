"""What all workers share beside the jobs: breaker, pauses, the accounts' rates.

One method a script, as in `store.py`; how it works is told in `lua/_pool.lua` and
`lua/_turns.lua`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facelift.job import account_key
from facelift.status.pool import PoolStatus
from facelift.status.worker import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facelift.ledger.scripts import Scripts
    from facelift.status.worker import WorkerReport
    from facelift.units import Rate


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When the endpoint counts as down.

    Attributes:
        failures: requests in a row that fail.
        share: of at least 20 requests within `window`, that fail.
        window: seconds.
        pause: seconds between tries while it is down.
    """

    failures: int = 10
    share: float = 0.5
    window: float = 30.0
    pause: float = 5.0


@dataclass(frozen=True, slots=True)
class Registration:
    """What a worker was set to for an account.

    Attributes:
        account: its name, as variables spell it.
        rate: how many requests it may make; None for any number.
        fingerprint: tells one API key from another, and gives nothing of it away.
    """

    account: str
    rate: Rate | None
    fingerprint: str


class Pool:
    """The pool's state on one Redis; safe to share among threads."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def register(
        self,
        breaker: BreakerPolicy,
        accounts: Iterable[Registration],
        *,
        webhooks: bool = False,
    ) -> None:
        """Tell what a worker was set to; the last to tell is believed.

        An account that is paused because its key was refused goes on if this key is another.

        Args:
            breaker: when the endpoint counts as down.
            accounts: those that it has a key of.
            webhooks: whether it tells somebody by HTTP of jobs that ended.
        """
        told: list[str | float] = []
        for each in accounts:
            limit = (each.rate.requests, each.rate.seconds) if each.rate else (0, 0)
            told += [each.account, *limit, each.fingerprint]
        policy = (breaker.failures, breaker.share, breaker.window, breaker.pause)
        self._scripts.call("register", *policy, "1" if webhooks else "", *told)

    def heartbeat(self, beat: WorkerReport) -> None:
        """Tell that a worker is there; forgotten by itself half a minute after the last time."""
        fields = {name: getattr(beat, name) for name in ("host", "pid", "version", "slots", "busy")}
        flat = (part for pair in fields.items() for part in pair)
        self._scripts.call("heartbeat", beat.name, REMEMBERED, beat.age, beat.poll_age, *flat)

    def leave(self, worker: str) -> None:
        """Tell that a worker is there no more."""
        self._scripts.call("heartbeat", worker, 0)

    def report_failure(self, job_id: str, sentence: str) -> bool:
        """The endpoint failed the job's request; returns whether that counts as an attempt.

        It does not while the endpoint counts as down: that is not the job's fault.
        """
        return bool(self._scripts.call("report_failure", job_id, sentence))

    def pause(self, account: str | None, *, by: str, reason: str, until: float | None) -> bool:
        """Have the jobs of an account wait, or all; False if they did before.

        It takes the place of a pause that there is, whoever began that.

        Args:
            account: None for everything.
            by: who wants it.
            reason: why; may be empty.
            until: Unix seconds; None until somebody ends it.
        """
        return bool(
            self._scripts.call(
                "pause", _spelt(account), by, reason, "" if until is None else f"{until:.3f}"
            )
        )

    def resume(self, account: str | None, *, by: str) -> bool:
        """End the pause of an account, or that of everything; False if there was none."""
        return bool(self._scripts.call("resume", _spelt(account), by))

    def snapshot(self, events: int = 20) -> PoolStatus:
        """How the pool stands, with what happened lately."""
        return PoolStatus.decode(json.loads(self._scripts.call("snapshot", events)))


def _spelt(account: str | None) -> str:
    return "" if account is None else account_key(account)
