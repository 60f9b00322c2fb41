"""Workers with API keys, at an endpoint that accepts some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import Decision, OutcomeCode, WaitReason
from facelift.ledger.replies import Acquired, Feedback, KeyVerdict, Lease, Permit, Quota, Waiting
from facelift.status.worker import WorkerReport
from tests.ledger.driver import LEASE, REQUEST

if TYPE_CHECKING:
    from facelift.status.pool import AccountStatus
    from facelift.units import Rate
    from tests.ledger.driver import Ledger


class Worker:
    """One with its keys, the newest first."""

    def __init__(self, ledger: Ledger, name: str, *keys: str, rate: Rate | None = None) -> None:
        self.ledger = ledger
        self.rate = rate
        self.name = name
        self.hold(*keys)

    def hold(self, *keys: str) -> None:
        """Register these keys."""
        self.keys = keys
        self.others = self.ledger.register(
            self.rate, key=keys[0], others=keys[1:], worker=self.name
        ).left

    def beat(self) -> None:
        """Send a heartbeat."""
        report = WorkerReport(name=self.name, host="h", pid=1, version="1", slots=10)
        self.ledger.store.pool.heartbeat(report)

    def leave(self) -> None:
        self.ledger.store.pool.leave(self.name)

    def take(self, job: str) -> Lease | Waiting:
        """Acquire the job's lease."""
        lease = self.ledger.lease(job)
        reply = self.ledger.store.acquire(lease, LEASE, self.name)
        if isinstance(reply, Waiting):
            return reply
        assert isinstance(reply, Acquired), reply
        return lease

    def request(self, lease: Lease, number: int = 1, keys: tuple[str, ...] = ()) -> str | Waiting:
        """The key that a request is made with."""
        permit = self.ledger.store.acquire_permit(
            lease, LEASE, REQUEST, request=number, keys=keys or self.keys
        )
        assert isinstance(permit, (Permit, Waiting))
        return permit.fingerprint if isinstance(permit, Permit) else permit

    def refused(self, lease: Lease, key: str) -> KeyVerdict:
        """The endpoint refuses the key."""
        return self.ledger.store.pool.report_refusal(lease, key)

    def wait(self, lease: Lease, verdict: KeyVerdict = KeyVerdict.KEY) -> None:
        """The job waits after a refusal."""
        is_known = verdict is KeyVerdict.KEY
        attempt = self.ledger.attempt(OutcomeCode.UNAUTHORIZED, 401, Decision.RETRY, counted=False)
        reason = WaitReason.ACCOUNT_PAUSED if is_known else WaitReason.RETRY
        assert self.ledger.store.retry_later(
            lease, self.ledger.now + 1, reason, "No.", attempt, feedback=feedback("")
        )

    def deliver(self, lease: Lease, key: str) -> None:
        assert self.ledger.deliver(lease, feedback(key))

    def upload(self, endpoint: set[str], job: str) -> bool:
        """Whether the job was delivered to an endpoint that accepts these keys."""
        lease = self.take(job)
        if isinstance(lease, Waiting):
            return False
        key = self.request(lease)
        if isinstance(key, Waiting):
            return False
        if key in endpoint:
            self.deliver(lease, key)
            return True
        self.wait(lease, self.refused(lease, key))
        return False


def feedback(key: str) -> Feedback:
    return Feedback(Permit(), answered=True, fingerprint=key, quota=Quota())


def account(ledger: Ledger) -> AccountStatus:
    (found,) = ledger.store.pool.snapshot().accounts
    return found


def enqueue(ledger: Ledger, jobs: int, prefix: str = "bot") -> list[str]:
    return [ledger.enqueue(f"{prefix}-{number}") for number in range(jobs)]


def prove(worker: Worker, key: str) -> None:
    """An upload with the key succeeds."""
    lease = worker.take(worker.ledger.enqueue(f"proof-{key}"))
    assert isinstance(lease, Lease)
    assert worker.request(lease) == key
    worker.deliver(lease, key)
    worker.ledger.lose_messages()


def pending(ledger: Ledger) -> bool:
    """Whether a job has not ended."""
    counts = ledger.redis.hgetall(ledger.store.keys.counts)
    return any(int(jobs) > 0 for what, jobs in counts.items() if not what.startswith("ended:"))


def run(
    ledger: Ledger, endpoint: dict[str, int], *workers: Worker, seconds: float = 2.0
) -> list[str]:
    """Let workers take messages in turn, at an endpoint that counts the uploads it took by key.

    It ends once all jobs have. Returns the keys that the endpoint refused, one a request.
    """
    end, turn, refused = ledger.now + seconds, 0, list[str]()
    while ledger.now < end and pending(ledger):
        ledger.run_once(0.1)
        for worker in workers:
            worker.beat()
        for _ in range(min(8, ledger.messages())):
            worker = workers[turn % len(workers)]
            turn += 1
            lease = worker.take(ledger.take_message())
            if isinstance(lease, Waiting):
                continue
            key = worker.request(lease)
            if isinstance(key, Waiting):
                continue
            if key in endpoint:
                endpoint[key] += 1
                worker.deliver(lease, key)
            else:
                refused.append(key)
                worker.wait(lease, worker.refused(lease, key))
    return refused
