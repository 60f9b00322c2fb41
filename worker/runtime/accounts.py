"""The API keys of each account now, known by their fingerprints.

Secret files are read again while the worker runs. After a rotation the previous key stays a
fallback for a while, because the endpoint may accept the new one later than this worker reads
it, or sooner. No key appears in anything that is logged, raised or shown.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from facelift.job import account_key
from worker.monitoring.logs import fields
from worker.settings.api_keys import AccountKeys, read_key_file

log = logging.getLogger(__name__)

_INTERVAL = 2.0
_FINGERPRINT = b"facelift fingerprint of an API key\0"
_DIGITS = 12


class Accounts:
    """The accounts of a worker and their keys; safe to share among threads.

    Account names may be written as jobs have them: they are normalised here.

    Args:
        given: the keys by normalised account, as read at the start.
        grace: seconds for which a previous key is a fallback, from when this process first saw
            it as that.
        on_change: called by `run_once` with each account whose keys changed. If it raises, the
            next round calls it again.
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
        self._changed: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The normalised accounts, in order."""
        return tuple(sorted(self._accounts))

    def keys(self, account: str) -> dict[str, str]:
        """The keys by their fingerprints, the newest first; none if there is no such account.

        Workers compare fingerprints to see that a key is another one, without sharing the key: the
        first 48 bits of the SHA-256 of a fixed prefix and the key. SHA-256 cannot be reversed,
        the prefix makes precomputed tables useless, and a random key is too long to guess.
        """
        if (found := self._accounts.get(account_key(account))) is None:
            return {}
        with self._lock:
            return found.usable(self._monotonic())

    def refresh(self, account: str) -> bool:
        """Read the account's secret file now.

        Returns:
            Whether this call changed the keys; another thread may have done so before.
        """
        name = account_key(account)
        return name in self._accounts and self._read(name)

    def run_once(self) -> float:
        """Read all secret files and notify of changes; returns the seconds until the next round.

        That a previous key is no fallback any more is a change too.

        The contents are compared, not only the file's times: Kubernetes replaces a symbolic link
        to a folder, and the new file may be as old as the previous one. A file that cannot be
        read, or holds no key, leaves the last good keys in use.
        """
        for account in self._accounts:
            self._read(account)
        with self._lock:
            now = self._monotonic()
            self._changed |= {name for name, it in self._accounts.items() if it.end_grace(now)}
            changed = sorted(self._changed)
        for account in changed:
            self._notify(account)
        return _INTERVAL

    def _notify(self, account: str) -> None:
        with self._lock:
            self._changed.discard(account)  # first: it may change again meanwhile
        try:
            self._on_change(account)
        except BaseException:
            with self._lock:
                self._changed.add(account)
            raise

    def _read(self, name: str) -> bool:
        account = self._accounts[name]
        if account.file is None:
            return False
        with account.reading:  # not the other lock: reading may hang
            try:
                keys = read_key_file(account.file)
            except ValueError as problem:
                if not account.broken:
                    log.warning("%s %s; its last good key stays in use", account.variable, problem)
                account.broken = True
                return False
            if account.broken:
                log.info("%s is valid again", account.variable)
            account.broken = False
            with self._lock:
                changed = account.replace(keys, self._monotonic())
                if changed:
                    self._changed.add(name)
        if changed:
            log.info("API keys changed", extra=fields(account=name, variable=account.variable))
        return changed


class _Account:
    """One account's keys.

    Attributes:
        variable: the setting that named them.
        file: the secret file, if they come from one.
        keys: the newest, then perhaps the previous one.
        broken: whether the file could not be read, or held no key, at the last attempt.
        reading: held by the thread that reads the file.
    """

    def __init__(self, given: AccountKeys, grace: float, now: float) -> None:
        self.variable = given.variable
        self.file = given.file
        self.keys = given.keys
        self.broken = False
        self.reading = threading.Lock()
        self._grace = grace
        self._fallback = given.keys[1] if len(given.keys) > 1 else None
        self._fallback_until = now + grace
        self._has_fallback = len(self.usable(now)) > 1

    def usable(self, now: float) -> dict[str, str]:
        """The keys to use by their fingerprints, the newest first."""
        usable = [self.keys[0]]
        if self._fallback is not None and now < self._fallback_until:
            usable.append(self._fallback)
        return {_fingerprint(key): key for key in (each.get_secret_value() for each in usable)}

    def end_grace(self, now: float) -> bool:
        """Whether the fallback's time is over, and was not when this was asked last."""
        had, self._has_fallback = self._has_fallback, len(self.usable(now)) > 1
        return had and not self._has_fallback

    def replace(self, keys: tuple[SecretStr, ...], now: float) -> bool:
        """Replace the keys by `keys`; returns whether they differ."""
        if keys == self.keys:
            return False
        if len(keys) > 1:
            fallback: SecretStr | None = keys[1]
        else:  # the same newest key: the previous one was removed by hand
            fallback = None if keys[0] == self.keys[0] else self.keys[0]
        if fallback != self._fallback:
            self._fallback, self._fallback_until = fallback, now + self._grace
        self.keys = keys
        return True


def _fingerprint(key: str) -> str:
    return hashlib.sha256(_FINGERPRINT + key.encode()).hexdigest()[:_DIGITS]
