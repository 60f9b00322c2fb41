"""The operator's side: pause, resume, see how the pool stands.

An `UploadClient` can do all of this; what producers do is in `client.py`.
"""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

from facelift.errors import InvalidJob
from facelift.job import check_account, check_text, check_time

if TYPE_CHECKING:
    from datetime import datetime

    from facelift.ledger.pool import Pool
    from facelift.status.pool import PoolStatus

_NAME_LENGTH = 100
_REASON_LENGTH = 200
_EVENTS_KEPT = 200


class Operator:
    """Pauses and resumes, for all workers at once, and tells how the pool stands.

    Args:
        pool: what all workers share.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def pause(
        self,
        account: str | None = None,
        *,
        by: str | None = None,
        reason: str = "",
        until: float | datetime | None = None,
    ) -> bool:
        """Have the jobs of an account wait, or all jobs; uploads under way are finished.

        Args:
            account: whose jobs; None for everybody's.
            by: who wants it, at most 100 characters; by default this user at this host.
            reason: why, at most 200 characters; may be empty.
            until: Unix seconds or a time with its zone; None until somebody resumes it.

        Returns:
            Whether it is new; False if it was paused before, by whoever. It is paused by this now.

        Raises:
            InvalidJob: a field is not what it must be; nothing was paused.
            LedgerUnavailable, LedgerRefused: it may or may not be paused; ask again.
        """
        name = _account(account)
        who = _who(by)
        if reason != "":
            check_text("reason", reason, _REASON_LENGTH)
        end = check_time("until", until)
        if end is not None and end <= self.pool(events=1).at:
            raise InvalidJob("until", "must be in the future")
        return self._pool.pause(name, by=who, reason=reason, until=end)

    def resume(self, account: str | None = None, *, by: str | None = None) -> bool:
        """Let the jobs of an account go on, or end the pause of everything.

        That of an account may be an operator's, one that the endpoint asked for, or one
        that began because the endpoint refused its API key.

        Args:
            account: whose jobs; None to end the pause of everything, while accounts that are
                paused by themselves stay so.
            by: who wants it, at most 100 characters; by default this user at this host.

        Returns:
            Whether there was a pause to end.

        Raises:
            InvalidJob: a field is not what it must be; nothing was resumed.
            LedgerUnavailable, LedgerRefused: it may or may not be resumed; ask again.
        """
        return self._pool.resume(_account(account), by=_who(by))

    def pool(self, events: int = 20) -> PoolStatus:
        """How the pool stands: the breaker, pauses, the accounts, what happened lately.

        Args:
            events: how many of the last events, from 1 to 200.

        Raises:
            InvalidJob: `events` is none of these numbers.
            LedgerUnavailable, LedgerRefused: Redis cannot be reached, or said no.
        """
        if not 1 <= events <= _EVENTS_KEPT:
            raise InvalidJob("events", f"must be a whole number from 1 to {_EVENTS_KEPT}")
        return self._pool.snapshot(events)


def _account(account: str | None) -> str | None:
    return None if account is None else check_account(account)


def _who(by: str | None) -> str:
    return check_text("by", _user_at_host() if by is None else by, _NAME_LENGTH)


def _user_at_host() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
