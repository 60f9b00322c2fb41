"""Workers that are killed, in simulated time: the real scripts, and jobs that end their worker.

Each worker process has slots of its own and a name of its own. When it is killed, what it runs
stays with it; a new process takes its place some seconds later.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from facelift.codes import Decision, JobState, OutcomeCode
from facelift.ledger.replies import Acquired, Feedback, Lease, Permit, Quota
from facelift.status.worker import HEARTBEAT_INTERVAL, WorkerReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from facelift.record import JobRecord
    from tests.ledger.driver import Ledger

LEASE = 15.0
_SCHEDULE = 0.5  # seconds between two runs of the schedule
_STAGE = 0.02  # seconds that it takes to read and judge an image


@dataclass
class Process:
    """A worker process."""

    name: str
    free: int
    leases: dict[str, Lease] = field(default_factory=dict)
    is_alive: bool = True


@dataclass
class LostWorkers:
    """A pool whose workers die.

    Attributes:
        ledger: its clock is moved by the simulation.
        rng: chance.
        processes: worker processes.
        slots: of each.
        upload: seconds that a request takes.
        poison: chatbots whose job ends its worker, and the stage at which it does so: `read`,
            `judge` or `send`.
        is_supervised: whether a supervisor reports the end of a process at once.
        restart: seconds until another process takes the place.
        delivered: second of the run at which a chatbot's image arrived.
        jobs: the id of each chatbot's job.
        losses: processes that died.
    """

    ledger: Ledger
    rng: Random
    processes: int = 2
    slots: int = 100
    upload: float = 0.1
    poison: dict[str, str] = field(default_factory=dict)
    is_supervised: bool = True
    restart: float = 2.0
    delivered: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    losses: int = 0
    _pool: list[Process] = field(default_factory=list)
    _events: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _count: int = 0
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.ledger.now
        self.ledger.register(None)
        for _ in range(self.processes):
            self._start_process()
        self._run_schedule()

    @property
    def second(self) -> float:
        """Of the run."""
        return self.ledger.now - self._start

    def enqueue(self, *chatbots: str) -> None:
        """Enqueue a job for each chatbot now."""
        for chatbot in chatbots:
            self.jobs[chatbot] = self.ledger.enqueue(chatbot)

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

    def kill_one(self) -> None:
        """Kill a process, whatever it runs."""
        alive = [each for each in self._pool if each.is_alive]
        if alive:
            self._kill(self.rng.choice(alive))

    def outcomes(self) -> dict[str, OutcomeCode | None]:
        """Of each chatbot's job."""
        return {chatbot: self.ledger.get(job).outcome for chatbot, job in self.jobs.items()}

    def record(self, chatbot: str) -> JobRecord:
        """Of the chatbot's job."""
        return self.ledger.get(self.jobs[chatbot])

    def _at(self, time: float, act: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, act))

    def _start_process(self) -> None:
        self._count += 1
        process = Process(f"worker-{self._count}", self.slots)
        self._pool = [each for each in self._pool if each.is_alive] + [process]
        self._report(process)
        self._renew(process)

    def _kill(self, process: Process) -> None:
        if not process.is_alive:
            return
        process.is_alive = False
        self.losses += 1
        if self.is_supervised:
            self._at(self.ledger.now + 0.1, partial(self.ledger.store.pool.gone, process.name))
        self._at(self.ledger.now + self.restart, self._start_process)

    def _report(self, process: Process) -> None:
        if process.is_alive:
            report = WorkerReport(name=process.name, host="h", pid=1, version="1", slots=self.slots)
            self.ledger.store.pool.heartbeat(report)
            self._at(self.ledger.now + HEARTBEAT_INTERVAL, partial(self._report, process))

    def _renew(self, process: Process) -> None:
        if process.is_alive:
            self.ledger.store.renew(list(process.leases.values()), LEASE)
            self._at(self.ledger.now + LEASE / 3, partial(self._renew, process))

    def _run_schedule(self) -> None:
        if any(each.is_alive for each in self._pool):
            self.ledger.store.run_schedule(200)
        self._at(self.ledger.now + _SCHEDULE, self._run_schedule)

    def _take_messages(self) -> None:
        for process in self._pool:
            while process.is_alive and process.free:
                message = self.ledger.redis.rpop(self.ledger.store.keys.queue)
                if message is None:
                    return
                process.free -= 1
                self._acquire(process, json.loads(message)["headers"]["id"])

    def _acquire(self, process: Process, job: str) -> None:
        self._count += 1
        lease = Lease(job, f"token-{self._count}")
        match self.ledger.store.acquire(lease, LEASE, process.name):
            case Acquired(record):
                process.leases[job] = lease
                self._next(_STAGE, process, record, "read", self._judge)
            case _:
                process.free += 1

    def _next(
        self,
        seconds: float,
        process: Process,
        record: JobRecord,
        stage: str,
        then: Callable[[Process, JobRecord], object],
    ) -> None:
        """Go on after a stage, unless the process dies meanwhile, or at its end."""

        def act() -> None:
            if self.poison.get(record.chatbot_id) == stage:
                self._kill(process)
            if process.is_alive:
                then(process, record)

        self._at(self.ledger.now + seconds, act)

    def _judge(self, process: Process, record: JobRecord) -> None:
        self._next(_STAGE, process, record, "judge", self._send)

    def _send(self, process: Process, record: JobRecord) -> None:
        lease = process.leases[record.id]
        permit = self.ledger.store.acquire_permit(lease, LEASE, 30.0)
        if isinstance(permit, Permit):
            self._next(self.upload, process, record, "send", partial(self._end, permit))
        else:
            process.leases.pop(record.id)
            process.free += 1

    def _end(self, permit: Permit, process: Process, record: JobRecord) -> None:
        lease = process.leases.pop(record.id)
        process.free += 1
        code = OutcomeCode.DELIVERED
        kept = self.ledger.store.complete(
            lease,
            JobState.SUCCEEDED,
            code,
            "Done.",
            self.ledger.attempt(code, 200, Decision.SUCCEED),
            feedback=Feedback(permit, True, "key-1", Quota()),
        )
        if kept:
            self.delivered[record.chatbot_id] = self.second
