"""Registers the settings that belong to the pool: rates, breaker, retention, webhooks."""

import math

from facelift.ledger.pool import BreakerPolicy, Pool, Registration, Retention
from worker.runtime.accounts import Accounts
from worker.runtime.accounts_left import AccountsLeft
from worker.settings.model import Settings

_INTERVAL = 60.0  # again, because a Redis that failed over may have lost the registration


class Registrar:
    """Registers this worker's settings and the fingerprints of its API keys.

    It does so at the start, every minute, and when an API key changes.

    Args:
        pool: where to register.
        accounts: of this worker, with their API keys.
        settings: of this worker.
        worker: its name.
        left: is told of which accounts other workers have the key that works.
    """

    def __init__(
        self,
        pool: Pool,
        accounts: Accounts,
        settings: Settings,
        *,
        worker: str,
        left: AccountsLeft,
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._left = left
        self._accounts = accounts
        self._rate_for = settings.rate_for
        self._has_webhooks = bool(settings.webhook_url)
        self._breaker = BreakerPolicy(
            after=settings.breaker_after,
            failures=settings.breaker_failures,
            chatbots=settings.breaker_chatbots,
            pause=settings.breaker_pause,
        )
        self._unknown_grace = settings.unknown_grace
        self._unsettled_for = settings.unsettled_for
        self._retention = Retention(
            succeeded=math.ceil(settings.keep_succeeded),
            failed=math.ceil(settings.keep_failed),
            superseded=math.ceil(settings.keep_superseded),
            cancelled=math.ceil(settings.keep_cancelled),
            expired=math.ceil(settings.keep_expired),
        )

    def run_once(self) -> float:
        """Register; returns the seconds until the next registration."""
        left = self._pool.register(
            self._breaker,
            [self._registration(name) for name in self._accounts.names],
            worker=self._worker,
            webhooks=self._has_webhooks,
            retention=self._retention,
            unknown_grace=self._unknown_grace,
            unsettled_for=self._unsettled_for,
        )
        self._left.replace(left)
        return _INTERVAL

    def _registration(self, name: str) -> Registration:
        newest, *others = self._accounts.keys(name)
        return Registration(name, self._rate_for(name), newest, tuple(others))
