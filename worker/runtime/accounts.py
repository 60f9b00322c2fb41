"""The API keys that each account has at this moment, and the order to try them in.

Secret files are read anew while the worker runs. After a change the key before
stays a fallback for a while, for the endpoint may learn of the new one later
than we do, or sooner. No key is in anything that is logged, raised or shown.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from facelift.job import account_key
from worker.monitoring.logs import fields
from worker.settings.api_keys import read_key_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from worker.settings.api_keys import AccountKeys

log = logging.getLogger(__name__)

_LOOK = 2.0
_REFUSED_FOR = 30.0
_FINGERPRINT = b"facelift fingerprint of an API key\0"
_DIGITS = 12


class Accounts:
    """The accounts of a worker and their keys; any number of threads may use it.

    Accounts may be written as jobs have them: `account_key` is applied here.

    Args:
        given: the keys by normalised account, as read at the start.
        grace: seconds for which the key before is a fallback, from when this
            process first saw it as that.
        on_change: called by `run_once` with each account whose keys have changed. If it
            raises, the next round calls it again.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        given: Mapping[str, AccountKeys],
        *,
        grace: float,
        on_change: Callable[[str], object] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change = on_change
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._accounts = {
            account: _Account(each, grace, monotonic()) for account, each in given.items()
        }
        self._untold: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The normalised accounts, in order."""
        return tuple(sorted(self._accounts))

    def keys(self, account: str) -> tuple[str, ...]:
        """The keys to try, in this order; none if there is no such account."""
        if (found := self._accounts.get(account_key(account))) is None:
            return ()
        with self._lock:
            return found.order(self._monotonic())

    def refused(self, account: str, key: str) -> None:
        """The endpoint did not know `key` (401): for 30 s it comes last."""
        if found := self._accounts.get(account_key(account)):
            with self._lock:
                found.refuse(key, self._monotonic())

    def refresh(self, account: str) -> bool:
        """Read the account's secret file now, if it may have changed since.

        Returns:
            Whether its keys have changed. If another thread was here first, they
            have changed already, which `keys` tells. `run_once` calls `on_change`.
        """
        name = account_key(account)
        return name in self._accounts and self._read(name, if_touched=True)

    def fingerprint(self, account: str) -> str:
        """12 hex digits that change with the newest key; empty if there is no such account.

        By them all workers can tell that a key is another one without any of them
        telling the key. They are the first 48 bits of the SHA-256 of a fixed prefix,
        which no one has tables for, and the key. SHA-256 cannot be undone. What is
        left is to try keys until one fits, which for a key made at random takes
        longer than anyone has, and 48 bits would fit countless others as well.
        """
        if (found := self._accounts.get(account_key(account))) is None:
            return ""
        with self._lock:
            return found.fingerprint

    def run_once(self) -> float:
        """Read all secret files, tell of changes; returns the seconds until the next round.

        What the files hold is compared, not only when they were written: Kubernetes
        swaps a link to a folder, and the file there may be as old as the one before.
        A file that cannot be read, or holds no key, leaves the last good keys as they are.
        """
        for account in self._accounts:
            self._read(account)
        with self._lock:
            untold = sorted(self._untold)
        for account in untold:
            self._tell(account)
        return _LOOK

    def _tell(self, account: str) -> None:
        with self._lock:
            self._untold.discard(account)  # before, for it may change again meanwhile
        try:
            self._on_change(account)
        except BaseException:
            with self._lock:
                self._untold.add(account)
            raise

    def _read(self, name: str, *, if_touched: bool = False) -> bool:
        account = self._accounts[name]
        if account.file is None:
            return False
        with account.reading:  # apart from the other lock: a file may hang
            mark = _mark(account.file)
            if if_touched and mark is not None and mark == account.mark:
                return False
            try:
                keys = read_key_file(account.file)
            except ValueError as problem:
                account.mark = None
                if not account.broken:
                    log.warning("%s %s; its last good key stays", account.variable, problem)
                account.broken = True
                return False
            account.mark = mark
            if account.broken:
                log.info("%s is as it must be again", account.variable)
            account.broken = False
            with self._lock:
                changed = account.become(keys, self._monotonic())
                if changed:
                    self._untold.add(name)
        if changed:
            log.info("keys changed", extra=fields(account=name, variable=account.variable))
        return changed


class _Account:
    """One account's keys.

    Attributes:
        variable: the one that told them.
        file: the secret file, if they come from one.
        keys: as last told: the newest, then perhaps the one before.
        fingerprint: of the newest.
        mark: what the file system said of the file before it was last read.
        broken: whether the file could not be read, or held no key, when last tried.
        reading: held by the thread that reads the file.
    """

    __slots__ = (
        "_fallback",
        "_fallback_until",
        "_grace",
        "_refused_at",
        "broken",
        "file",
        "fingerprint",
        "keys",
        "mark",
        "reading",
        "variable",
    )

    def __init__(self, given: AccountKeys, grace: float, now: float) -> None:
        self.variable = given.variable
        self.file: Path | None = given.file
        self.keys = given.keys
        self.fingerprint = _fingerprint(self.keys[0])
        self.mark: tuple[int, ...] | None = None
        self.broken = False
        self.reading = threading.Lock()
        self._grace = grace
        self._fallback = given.keys[1] if len(given.keys) > 1 else None
        self._fallback_until = now + grace
        self._refused_at: dict[SecretStr, float] = {}

    def order(self, now: float) -> tuple[str, ...]:
        """The keys to try, in this order."""
        refused = {key: at for key, at in self._refused_at.items() if now - at < _REFUSED_FOR}
        in_order = sorted(self._usable(now), key=lambda key: refused.get(key, float("-inf")))
        return tuple(key.get_secret_value() for key in in_order)

    def refuse(self, key: str, now: float) -> None:
        """`key` was refused; nothing if it is no longer one of the keys."""
        for each in self._usable(now):
            if each.get_secret_value() == key:
                self._refused_at[each] = now

    def become(self, keys: tuple[SecretStr, ...], now: float) -> bool:
        """Take `keys` for those before; returns whether they are others."""
        if keys == self.keys:
            return False
        if len(keys) > 1:
            fallback: SecretStr | None = keys[1]
        else:  # taken out by hand if the newest is as before, else replaced
            fallback = None if keys[0] == self.keys[0] else self.keys[0]
        if fallback != self._fallback:
            self._fallback, self._fallback_until = fallback, now + self._grace
        self.keys = keys
        self.fingerprint = _fingerprint(keys[0])
        usable = self._usable(now)
        self._refused_at = {key: at for key, at in self._refused_at.items() if key in usable}
        return True

    def _usable(self, now: float) -> list[SecretStr]:
        if self._fallback is None or now >= self._fallback_until:
            return [self.keys[0]]
        return [self.keys[0], self._fallback]


def _fingerprint(key: SecretStr) -> str:
    digest = hashlib.sha256(_FINGERPRINT + key.get_secret_value().encode())
    return digest.hexdigest()[:_DIGITS]


def _mark(path: Path) -> tuple[int, ...] | None:
    """Changes when the file does; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
