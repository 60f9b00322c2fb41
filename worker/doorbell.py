"""Celery's request for the message that tells of a job, without what such a message never needs.

It has no arguments, no headers of its own, and no result; Celery looks for each of them on
every thread of the pool.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.worker.request import Request

log = logging.getLogger(__name__)


class Doorbell(Request):  # type: ignore[misc] # celery is untyped
    """One message in Celery's hands."""

    acknowledged: bool

    def __init__(self, message: Any, **options: Any) -> None:  # noqa: ANN401 - celery's
        if not options.get("decoded"):  # it has been, and would be once more in the pool
            options |= {"body": message.payload, "decoded": True}
        super().__init__(message, **options)
        self.request_dict.setdefault("headers", {})

    def acknowledge(self) -> None:
        """Acknowledge the message here and now: that is a note in memory, see `transport.QoS`.

        Celery has its loop do that, which has to be woken for it.
        """
        if not self.acknowledged:
            self.message.ack_log_error(log, self.connection_errors)
            self.acknowledged = True
