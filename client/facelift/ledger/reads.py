"""Read the records that many wait for, those of many in one round trip.

When a lost connection is there again, or a batch ends, thousands may want to read at the same time.
Threads and event loops alike then have one connection for it, and one call at a time.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from weakref import WeakKeyDictionary

from facelift.errors import FaceliftError, LedgerUnavailable
from facelift.ledger.forks import forget_after_fork
from facelift.ledger.time_left import limited
from facelift.record import JobRecord

_AT_ONCE = 500

Answer = JobRecord | FaceliftError
Read = Callable[[Sequence[str]], Mapping[str, Answer]]


class SharedReads:
    """Reads records for threads and event loops.

    Args:
        read: the records of jobs, or why there is none.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Begin anew, in a forked child: whoever asked is in its parent."""
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._asked: dict[str, list[_Slot]] = {}
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopReads] = WeakKeyDictionary()

    def get(self, job_id: str, seconds: float) -> JobRecord:
        """Read a record, for a thread, within so many seconds.

        Raises:
            JobNotFound, LedgerUnavailable, LedgerRefused: as `Records.get`.
        """
        slot = _Slot()
        with self._lock:
            self._asked.setdefault(job_id, []).append(slot)
        if not self._turn.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            raise LedgerUnavailable("Redis cannot be reached: others wait for its answer")
        try:
            if slot.answer is None:  # whoever had the turn before did not read for this thread
                self._read_for_all(job_id, seconds)
        finally:
            self._turn.release()
        return _result(slot.answer)

    def _read_for_all(self, job_id: str, seconds: float) -> None:
        with self._lock:
            others = islice((each for each in self._asked if each != job_id), _AT_ONCE - 1)
            job_ids = [job_id, *others]
            slots = {each: self._asked.pop(each) for each in job_ids}
        try:
            with limited(seconds):
                answers = self._read(job_ids)
        except BaseException:
            with self._lock:  # others may have more time
                for each in job_ids[1:]:
                    self._asked[each] = slots[each] + self._asked.get(each, [])
            raise
        for each, answer in answers.items():
            for slot in slots[each]:
                slot.answer = answer

    async def get_async(self, job_id: str) -> JobRecord:
        """Read a record, for a task."""
        loop = asyncio.get_running_loop()
        with self._lock:
            reads = self._loops.get(loop)
            if reads is None:
                reads = self._loops[loop] = _LoopReads(self._read)
        return _result(await reads.get(job_id))


class _Slot:
    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: Answer | None = None


class _LoopReads:
    """Reads for the tasks of one event loop, in one thread at a time."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._is_reading = False

    async def get(self, job_id: str) -> Answer:
        if job_id not in self._asked:
            loop = asyncio.get_running_loop()
            self._asked[job_id] = loop.create_future()
            if not self._is_reading:
                self._is_reading = True
                loop.call_soon(self._begin)  # after all tasks that are ready now have asked
        # Others may wait for the same answer.
        return await asyncio.shield(self._asked[job_id])

    def _begin(self) -> None:
        slots = {each: self._asked.pop(each) for each in list(islice(self._asked, _AT_ONCE))}
        reading = asyncio.get_running_loop().run_in_executor(None, self._read, [*slots])
        reading.add_done_callback(lambda done: self._answer(slots, done))

    def _answer(
        self,
        slots: dict[str, asyncio.Future[Answer]],
        done: asyncio.Future[Mapping[str, Answer]],
    ) -> None:
        error = None if done.cancelled() else done.exception()
        for job_id, slot in slots.items():
            if slot.done():
                continue
            if done.cancelled():
                slot.cancel()
            elif error is None:
                slot.set_result(done.result()[job_id])
            elif isinstance(error, FaceliftError):
                slot.set_result(error)  # as a result: nobody may be left to read an exception
            else:
                slot.set_exception(error)
        self._is_reading = bool(self._asked)
        if self._is_reading:
            self._begin()


def _result(answer: Answer | None) -> JobRecord:
    if isinstance(answer, JobRecord):
        return answer
    raise answer or LedgerUnavailable("Redis cannot be reached: no answer")
