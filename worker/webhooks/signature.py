"""Signs webhooks as Standard Webhooks 1.0 has it: HMAC-SHA256, by every secret there is."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from worker.settings.webhook_secret import decode_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr


class Signer:
    """Makes the headers that prove where a webhook comes from, and when it was sent.

    Args:
        secrets: one, or two during a change: a receiver accepts any signature it knows the
            secret of.
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
