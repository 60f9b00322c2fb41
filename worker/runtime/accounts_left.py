"""Says in the log of which accounts this worker takes no jobs, since it has another API key.

Which of an account's keys works, the ledger knows.
"""

import logging
import threading
from collections.abc import Iterable

from facelift.job import account_key
from worker.monitoring.logs import fields

log = logging.getLogger(__name__)


class AccountsLeft:
    """The accounts that this worker leaves to others; safe to share among threads.

    Account names may be written as jobs have them.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._lock = threading.Lock()

    def add(self, account: str) -> None:
        """A job of the account was left to another worker."""
        with self._lock:
            is_new = account_key(account) not in self._names
            self._names.add(account_key(account))
        if is_new:
            self._warn(account_key(account))

    def replace(self, accounts: Iterable[str]) -> None:
        """These are all of them, as the ledger says."""
        with self._lock:
            before, self._names = self._names, set(accounts)
            after = frozenset(self._names)
        for name in sorted(after - before):
            self._warn(name)
        for name in sorted(before - after):
            log.info("this worker's API key is the one that works", extra=fields(account=name))

    def _warn(self, name: str) -> None:
        log.warning(
            "this worker has another API key than the one that works; it takes no jobs of the "
            "account",
            extra=fields(account=name),
        )
