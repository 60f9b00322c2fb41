"""The ended jobs that are still to be told by HTTP.

One method a script, as in `store.py`. A job that ends while workers send webhooks is
put here in the same step, and stays until it was told or its webhook is given up.

They are apart from the jobs' schedule, and have no messages: thousands may be overdue
while a receiver is down, and nothing of that may come before a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facelift.errors import LedgerRefused
from facelift.ledger.record_reader import decode, pairs

if TYPE_CHECKING:
    from facelift.ledger.scripts import Scripts
    from facelift.record import JobRecord


class DueWebhook(NamedTuple):
    """A webhook to be sent now.

    Attributes:
        job_id: of the job that ended.
        tries: how often it was tried, this one included.
        at: Unix seconds, by the ledger's clock.
        record: of the job; None if it has expired, or is of a form that this release does
            not know.
    """

    job_id: str
    tries: int
    at: float
    record: JobRecord | None


class Webhooks:
    """The webhooks of one ledger; safe to share among threads."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def take(self, limit: int, lease: float) -> list[DueWebhook]:
        """Up to `limit` that are due, the longest overdue first.

        Each is due again in `lease` seconds, unless it is ended or postponed before.
        """
        return [
            DueWebhook(job_id, int(tries), float(at), _read(job_id, stored))
            for job_id, tries, at, stored in self._scripts.call("acquire_webhooks", limit, lease)
        ]

    def end(self, due: DueWebhook) -> None:
        """It arrived, or is given up."""
        self._scripts.call("complete_webhook", due.job_id)

    def retry_later(self, due: DueWebhook, delay: float) -> bool:
        """Try again in `delay` seconds; False if another worker took it since."""
        return bool(self._scripts.call("retry_webhook", due.job_id, due.tries, delay))


def _read(job_id: str, stored: list[str]) -> JobRecord | None:
    try:
        return decode(job_id, pairs(stored))
    except LedgerRefused:
        return None
