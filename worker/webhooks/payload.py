"""Encodes a job's record as a webhook's body: the same bytes at every attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.record import JobRecord

_FIELDS = (
    "id",
    "state",
    "outcome",
    "message",
    "http_status",
    "chatbot_id",
    "image",
    "account",
    "batch",
    "idempotency_key",
    "attempts_used",
    "superseded_by",
    "replay_of",
    "created_at",
    "finished_at",
)
"""Fields of the record that are sent, under their own names."""


def encode(record: JobRecord) -> bytes:
    """The body of the webhook of a job that has ended."""
    ended_at = datetime.fromtimestamp(record.finished_at or record.created_at, UTC)
    event = {
        "type": f"job.{record.state}",
        "timestamp": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {name: getattr(record, name) for name in _FIELDS},
    }
    return json.dumps(event, separators=(",", ":")).encode()
