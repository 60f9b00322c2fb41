"""`FaceliftJobs`: what was enqueued, and how the jobs end."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Self

from facelift.asset import Action, ActionName, Asset, AssetName, check_action, check_asset
from facelift.client import UploadClient
from facelift.codes import WaitReason
from facelift.ledger.notifications import Notifications
from facelift.operations.source import override_ledger
from facelift.record import JobRecord
from facelift.testing.ledger import MemoryLedger
from facelift.testing.matching import Expected
from facelift.testing.outcome import OutcomeLike, Script
from facelift.testing.workers import ScriptedWorkers

# What passes by itself, unlike an operator's pause or a time that was asked for.
_PASSING = {
    WaitReason.QUARANTINED,
    WaitReason.RETRY,
    WaitReason.BACKLOG,
    WaitReason.RATE_LIMITED,
    WaitReason.ENDPOINT_DOWN,
    WaitReason.ACCOUNT_FAILING,
    WaitReason.CHATBOT_FAILING,
}


class FaceliftJobs:
    """Facelift in memory, for the length of a `with` block.

    Inside, every `UploadClient` and `AsyncUploadClient` of this process works on one empty
    ledger, whatever Redis and key prefix it was made for. It is the real ledger: states, order,
    idempotency, history and deadlines are the real ones. No worker runs: `script` says how jobs
    end, and they do so in `run`, or while code waits for a job.

    Safe to share among threads.
    """

    def __init__(self) -> None:
        self._ledger = MemoryLedger(_Meanwhile(lambda: self.now, self._go_on))
        self._script = Script()
        self._workers = ScriptedWorkers(self._ledger, self._script)
        self._lock = threading.RLock()
        self._block = ExitStack()

    def __enter__(self) -> Self:
        self._block.enter_context(override_ledger(self._ledger.clients))
        return self

    def __exit__(self, *_: object) -> None:
        self._block.close()
        self._ledger.close()

    @property
    def client(self) -> UploadClient:
        """A client on this ledger, for the test itself: Redis is always there for it."""
        return UploadClient(ledger=self._ledger.store)

    def register(self, *accounts: str) -> None:
        """Have workers hold API keys of these accounts, besides `default`: they can be paused."""
        self._ledger.register(*accounts)

    @property
    def now(self) -> float:
        """Unix seconds, by the ledger's clock."""
        return self._ledger.clock

    @property
    def enqueued(self) -> list[JobRecord]:
        """All jobs in the order in which they were enqueued, with their present state."""
        return self._ledger.enqueued

    def assert_enqueued(self, *, times: int | None = None, **fields: object) -> JobRecord:
        """Assert that a job with these fields was enqueued; returns the last one.

        Args:
            times: exactly so many of them, from 1; None for any number.
            fields: of `JobRecord`, such as `chatbot_id`; anything that compares equal will do.

        Raises:
            AssertionError: there is none, or another number of them.
            TypeError: a job has no such field.
        """
        __tracebackhide__ = True
        expected, enqueued = Expected(fields), self.enqueued
        found = expected.among(enqueued)
        if found and times in {None, len(found)}:
            return found[-1]
        many = f"{len(found)} jobs were" if len(found) > 1 else "1 job was"
        what = f"{many if found else 'No job was'} enqueued{expected}"
        wanted = f", not {times}" if times is not None else ""
        raise AssertionError(f"{what}{wanted}.\n{expected.describe(enqueued)}")

    def assert_nothing_enqueued(self, **fields: object) -> None:
        """Assert that no job was enqueued, or none with these fields.

        Raises:
            AssertionError: there is one.
            TypeError: a job has no such field.
        """
        __tracebackhide__ = True
        expected = Expected(fields)
        found = expected.among(self.enqueued)
        if found:
            raise AssertionError(
                f"No job should be enqueued{expected}.\n{expected.describe(found)}"
            )

    def script(
        self,
        *outcomes: OutcomeLike,
        chatbot_id: str | None = None,
        image: str | None = None,
        asset: Asset | AssetName | None = None,
        action: Action | ActionName | None = None,
    ) -> None:
        """Set the outcomes of attempts from now on; without a script every attempt succeeds.

        Args:
            outcomes: of a job's first attempt, its second, and so on; the last is for all
                others. Each is a code such as `"image_not_square"`, an HTTP
                status such as 503, or an `Outcome`.
            chatbot_id: whose jobs; None for every chatbot's.
            image: of which image, `<store>:<path>`; None for any.
            asset: `profile_picture` or `icon`; None for both.
            action: `set` or `remove`; None for both.

        Raises:
            ValueError: there is no outcome, or one that no attempt has.
        """
        self._script.add(
            outcomes,
            chatbot_id=chatbot_id,
            image=image,
            asset=None if asset is None else check_asset(asset),
            action=None if action is None else check_action(action),
        )

    def run(
        self,
        *outcomes: OutcomeLike,
        chatbot_id: str | None = None,
        image: str | None = None,
        attempts: int | None = None,
    ) -> list[JobRecord]:
        """Have workers do all there is to do, here and now.

        The waits between attempts pass in no time (the ledger's clock moves on). `run` does not
        wait for jobs with a `not_before`, nor for the end of a pause.

        Args:
            outcomes: of attempts during this run; see `script`.
            chatbot_id: whose jobs have them; others go on as they were scripted.
            image: of which image, the same.
            attempts: stop after so many, to see the state between them.

        Returns:
            The jobs that ended, in the order in which they were enqueued.

        Raises:
            ValueError: no attempt has such an outcome.
        """
        if not outcomes and (chatbot_id is not None or image is not None):
            raise ValueError("say what the attempts end in, such as 'delivered'")
        pending = {record.id for record in self.enqueued if not record.state.is_terminal}
        left = math.inf if attempts is None else attempts
        with self._lock, ExitStack() as stack:
            if outcomes:
                rule = self._script.add(outcomes, chatbot_id=chatbot_id, image=image)
                stack.callback(self._script.remove, rule)
            while left > 0:
                if self._attempt_one():
                    left -= 1
                elif not self._pass_a_wait():
                    break
        return [
            record for record in self.enqueued if record.id in pending and record.state.is_terminal
        ]

    def unavailable(self) -> AbstractContextManager[None]:
        """Inside the block, no client reaches Redis: every call raises `LedgerUnavailable`.

        Nothing is recorded, and what was enqueued before stays. The test itself sees all jobs.
        """
        return self._ledger.faults.trouble(is_down=True)

    def lost_answers(self) -> AbstractContextManager[None]:
        """Inside the block, calls are carried out, and raise `LedgerUnavailable` all the same.

        So it is when Redis or the network fails just after a job was recorded. Whoever enqueues
        again, with the same `job_id` or `idempotency_key`, has one job.
        """
        return self._ledger.faults.trouble(loses_answers=True)

    def slow(self, seconds: float) -> AbstractContextManager[None]:
        """Inside the block, every answer of Redis takes clients so long, in real time."""
        return self._ledger.faults.trouble(seconds=seconds)

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass: scheduled jobs become due, deadlines pass. No attempt is made; see `run`.

        Raises:
            ValueError: `seconds` is negative.
        """
        seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._ledger.move(seconds)

    def _attempt_one(self) -> bool:
        self._ledger.run_schedule()
        return self._workers.attempt()

    def _pass_a_wait(self) -> bool:
        if not any(record.wait_reason in _PASSING for record in self.enqueued):
            return False
        self._ledger.move(self._ledger.run_schedule())
        return True

    def _go_on(self, seconds: float) -> None:
        """Make one attempt; if there is none to make, let the time pass until there is."""
        with self._lock:
            if not self._attempt_one():
                self._ledger.move(min(self._ledger.run_schedule(), seconds))


class _Meanwhile(Notifications):
    """Notifications of the ledger in memory: while code waits, the workers go on, in no time."""

    def __init__(self, now: Callable[[], float], go_on: Callable[[float], None]) -> None:
        self._now = now
        self._go_on = go_on

    def now(self) -> float:
        return self._now()

    @contextmanager
    def listen(self, channel: str, silence: float) -> Iterator[Callable[[float], None]]:  # noqa: ARG002 - every wait is the same here
        yield self._go_on

    @asynccontextmanager
    async def listen_async(
        self,
        channel: str,  # noqa: ARG002 - every wait is the same here
        silence: float,  # noqa: ARG002 - the same
    ) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        async def wait(seconds: float) -> None:
            await asyncio.to_thread(self._go_on, seconds)

        yield wait

    def pause(self, seconds: float) -> None:
        pass

    async def pause_async(self, seconds: float) -> None:
        pass
