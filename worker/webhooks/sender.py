"""Sends the webhooks that are due, a few at a time, and decides what became of each."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import TYPE_CHECKING

from facelift.errors import FaceliftError
from facelift.retry import RetryPolicy
from worker.http import NoAnswer
from worker.monitoring.logs import fields
from worker.webhooks.target import AT_ONCE

if TYPE_CHECKING:
    from concurrent.futures import Future
    from random import Random

    from facelift.ledger.webhooks import DueWebhook, Webhooks
    from worker.monitoring.metrics import Metrics
    from worker.webhooks.target import WebhookTarget

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds
_FACTOR, _CAP, _TRIES = 4.0, 4 * 3600.0, 20  # the second in seconds


def patience(base: float) -> RetryPolicy:
    """About a day of trying, the longest wait growing from `base` to 4 hours."""
    return RetryPolicy(base=base, factor=_FACTOR, cap=_CAP, max_attempts=_TRIES)


class WebhookSender:
    """Runs in every worker; any number of them share the work safely.

    It has threads of its own, so that a receiver which hangs keeps no picture waiting.

    Args:
        webhooks: the ledger's.
        receiver: who is told.
        policy: how often one is tried, and how long it waits in between.
        rng: chance.
        metrics: counts tries.
        lease: seconds; more than one try takes. When a worker is lost, its webhooks are
            tried by another after that.
        at_once: webhooks under way at the same time.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        receiver: WebhookTarget,
        policy: RetryPolicy,
        rng: Random,
        metrics: Metrics,
        *,
        lease: float,
        at_once: int = AT_ONCE,
    ) -> None:
        self._webhooks = webhooks
        self._receiver = receiver
        self._policy = policy
        self._rng = rng
        self._metrics = metrics
        self._lease = lease
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="webhook")
        self._under_way: set[Future[None]] = set()
        self._is_well = True

    def run_once(self) -> float:
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
        due = self._webhooks.take(room, self._lease)
        self._under_way |= {self._threads.submit(self._send, each) for each in due}
        return 0.0 if self._is_well and len(due) == room else _LOOK

    def close(self) -> None:
        """Return once none is under way."""
        self._threads.shutdown()

    def _send(self, due: DueWebhook) -> None:
        try:
            self._try(due)
        except FaceliftError as error:
            log.warning(
                "webhook left to its lease", extra=fields(job=due.job_id, reason=str(error))
            )
        except Exception:
            log.exception("webhook left to its lease", extra=fields(job=due.job_id))

    def _try(self, due: DueWebhook) -> None:
        if not due.tries:
            log.error("webhook given up: its record has expired", extra=fields(job=due.job_id))
            return
        problem, is_final = self._tell(due)
        self._is_well = not problem or is_final
        about = {"job": due.job_id, "try": due.tries, "reason": problem or None}
        if not problem:
            self._webhooks.end(due)
            log.info("webhook sent", extra=fields(**about))
            self._metrics.webhook("sent")
        elif is_final or due.tries >= self._policy.max_attempts:
            self._webhooks.end(due)
            log.error("webhook given up", extra=fields(**about))
            self._metrics.webhook("given_up")
        else:
            delay = self._policy.wait(due.tries, self._rng)
            self._webhooks.retry_later(due, delay)
            log.warning("webhook failed", extra=fields(**about, next_in=delay))
            self._metrics.webhook("failed")

    def _tell(self, due: DueWebhook) -> tuple[str, bool]:
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
