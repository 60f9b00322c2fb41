"""Sends the callbacks that are due, a few at a time, and decides what became of each."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import TYPE_CHECKING

from tasks.errors import FaceliftError
from worker.backoff import RetryPolicy
from worker.callback.receiver import AT_ONCE
from worker.logs import fields
from worker.web import NoAnswer

if TYPE_CHECKING:
    from concurrent.futures import Future
    from random import Random

    from tasks.callbacks import Callbacks, DueCallback
    from worker.callback.receiver import Receiver
    from worker.metrics import Metrics

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds
_FACTOR, _CAP, _TRIES = 4.0, 4 * 3600.0, 20  # the second in seconds


def patience(base: float) -> RetryPolicy:
    """About a day of trying, the longest wait growing from `base` to 4 hours."""
    return RetryPolicy(base=base, factor=_FACTOR, cap=_CAP, max_attempts=_TRIES)


class Messenger:
    """Runs in every worker; any number of them share the work safely.

    It has threads of its own, so that a receiver which hangs keeps no picture waiting.

    Args:
        callbacks: the ledger's.
        receiver: who is told.
        policy: how often one is tried, and how long it waits in between.
        rng: chance.
        metrics: counts tries.
        lease: seconds; more than one try takes. When a worker is lost, its callbacks are
            tried by another after that.
        at_once: callbacks under way at the same time.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        receiver: Receiver,
        policy: RetryPolicy,
        rng: Random,
        metrics: Metrics,
        *,
        lease: float,
        at_once: int = AT_ONCE,
    ) -> None:
        self._callbacks = callbacks
        self._receiver = receiver
        self._policy = policy
        self._rng = rng
        self._metrics = metrics
        self._lease = lease
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="callback")
        self._under_way: set[Future[None]] = set()
        self._is_well = True

    def tick(self) -> float:
        """Begin to send what is due, as far as there is room; returns the seconds until the next.

        If there is none, it waits for some for up to half a second. While the receiver is
        unwell, one is sent at a time and so often, to see whether it is back: many that fail
        at once would cost more than they are worth.
        """
        at_once = self._at_once if self._is_well else 1
        if len(self._under_way) >= at_once:
            wait(self._under_way, timeout=_LOOK, return_when=FIRST_COMPLETED)
        self._under_way = {each for each in self._under_way if not each.done()}
        room = at_once - len(self._under_way)
        if room <= 0:
            return 0.0
        due = self._callbacks.take(room, self._lease)
        self._under_way |= {self._threads.submit(self._send, each) for each in due}
        return 0.0 if self._is_well and len(due) == room else _LOOK

    def close(self) -> None:
        """Return once none is under way."""
        self._threads.shutdown()

    def _send(self, due: DueCallback) -> None:
        try:
            self._try(due)
        except FaceliftError as error:
            log.warning(
                "callback left to its lease", extra=fields(job=due.job_id, reason=str(error))
            )
        except Exception:
            log.exception("callback left to its lease", extra=fields(job=due.job_id))

    def _try(self, due: DueCallback) -> None:
        if not due.tries:
            log.error("callback given up: its record has expired", extra=fields(job=due.job_id))
            return
        problem, is_final = self._tell(due)
        self._is_well = not problem or is_final
        about = {"job": due.job_id, "try": due.tries, "reason": problem or None}
        if not problem:
            self._callbacks.end(due)
            log.info("callback sent", extra=fields(**about))
            self._metrics.callback("sent")
        elif is_final or due.tries >= self._policy.max_attempts:
            self._callbacks.end(due)
            log.error("callback given up", extra=fields(**about))
            self._metrics.callback("given_up")
        else:
            delay = self._policy.wait(due.tries, self._rng)
            self._callbacks.postpone(due, delay)
            log.warning("callback failed", extra=fields(**about, next_in=delay))
            self._metrics.callback("failed")

    def _tell(self, due: DueCallback) -> tuple[str, bool]:
        """Why it did not arrive, empty if it did; and whether there is no use in trying again."""
        if due.record is None:
            return "its record is of a form that this release does not know", False
        try:
            status = self._receiver.tell(due.record, due.at)
        except NoAnswer as no_answer:
            return f"the receiver is not available; {no_answer}", False
        if status // 100 == 2:  # noqa: PLR2004 - the class of successes
            return "", False
        return f"the receiver answered {status}", status == HTTPStatus.GONE
