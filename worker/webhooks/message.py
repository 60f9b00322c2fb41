"""Makes a webhook's body and its signature, as Standard Webhooks 1.0 has it."""

import base64
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import SecretStr

from facelift.record import JobRecord
from worker.settings.webhook_secret import decode_secret

_FIELDS = (
    "id",
    "state",
    "outcome",
    "message",
    "http_status",
    "chatbot_id",
    "image",
    "asset",
    "action",
    "account",
    "batch",
    "idempotency_key",
    "metadata",
    "attempts_used",
    "superseded_by",
    "replay_of",
    "created_at",
    "finished_at",
)
"""Fields of the record that are sent, under their own names."""


def encode(record: JobRecord) -> bytes:
    """The body of the webhook of a job that has ended: the same bytes at every attempt."""
    ended_at = datetime.fromtimestamp(record.finished_at or record.created_at, UTC)
    event = {
        "type": f"job.{record.state}",
        "timestamp": ended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {name: getattr(record, name) for name in _FIELDS},
    }
    return json.dumps(event, separators=(",", ":")).encode()


class Signer:
    """Signs webhooks with HMAC-SHA256, so that the receiving server knows who sent them, and when.

    Args:
        secrets: one, or two while it is being changed: a signature is made with each.
    """

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._keys = [decode_secret(secret) for secret in secrets]

    def headers(self, message_id: str, at: float, body: bytes) -> dict[str, str]:
        """The headers of a webhook.

        Args:
            message_id: the same at every attempt.
            at: Unix seconds of this attempt.
            body: what is sent.
        """
        timestamp = str(int(at))
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        digests = [hmac.digest(key, signed, "sha256") for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{base64.b64encode(d).decode()}" for d in digests),
        }
