"""Tells the pool what this worker was set to: rates, breaker, which keys it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.ledger.pool import Registration

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.ledger.pool import BreakerPolicy, Pool, Retention
    from facelift.units import Rate
    from worker.runtime.accounts import Accounts

_AGAIN = 60.0  # a Redis that failed over may have forgotten it


class Registrar:
    """Registers this worker's accounts, at its start and when a key changes.

    Args:
        pool: where.
        breaker: when the endpoint counts as down.
        accounts: whose keys it has.
        rate_for: the rate of an account.
        webhooks: whether it sends webhooks.
        retention: how long records of ended jobs are kept.
    """

    def __init__(
        self,
        pool: Pool,
        breaker: BreakerPolicy,
        accounts: Accounts,
        rate_for: Callable[[str], Rate | None],
        *,
        webhooks: bool = False,
        retention: Retention | None = None,
    ) -> None:
        self._pool = pool
        self._breaker = breaker
        self._accounts = accounts
        self._rate_for = rate_for
        self._webhooks = webhooks
        self._retention = retention

    def run_once(self) -> float:
        """Tell; returns the seconds until the next time."""
        self._pool.register(
            self._breaker,
            [
                Registration(name, self._rate_for(name), self._accounts.fingerprint(name))
                for name in self._accounts.names
            ],
            webhooks=self._webhooks,
            retention=self._retention,
        )
        return _AGAIN
