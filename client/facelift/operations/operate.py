"""What operators do: pause and resume accounts, or everything; read the state of the pool."""

import os
import socket

from facelift import status  # noqa: TC001 - `get_type_hints` reads it
from facelift.checks import Moment, check_limit, check_text, check_time
from facelift.errors import InvalidJob
from facelift.job import account_key, check_account
from facelift.ledger.refused import KEPT
from facelift.operations.source import LedgerSource

_NAME_LENGTH = 100
_REASON_LENGTH = 200
_EVENTS_KEPT = 200
_NAMED = 20  # accounts in a message


class Operator:
    """Pauses and resumes, for all workers at once, and reads the state of the pool."""

    def __init__(self, source: LedgerSource) -> None:
        self._source = source

    def pause(
        self,
        account: str | None = None,
        *,
        by: str | None = None,
        reason: str = "",
        until: Moment | None = None,
    ) -> bool:
        """Have the jobs of an account wait, or all jobs; running uploads are finished.

        Args:
            account: whose jobs; None for everybody's.
            by: who pauses, at most 100 characters; by default this user at this host.
            reason: why, at most 200 characters; may be empty.
            until: a datetime with a time zone, a timedelta from now, or Unix seconds; None until
                somebody resumes it.

        Returns:
            True if it is a new pause; False if it replaces one, whoever began that.

        Raises:
            InvalidJob: an argument has a wrong value, or no worker has registered an API key of
                the account; nothing was paused.
            LedgerUnavailable, LedgerRefused: it may or may not be paused; pause it again.
        """
        name = account if account is None else check_account(account)
        who = _who(by)
        if reason != "":
            check_text("reason", reason, _REASON_LENGTH)
        end = check_time("until", until)
        pool = self.pool(events=1)
        if end is not None and end <= pool.at:
            raise InvalidJob("until", "must be in the future")
        if name is not None:
            _check_registered(name, pool)
        return self._source.ledger.pool.pause(name, by=who, reason=reason, until=end)

    def resume(self, account: str | None = None, *, by: str | None = None) -> bool:
        """End the pause of an account, or the pause of everything.

        An account may be paused by an operator, because the endpoint asked for a pause, or
        because the endpoint refused its API key.

        Args:
            account: whose pause; None for the pause of everything, which leaves the pauses of
                accounts as they are.
            by: who resumes, at most 100 characters; by default this user at this host.

        Returns:
            Whether there was a pause to end.

        Raises:
            InvalidJob: an argument has a wrong value; nothing was resumed.
            LedgerUnavailable, LedgerRefused: it may or may not be resumed; resume it again.
        """
        name = account if account is None else check_account(account)
        return self._source.ledger.pool.resume(name, by=_who(by))

    def pool(self, events: int = 20) -> "status.PoolStatus":
        """Read the state of the pool: breaker, pauses, accounts, workers, the latest events.

        Args:
            events: how many events at most, from 1 to 200.

        Raises:
            InvalidJob: `events` is out of bounds.
        """
        return self._source.ledger.pool.snapshot(check_limit("events", events, _EVENTS_KEPT))

    def server(self) -> "status.ServerStatus":
        """Read how Redis is set up, and whether it takes a test write.

        Raises:
            LedgerUnavailable: it cannot be reached, or takes no writes now.
            LedgerRefused: these credentials may not write or ask this.
        """
        return self._source.ledger.server()

    def refused_messages(self, limit: int = 20) -> "tuple[status.RefusedMessage, ...]":
        """Read the latest Celery messages that workers refused for their form, newest first.

        Args:
            limit: how many at most, from 1 to 1,000.

        Raises:
            InvalidJob: `limit` is out of bounds.
        """
        return self._source.ledger.refused.latest(check_limit("limit", limit, KEPT))

    def stray_lists(self) -> tuple[str, ...]:
        """The Redis lists that hold messages of `facelift.enqueue` and that no worker reads.

        Raises:
            LedgerRefused: these credentials may not list keys.
        """
        return self._source.ledger.refused.stray_lists()


def _check_registered(name: str, pool: "status.PoolStatus") -> None:
    """A pause of any other account would stay for ever, and hold nobody's jobs."""
    found = pool.account(name)
    if found is not None and found.is_registered:
        return
    import difflib  # noqa: PLC0415 - it is seldom needed, and slows every start

    known = [each.name for each in pool.accounts if each.is_registered]
    meant = difflib.get_close_matches(account_key(name), known, n=1, cutoff=0.6)
    hint = f"did you mean {meant[0]}? " if meant else ""
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    names = f"known are {', '.join(known[:_NAMED])}{more}" if known else "none is known yet"
    raise InvalidJob("account", f"no worker has an API key of {name}; {hint}{names}")


def _who(by: str | None) -> str:
    if by is not None:
        return check_text("by", by, _NAME_LENGTH)
    import getpass  # noqa: PLC0415 - as for difflib

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = f"uid-{os.getuid()}"
    return check_text("by", f"{user}@{socket.gethostname()}", _NAME_LENGTH)
