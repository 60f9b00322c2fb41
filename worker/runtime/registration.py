"""Registers what this worker can do, and its settings for the pool: rates, breaker, retention.

The settings of the worker that started last hold; one that differs says so in its log.
"""

import logging
import math
from collections.abc import Callable

from facelift.ledger.pool import BreakerPolicy, Pool, Registration, Retention
from worker.monitoring.logs import fields
from worker.runtime.accounts import Accounts
from worker.runtime.accounts_left import AccountsLeft
from worker.settings.model import Settings

log = logging.getLogger(__name__)

_INTERVAL = 60.0  # again, because a Redis that failed over may have lost the registration


class Registrar:
    """Registers this worker's settings, image stores and the fingerprints of its API keys.

    It does so at the start, every minute, and when an API key changes.

    Args:
        pool: where to register.
        accounts: of this worker, with their API keys.
        settings: of this worker.
        worker: its name.
        left: is told of which accounts other workers have the key that works.
        age: seconds since the worker started.
    """

    def __init__(
        self,
        pool: Pool,
        accounts: Accounts,
        settings: Settings,
        *,
        worker: str,
        left: AccountsLeft,
        age: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._worker = worker
        self._left = left
        self._accounts = accounts
        self._age = age
        self._started: float | None = None
        self._differing: tuple[str, ...] = ()
        self._stores = sorted(settings.image_stores)
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
        registered = self._pool.register(
            self._breaker,
            [self._registration(name) for name in self._accounts.names],
            worker=self._worker,
            stores=self._stores,
            started=self._started,
            age=self._age(),
            webhooks=self._has_webhooks,
            retention=self._retention,
            unknown_grace=self._unknown_grace,
            unsettled_for=self._unsettled_for,
        )
        self._started = registered.started
        self._left.replace(registered.left)
        self._compare(registered.differing)
        return _INTERVAL

    def _compare(self, differing: tuple[str, ...]) -> None:
        if differing == self._differing:
            return
        self._differing = differing
        if differing:
            log.warning(
                "this worker has other settings than the pool: those of the worker that started "
                "last hold",
                extra=fields(settings=", ".join(differing)),
            )
        else:
            log.info("this worker has the settings of the pool")

    def _registration(self, name: str) -> Registration:
        newest, *others = self._accounts.keys(name)
        return Registration(name, self._rate_for(name), newest, tuple(others))
