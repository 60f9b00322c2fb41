"""Permits of a job's requests: acquired before each, and anew if one is old when it is used.

A request's place in its account's rate window assumes that the endpoint counts it within a second
of its permit. Connecting may take longer than that, and so may a machine that is short of CPU.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from facelift.ledger.replies import Ended, Permit, Waiting
from facelift.ledger.store import JobStore
from worker.delivery.run import Run
from worker.errors import LeaseLost
from worker.runtime.lease import LeaseKeeper

_FRESH = 0.5  # seconds; `counted_within` of include/rate.lua, less the way to the endpoint


class NotPermitted(Exception):  # noqa: N818 - an outcome, not a defect
    """The job may make no request now.

    Attributes:
        reply: what the ledger said, and did: the job waits, or has ended.
    """

    def __init__(self, reply: Waiting | Ended) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, kw_only=True)
class Permits:
    """Asks the ledger for permits; all threads of a worker share one.

    Attributes:
        store: the ledger.
        leases: of the jobs; the ledger renews a job's with its permit.
        longest_request: seconds that a request may take.
        monotonic: seconds that never go back.
    """

    store: JobStore
    leases: LeaseKeeper
    longest_request: float
    monotonic: Callable[[], float] = time.monotonic

    def acquire(self, run: Run, number: int, keys: Sequence[str]) -> "RequestPermit":
        """A permit for the first or second request under the job's lease.

        Args:
            run: the job.
            number: of the request, 1 or 2.
            keys: fingerprints of the API keys that it may be made with, the newest first.

        Raises:
            NotPermitted: the job waits, or has ended.
            LeaseLost: another worker runs it.
        """
        return RequestPermit(self, run, number, keys)

    def ask(self, run: Run, number: int, keys: Sequence[str]) -> Permit:
        """What the ledger grants; it keeps one permit for a request, however often it is asked.

        Raises:
            NotPermitted, LeaseLost: see `acquire`.
        """
        asked_at = self.monotonic()
        reply = self.store.acquire_permit(
            run.lease,
            self.leases.seconds,
            self.longest_request,
            request=number,
            sha256=run.image_sha256,
            settled=run.is_settled,
            keys=keys,
        )
        match reply:
            case Permit():
                self.leases.renewed(run.held, asked_at)
                return reply
            case Waiting() | Ended():
                raise NotPermitted(reply)
        raise LeaseLost


class RequestPermit:
    """The permit of one request.

    Attributes:
        fingerprint: of the API key to use.
        granted: what the ledger granted last.
    """

    def __init__(self, permits: Permits, run: Run, number: int, keys: Sequence[str]) -> None:
        self._permits = permits
        self._run = run
        self._number = number
        self._keys = keys
        self._sent = False
        self._acquire()
        self.fingerprint = self.granted.fingerprint

    def use(self) -> None:
        """Call it before the first byte of the request is sent, each time that it is sent.

        Raises:
            NotPermitted, LeaseLost: it must not be sent; see `Permits.acquire`.
        """
        if self._sent:
            self._run.is_settled = False
        has_rate = self.granted.left is not None
        if has_rate and self._permits.monotonic() - self._asked_at > _FRESH:
            self._acquire()
        self._sent = True

    def _acquire(self) -> None:
        self._asked_at = self._permits.monotonic()
        self.granted = self._permits.ask(self._run, self._number, self._keys)
