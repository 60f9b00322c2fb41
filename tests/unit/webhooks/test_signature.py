"""Our signatures, as the reference implementation of Standard Webhooks sees them."""

from __future__ import annotations

import base64
import time

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from worker.webhooks import Signer

# Of the specification's repository: known to every implementation.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
OTHER = "whsec_" + base64.b64encode(bytes(range(24))).decode()


def signer(*secrets: str) -> Signer:
    return Signer(map(SecretStr, secrets))


def test_signature_is_that_of_the_specifications_example() -> None:
    assert signer(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, BODY) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_reference_implementation_verifies_it() -> None:
    headers = signer(SECRET).headers("job-1", time.time(), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_a_changed_webhook_is_not_verified(changed: str) -> None:
    headers = signer(SECRET).headers("job-1", time.time() - 10, BODY)
    others = {"webhook-id": "job-2", "webhook-timestamp": str(int(time.time()))}
    received = headers | {name: value for name, value in others.items() if name == changed}
    webhook = Webhook(OTHER if changed == "secret" else SECRET)
    with pytest.raises(WebhookVerificationError, match="No matching signature found"):
        webhook.verify(b"{}" if changed == "body" else BODY, received)


def test_while_the_secret_is_changed_a_receiver_may_know_either() -> None:
    headers = signer(OTHER, SECRET).headers("job-1", time.time(), BODY)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(BODY, headers)


def test_the_secret_is_not_shown_by_what_holds_it() -> None:
    shown = repr(signer(SECRET)) + str(signer(SECRET))
    assert SECRET[6:] not in shown
