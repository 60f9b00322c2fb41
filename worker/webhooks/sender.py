"""Sends the webhooks that are due, a few at a time, and records each one's result."""

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from random import Random

from facelift.errors import FaceliftError
from facelift.ledger.webhooks import DueWebhook, Webhooks
from facelift.retry import RetryPolicy
from worker.http import NoAnswer
from worker.monitoring.logs import fields
from worker.monitoring.metrics import Metrics
from worker.webhooks.target import WebhookTarget

log = logging.getLogger(__name__)

_AT_ONCE = 8
_POLL = 0.5  # seconds
_FACTOR, _CAP, _ATTEMPTS = 4.0, 4 * 3600.0, 20  # the cap in seconds


def patience(base: float) -> RetryPolicy:
    """Retries for about a day; the longest wait grows from `base` to 4 hours."""
    return RetryPolicy(base=base, factor=_FACTOR, cap=_CAP, max_attempts=_ATTEMPTS)


class WebhookSender:
    """Runs in every worker; any number of them share the work safely.

    It has threads of its own, so that a target which hangs delays no upload.

    Args:
        webhooks: the ledger's.
        target: where they are sent.
        policy: how many attempts a webhook gets, and how long it waits between them.
        rng: source of the waits' jitter.
        metrics: counts attempts.
        lease: seconds; more than one attempt takes. When a worker is lost, others retry its
            webhooks after that.
        at_once: webhooks under way at the same time.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        target: WebhookTarget,
        policy: RetryPolicy,
        rng: Random,
        metrics: Metrics,
        *,
        lease: float,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._webhooks = webhooks
        self._target = target
        self._policy = policy
        self._rng = rng
        self._metrics = metrics
        self._lease = lease
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="webhook")
        self._under_way: set[Future[None]] = set()
        self._target_works = True

    def run_once(self) -> float:
        """Start to send what is due, as far as there is room; returns the seconds until the next.

        Without room it waits up to half a second for some. While the target fails, one webhook
        is sent every half second to see whether it is back: many failures at once would only
        cost time.
        """
        at_once = self._at_once if self._target_works else 1
        if len(self._under_way) >= at_once:
            wait(self._under_way, timeout=_POLL, return_when=FIRST_COMPLETED)
        self._under_way = {each for each in self._under_way if not each.done()}
        room = at_once - len(self._under_way)
        if room <= 0:
            return 0.0
        due = self._webhooks.acquire(room, self._lease)
        self._under_way |= {self._threads.submit(self._send, each) for each in due}
        return 0.0 if self._target_works and len(due) == room else _POLL

    def close(self) -> None:
        """Return once none is under way."""
        self._threads.shutdown()

    def _send(self, due: DueWebhook) -> None:
        try:
            self._attempt(due)
        except FaceliftError as error:
            log.warning(
                "webhook left to its lease", extra=fields(job=due.job_id, reason=str(error))
            )
        except Exception:
            log.exception("webhook left to its lease", extra=fields(job=due.job_id))

    def _attempt(self, due: DueWebhook) -> None:
        if not due.attempts:
            log.error("webhook given up: its record has expired", extra=fields(job=due.job_id))
            return
        problem, is_final = self._post(due)
        self._target_works = not problem or is_final
        about = {"job": due.job_id, "attempt": due.attempts, "reason": problem or None}
        if not problem:
            self._webhooks.complete(due)
            log.info("webhook sent", extra=fields(**about))
            self._metrics.webhook("sent")
        elif is_final or due.attempts >= self._policy.max_attempts:
            self._webhooks.complete(due)
            log.error("webhook given up", extra=fields(**about))
            self._metrics.webhook("given_up")
        else:
            delay = self._policy.wait(due.attempts, self._rng)
            self._webhooks.retry_later(due, delay)
            log.warning("webhook failed", extra=fields(**about, next_in=delay))
            self._metrics.webhook("failed")

    def _post(self, due: DueWebhook) -> tuple[str, bool]:
        """Why it did not arrive, empty if it did; and whether a retry is of no use."""
        if due.record is None:
            return "its record has a schema version that this release does not know", False
        try:
            status = self._target.send(due.record, due.at)
        except NoAnswer as no_answer:
            return f"the target is not available; {no_answer}", False
        if status // 100 == 2:  # noqa: PLR2004 - the class of successes
            return "", False
        return f"the target answered {status}", status == HTTPStatus.GONE
