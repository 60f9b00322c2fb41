"""`FaceliftJobs`: what was enqueued, and what becomes of it."""

from __future__ import annotations

import math
import threading
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Self, TypeVar

from facelift.client import UploadClient
from facelift.codes import WaitReason
from facelift.testing.clients import every_client
from facelift.testing.ledger import Ledger
from facelift.testing.matching import Expected
from facelift.testing.script import Script
from facelift.testing.workers import ScriptedWorkers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facelift.record import JobRecord
    from facelift.testing.outcome import OutcomeLike

_T = TypeVar("_T")

# What passes by itself, unlike somebody's decision or a time that was asked for.
_PASSING = {
    WaitReason.RETRY,
    WaitReason.BACKLOG,
    WaitReason.RATE_LIMITED,
    WaitReason.ENDPOINT_DOWN,
}


class FaceliftJobs:
    """Facelift in memory, for the length of a `with` block.

    Inside, every `UploadClient` of this process works on one empty ledger, whatever
    Redis and key prefix it was made for. It is the real ledger, so states, order, idempotency,
    history and deadlines are the real ones. No worker runs: what becomes of jobs is
    said with `script`, and happens in `run`, or while code waits for a job.

    Safe to share among threads.
    """

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._script = Script()
        self._workers = ScriptedWorkers(self._ledger, self._script)
        self._lock = threading.RLock()
        self._block = ExitStack()

    def __enter__(self) -> Self:
        self._block.enter_context(every_client(self._ledger, self._follow))
        self._ledger.keep_breaker_closed()
        return self

    def __exit__(self, *_: object) -> None:
        self._block.close()
        self._ledger.redis.close()

    @property
    def client(self) -> UploadClient:
        """A client, for tests that want one of their own."""
        return UploadClient(redis=self._ledger.redis)

    @property
    def now(self) -> float:
        """Unix seconds, as the ledger has it."""
        return self._ledger.clock

    @property
    def enqueued(self) -> list[JobRecord]:
        """All jobs in the order in which they were enqueued, as they stand now."""
        return self._ledger.enqueued

    def assert_enqueued(self, *, times: int | None = None, **fields: object) -> JobRecord:
        """Some job with these fields was enqueued; returns the last one.

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
        """No job was enqueued, or none with these fields.

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
        self, *outcomes: OutcomeLike, chatbot_id: str | None = None, image: str | None = None
    ) -> None:
        """From now on, have tries come to this; without a script they deliver.

        Args:
            outcomes: what a job's first try comes to, its second, and so on; the last is for
                all further ones. Each is a code such as `"image_not_square"`, an HTTP
                status such as 503, or an `Outcome`.
            chatbot_id: whose jobs; None for every chatbot's.
            image: of which image, `<store>:<path>`; None for any.

        Raises:
            ValueError: there is no outcome, or one that no try comes to.
        """
        self._script.add(outcomes, chatbot_id, image)

    def run(
        self,
        *outcomes: OutcomeLike,
        chatbot_id: str | None = None,
        image: str | None = None,
        attempts: int | None = None,
    ) -> list[JobRecord]:
        """Have workers do what there is to do, here and now.

        The waits between retries pass in no time (the ledger's clock moves on); for jobs that
        are to start later, and for the end of a pause, `run` does not wait.

        Args:
            outcomes: what tries come to during this run; see `script`.
            chatbot_id: whose jobs that is about; others go on as they were scripted.
            image: of which image, the same.
            attempts: stop after so many tries, to see what is between them.

        Returns:
            The jobs that ended, in the order in which they were enqueued.

        Raises:
            ValueError: an outcome is one that no try comes to.
        """
        if not outcomes and (chatbot_id is not None or image is not None):
            raise ValueError("say what the tries come to, such as 'delivered'")
        pending = {record.id for record in self.enqueued if not record.state.is_terminal}
        rule = self._script.with_rule(outcomes, chatbot_id, image) if outcomes else nullcontext()
        left = math.inf if attempts is None else attempts
        with self._lock, rule:
            while left > 0:
                if self._try_one():
                    left -= 1
                elif not self._pass_a_wait():
                    break
        return [
            record for record in self.enqueued if record.id in pending and record.state.is_terminal
        ]

    def advance(self, seconds: float) -> None:
        """Let time pass: scheduled jobs become due, deadlines pass. Nothing is tried; see `run`.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._ledger.move(seconds)

    def _try_one(self) -> bool:
        self._ledger.look()
        return self._workers.attempt()

    def _pass_a_wait(self) -> bool:
        if not any(record.wait_reason in _PASSING for record in self.enqueued):
            return False
        self._ledger.move(self._ledger.look())
        return True

    def _follow(
        self,
        look: Callable[[], _T],
        is_over: Callable[[_T], bool],
        timeout: float,
        timed_out: Callable[[_T], Exception],
    ) -> Iterator[_T]:
        """Yield what there is to see, in no time: workers go on, and the clock moves on."""
        deadline = self.now + timeout
        yield (seen := look())
        while not is_over(seen):
            with self._lock:
                is_in_time = self._go_on(deadline)
            if (now := look()) != seen:
                yield (seen := now)
            elif not is_in_time:
                raise timed_out(seen)

    def _go_on(self, deadline: float) -> bool:
        """False if nothing is left to do by then."""
        if self._try_one():
            return True
        seconds, left = self._ledger.look(), deadline - self.now
        self._ledger.move(max(0.0, min(seconds, left)))
        return seconds <= left
