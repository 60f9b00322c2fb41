"""A pool of workers in simulated time: the real scripts, a clock that jumps, a made-up endpoint.

A run of minutes takes seconds: whatever happens is an event, and between two events no time
passes. Workers do as the real ones do: they take a message when a slot is free, acquire the job's
lease, read its image, acquire a permit, send their request, and record what came of it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from facelift.codes import Decision, JobState, OutcomeCode, WaitReason
from facelift.job import UploadJob
from facelift.ledger.replies import Acquired, Feedback, Lease, Permit, Quota
from facelift.retry import GiveUp, RetryPolicy, decide
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport

if TYPE_CHECKING:
    from facelift.record import JobRecord
    from tests.ledger.driver import Ledger

_LONGEST_PAUSE = 0.5  # between two runs of the schedule
_COUNTED_WITHIN = 1.0  # seconds from a permit; the scripts rely on it
_FRESH = 0.5  # seconds after which a worker acquires a permit anew
_HELD = 60.0  # seconds of a lease: nobody has to renew it
_NO_ANSWER = 1e9


class Answer(NamedTuple):
    """What the endpoint makes of a request.

    Attributes:
        code: `delivered`, or what went wrong.
        seconds: until the worker knows it.
    """

    code: OutcomeCode = OutcomeCode.DELIVERED
    seconds: float = 0.05

    @property
    def status(self) -> int | None:
        """Of HTTP; None without an answer."""
        known = {OutcomeCode.DELIVERED: 200, OutcomeCode.SERVER_ERROR: 500}
        return known.get(self.code)


FINE = Answer()
BROKEN = Answer(OutcomeCode.SERVER_ERROR)
SILENT = Answer(OutcomeCode.TIMEOUT, _NO_ANSWER)
REFUSED = Answer(OutcomeCode.CONNECTION_FAILED, 0.001)

Endpoint = Callable[[str, float, Random], Answer]
"""Answers a chatbot's upload at some second of the run."""


@dataclass(frozen=True)
class Request:
    """An upload.

    Attributes:
        chatbot: whose.
        account: whose key.
        failures: of this chatbot in a row before it.
        permitted: Unix seconds of its permit.
        counted: Unix seconds at which the endpoint counted it.
        ended: Unix seconds of its answer, or of the end of the worker's patience.
        code: what came of it.
    """

    chatbot: str
    account: str
    failures: int
    permitted: float
    counted: float
    ended: float
    code: OutcomeCode


@dataclass
class Simulation:
    """Workers and a scheduler.

    Attributes:
        ledger: its clock is moved by the simulation.
        rng: chance.
        endpoint: what becomes of a request.
        slots: requests at once, of all workers together.
        workers: how many share the slots.
        busy: seconds from a message to the permit, at most.
        stall: seconds from the permit to the request, at most.
        longest: seconds that a request may take.
        policy: of backoff and attempts.
        on_delivered: called with each job whose image arrived, as it was acquired.
        on_failed: called with each other one, why, and whether that used up an attempt.
        requests: all, in order.
        delivered: second of the run at which a chatbot's image arrived.
        enqueued: second of the run at which a chatbot's job was enqueued.
        jobs: the id of a chatbot's newest job.
        counted: failures that used up an attempt.
        failed: codes of the jobs that failed for good, by chatbot.
        longest_queue: messages on the queue at once.
    """

    ledger: Ledger
    rng: Random
    endpoint: Endpoint = lambda _chatbot, _second, _rng: FINE
    slots: int = 200
    workers: int = 2
    busy: float = 0.02
    stall: float = 0.0
    longest: float = 30.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    on_delivered: Callable[[JobRecord], object] = lambda _record: None
    on_failed: Callable[[JobRecord, OutcomeCode, bool], object] = lambda *_: None
    requests: list[Request] = field(default_factory=list)
    delivered: dict[str, float] = field(default_factory=dict)
    enqueued: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    counted: int = 0
    failed: dict[str, OutcomeCode] = field(default_factory=dict)
    longest_queue: int = 0
    _free: int = field(init=False)
    _start: float = field(init=False)
    _in_a_row: dict[str, int] = field(default_factory=dict)
    _events: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self._free = self.slots
        self._start = self.ledger.now
        self._report()
        self._run_schedule()

    @property
    def second(self) -> float:
        """Of the run."""
        return self.ledger.now - self._start

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.ledger.now + seconds
        self._take_messages()
        while self._events and self._events[0][0] <= end:
            self.ledger.now, _, act = heapq.heappop(self._events)
            act()
            self._take_messages()
        self.ledger.now = end

    def at(self, second: float, act: Callable[[], object]) -> None:
        """Have something happen at a second of the run."""
        self._at(self._start + second, act)

    def enqueue(self, second: float, *chatbots: str, **fields: object) -> None:
        """Enqueue a job for each chatbot at a second of the run."""
        self.at(second, partial(self._enqueue, chatbots, fields))

    def delays(self, prefix: str) -> list[float]:
        """Seconds from enqueue to delivery of the chatbots whose names begin so, in order.

        One that was not delivered counts as infinitely late.
        """
        return [
            self.delivered.get(chatbot, float("inf")) - second
            for chatbot, second in self.enqueued.items()
            if chatbot.startswith(prefix)
        ]

    def _at(self, time: float, act: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, act))

    def _enqueue(self, chatbots: tuple[str, ...], fields: dict[str, object]) -> None:
        jobs = []
        for chatbot in chatbots:
            self._count += 1
            self.enqueued[chatbot] = self.second
            job = UploadJob(**{"chatbot_id": chatbot, "image": "media:a.png", **fields})  # type: ignore[arg-type]
            self.jobs[job.chatbot_id] = f"sim-{self._count}"
            jobs.append((job, self.jobs[job.chatbot_id]))
        for _ in self.ledger.store.enqueue_each(jobs, lifetime=86_400, idempotency_window=3600):
            pass

    def _report(self) -> None:
        for number in range(self.workers):
            name = f"worker-{number}"
            slots = self.slots // self.workers
            report = WorkerReport(name=name, host="h", pid=number, version="1", slots=slots)
            self.ledger.store.pool.heartbeat(report)
        self._at(self.ledger.now + HEARTBEAT_INTERVAL, self._report)

    def _run_schedule(self) -> None:
        due = self.ledger.store.run_schedule(200).next_due
        pause = _LONGEST_PAUSE if due is None else min(due, _LONGEST_PAUSE)
        self._at(self.ledger.now + max(pause, 0.001), self._run_schedule)

    def _take_messages(self) -> None:
        if not self._free:
            return
        messages = self.ledger.redis.rpop(self.ledger.store.keys.queue, self._free) or ()
        self.longest_queue = max(self.longest_queue, len(messages))
        for message in messages:
            self._free -= 1
            job = json.loads(message)["headers"]["id"]
            taken = self.ledger.now + self.rng.uniform(0, self.busy / 10)
            self._at(taken, partial(self._acquire, job))

    def _acquire(self, job: str) -> None:
        self._count += 1
        lease = Lease(job, f"token-{self._count}")
        match self.ledger.store.acquire(lease, _HELD, f"worker-{self._count % self.workers}"):
            case Acquired(record):
                ready = self.ledger.now + self.rng.uniform(0, self.busy)
                self._at(ready, partial(self._acquire_permit, lease, record))
            case _:
                self._free += 1

    def _acquire_permit(self, lease: Lease, record: JobRecord) -> None:
        permit = self.ledger.store.acquire_permit(lease, _HELD, self.longest)
        if not isinstance(permit, Permit):
            self._free += 1
            return
        send = partial(self._send, lease, record, permit, self.ledger.now)
        if self.stall:
            self._at(self.ledger.now + self.rng.uniform(0, self.stall), send)
        else:
            send()

    def _send(self, lease: Lease, record: JobRecord, permit: Permit, asked: float) -> None:
        if self.ledger.now - asked > _FRESH:
            self._acquire_permit(lease, record)
            return
        now, chatbot = self.ledger.now, record.chatbot_id
        answer = self.endpoint(chatbot, self.second, self.rng)
        limit = permit.seconds or self.longest
        if answer.seconds >= limit:
            answer = Answer(OutcomeCode.TIMEOUT, limit)
        ended = now + answer.seconds
        counted = self.rng.uniform(now, min(ended, asked + _COUNTED_WITHIN))
        in_a_row = self._in_a_row.get(chatbot, 0)
        self.requests.append(
            Request(chatbot, record.account, in_a_row, asked, counted, ended, answer.code)
        )
        self._at(ended, partial(self._end, lease, record, permit, answer))

    def _end(self, lease: Lease, record: JobRecord, permit: Permit, answer: Answer) -> None:
        self._free += 1
        is_delivered = answer.code is OutcomeCode.DELIVERED
        self._in_a_row[record.chatbot_id] = (
            0 if is_delivered else self._in_a_row.get(record.chatbot_id, 0) + 1
        )
        feedback = Feedback(permit, is_delivered, "", Quota())
        store, code, status = self.ledger.store, answer.code, answer.status
        if is_delivered:
            self.delivered[record.chatbot_id] = self.second
            attempt = self.ledger.attempt(code, status, Decision.SUCCEED)
            store.complete(lease, JobState.SUCCEEDED, code, "Done.", attempt, feedback=feedback)
            self.on_delivered(record)
            return
        counts = store.pool.report_failure(lease, code, f"It failed: {code}.")
        self.counted += counts
        self.on_failed(record, code, counts)
        match decide(self.policy, code, "No.", record.attempts_used + counts, self.rng):
            case GiveUp(final, sentence):
                attempt = self.ledger.attempt(code, status, Decision.FAIL)
                self.failed[record.chatbot_id] = final
                store.complete(lease, JobState.FAILED, final, sentence, attempt, feedback=feedback)
            case retry:
                until = round(self.ledger.now + retry.delay, 3)
                attempt = self.ledger.attempt(
                    code, status, Decision.RETRY, next_at=until, counted=counts
                )
                store.retry_later(lease, until, WaitReason.RETRY, "No.", attempt, feedback=feedback)
