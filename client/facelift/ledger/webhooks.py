"""The ended jobs whose webhook is still to be sent.

One method for each script in `lua/webhooks/`. A job that ends while workers send webhooks is
added in the same step, and stays until its webhook is delivered or given up. They are apart from
the jobs' schedule, and have no messages: thousands may be overdue while the server that receives
them is down, and must not delay an image.
"""

from typing import NamedTuple

from facelift.errors import LedgerRefused
from facelift.ledger.encoding import decode_record, pairs
from facelift.ledger.scripts import Scripts
from facelift.record import JobRecord


class DueWebhook(NamedTuple):
    """A webhook to send now.

    Attributes:
        job_id: of the job that ended.
        attempts: how often it was attempted, this time included.
        at: Unix seconds, by the ledger's clock.
        record: of the job; None if it has expired, or this release does not know its schema.
    """

    job_id: str
    attempts: int
    at: float
    record: JobRecord | None


class Webhooks:
    """The webhooks of one ledger; safe to share among threads."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def acquire(self, limit: int, lease: float) -> list[DueWebhook]:
        """Acquire up to `limit` that are due, the longest overdue first.

        Each is due again in `lease` seconds, unless it is completed or retried later before.
        """
        return [
            DueWebhook(job_id, int(attempts), float(at), _decode(job_id, fields))
            for job_id, attempts, at, fields in self._scripts.call("webhooks/acquire", limit, lease)
        ]

    def complete(self, due: DueWebhook) -> None:
        """It was delivered, or is given up."""
        self._scripts.call("webhooks/complete", due.job_id)

    def retry_later(self, due: DueWebhook, delay: float) -> bool:
        """Try again in `delay` seconds; False if another worker acquired it since."""
        return bool(self._scripts.call("webhooks/retry_later", due.job_id, due.attempts, delay))


def _decode(job_id: str, fields: list[str]) -> JobRecord | None:
    try:
        return decode_record(job_id, pairs(fields))
    except LedgerRefused:
        return None
