"""Celery's request for the message that tells of a job, without what such a message never needs."""

from __future__ import annotations

from typing import Any

from celery.worker.request import Request


class WakeUpRequest(Request):  # type: ignore[misc] # celery is untyped
    """One message in Celery's hands."""

    def __init__(self, message: Any, **options: Any) -> None:  # noqa: ANN401 - celery's
        if not options.get("decoded"):  # it has been, and would be once more in the pool
            options |= {"body": message.payload, "decoded": True}
        # Celery has its loop acknowledge, which has to be woken for that; but to acknowledge a
        # doorbell is a note in memory, see `transport.QoS`.
        super().__init__(message, **options | {"on_ack": message.ack_log_error})
        self.request_dict.setdefault("headers", {})  # or Celery looks for some among all others
