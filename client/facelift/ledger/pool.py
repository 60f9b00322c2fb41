"""What all workers share beside the jobs: settings, breaker, pauses, rates, heartbeats.

One method for each script in `lua/pool/`.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from facelift import status
from facelift.codes import OutcomeCode
from facelift.job import account_key
from facelift.ledger.encoding import flat
from facelift.ledger.replies import KeyVerdict, Lease
from facelift.ledger.scripts import Scripts
from facelift.units import Rate

_DAY = 86_400


class BreakerPolicy(NamedTuple):
    """When a circuit breaker opens, and how often it is probed.

    Attributes:
        after: seconds without a success.
        failures: in that time.
        chatbots: distinct ones among them.
        pause: seconds between two probes at first; later a tenth of the outage's length, at most
            30 seconds.
    """

    after: float = 5.0
    failures: int = 10
    chatbots: int = 5
    pause: float = 1.0


class Retention(NamedTuple):
    """Seconds for which the record of an ended job is kept, by its state.

    The defaults hold while no worker has registered; `lua/include/retention.lua` has the same.
    """

    succeeded: int = 7 * _DAY
    failed: int = 30 * _DAY
    superseded: int = 7 * _DAY
    cancelled: int = 7 * _DAY
    expired: int = 30 * _DAY


class Registration(NamedTuple):
    """A worker's settings for an account.

    Attributes:
        account: its name, as variables spell it.
        rate: how many requests it may make; None for any number.
        fingerprint: tells one API key from another without revealing it.
        others: fingerprints of its other API keys, which it uses if that one is refused.
    """

    account: str
    rate: Rate | None
    fingerprint: str
    others: tuple[str, ...] = ()


class Registered(NamedTuple):
    """What the ledger says to a worker that registered.

    Attributes:
        started: Unix seconds, by the ledger's clock; when the worker started.
        left: the accounts of which the worker has another API key than the one that works: it
            takes none of their jobs.
        differing: its settings that do not hold, since a worker that started later has others.
    """

    started: float
    left: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()


class Pool:
    """The shared state on one Redis; safe to share among threads."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def register(
        self,
        breaker: BreakerPolicy,
        accounts: Iterable[Registration],
        *,
        worker: str = "",
        stores: Iterable[str] = (),
        started: float | None = None,
        age: float = 0.0,
        webhooks: bool = False,
        retention: Retention | None = None,
        unknown_grace: float = 300.0,
        unsettled_for: float = 120.0,
    ) -> Registered:
        """Register what a worker can do, and its settings for the pool.

        The settings of the worker that started last hold, however often others repeat theirs. Of
        workers that started within a second, the first to register wins.

        An account that is paused because its key was refused resumes if this key is another.

        Args:
            breaker: when the circuit breaker opens.
            accounts: those whose API key the worker has.
            worker: its name; without it the ledger does not know who has which key.
            stores: names of the image stores that it knows; none for any.
            started: when it started, as the ledger said before; None for the first time.
            age: seconds since it started.
            webhooks: whether the worker sends webhooks for ended jobs.
            retention: how long records of ended jobs are kept; None changes nothing.
            unknown_grace: seconds that a job waits for a worker that has its account.
            unsettled_for: seconds after a request without an answer in which the endpoint may
                apply it; 0 for none.
        """
        settings: dict[str, str | float] = {"webhooks": "1" if webhooks else ""}
        settings |= {"unknown_grace": unknown_grace, "unsettled_for": unsettled_for}
        settings |= {f"breaker_{name}": value for name, value in breaker._asdict().items()}
        if retention:
            settings |= {f"keep_{state}": kept for state, kept in retention._asdict().items()}
            settings["keep_batch"] = max(retention)
        registered: list[str | float] = []
        for each in accounts:
            limit = (each.rate.requests, each.rate.seconds) if each.rate else (0, 0)
            registered += [each.account, *limit, " ".join((each.fingerprint, *each.others))]
        since = ("" if started is None else started, age)
        arguments = (worker, " ".join(stores), *since, len(settings), *flat(settings), *registered)
        began, left, differing = self._scripts.call("pool/register", *arguments)
        return Registered(float(began), tuple(left), tuple(differing))

    def heartbeat(self, report: "status.WorkerReport") -> int:
        """Report a worker's state; it is forgotten half a minute after its last heartbeat.

        Returns:
            The generation of the pool's settings; 0 before any worker registered.
        """
        names = ("host", "pid", "version", "slots", "busy", "stalled", "patience")
        fields = flat({name: getattr(report, name) for name in names})
        known = (report.name, status.REMEMBERED, report.age, report.poll_age)
        return int(self._scripts.call("pool/heartbeat", *known, *fields))

    def leave(self, worker: str) -> None:
        """Remove a worker that stops."""
        self._scripts.call("pool/heartbeat", worker, 0)

    def stopping(self, worker: str) -> None:
        """Note that a worker stops in good order: what it leaves behind is no job's fault."""
        self._scripts.call("pool/end_worker", worker, "stopping")

    def gone(self, worker: str) -> None:
        """Note that a worker's process has ended for certain; its leases end now."""
        self._scripts.call("pool/end_worker", worker, "gone")
        self.leave(worker)

    def report_failure(self, lease: Lease, code: OutcomeCode, sentence: str) -> bool:
        """Report that a job's request failed; returns whether it counts as an attempt.

        It does not while a circuit breaker is open: that is not the job's fault.
        """
        return bool(self._scripts.call("pool/report_failure", *lease, code, sentence))

    def report_refusal(
        self, lease: Lease, fingerprint: str, held: Sequence[str] = ()
    ) -> KeyVerdict:
        """Report that the endpoint refused the API key of a job's request (401).

        Args:
            lease: on the job.
            fingerprint: of the key.
            held: fingerprints of the keys that the worker has for the account by now.
        """
        arguments = (*lease, fingerprint, " ".join(held))
        return KeyVerdict(self._scripts.call("pool/report_refusal", *arguments))

    def pause(self, account: str | None, *, by: str, reason: str, until: float | None) -> bool:
        """Pause the jobs of an account, or all jobs; False if they were paused before.

        It replaces an earlier pause, whoever began that.

        Args:
            account: None for all.
            by: who pauses it.
            reason: why; may be empty.
            until: Unix seconds; None until somebody resumes it.
        """
        ends = "" if until is None else f"{until:.3f}"
        return bool(self._scripts.call("pool/pause", _key_part(account), by, reason, ends))

    def resume(self, account: str | None, *, by: str) -> bool:
        """End the pause of an account, or that of everything; False if there was none."""
        return bool(self._scripts.call("pool/resume", _key_part(account), by))

    def snapshot(self, events: int = 20) -> "status.PoolStatus":
        """The state of the pool, with its last events."""
        return status.PoolStatus.decode(json.loads(self._scripts.call("pool/snapshot", events)))


def _key_part(account: str | None) -> str:
    return "" if account is None else account_key(account)
