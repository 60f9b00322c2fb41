"""Reads the secret that signs webhooks, from the environment or from a secret file.

It is `whsec_` and the base64 of 24 to 64 bytes, as in Standard Webhooks. During a rotation there
may be two, the new one first. No problem repeats a value.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from worker.settings.api_keys import read_key_file, split_keys

WEBHOOK_SECRET = "FACELIFT_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
WEBHOOK_SECRET_FILE = f"{WEBHOOK_SECRET}_FILE"

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes


def read_secrets(environ: Mapping[str, str]) -> tuple[tuple[SecretStr, ...], list[str]]:
    """The secrets, none if no variable is set, and the problems."""
    given = [
        name for name in (WEBHOOK_SECRET, WEBHOOK_SECRET_FILE) if environ.get(name, "").strip()
    ]
    if not given:
        return (), []
    if len(given) > 1:
        return (), [f"{WEBHOOK_SECRET} and {WEBHOOK_SECRET_FILE} are both set; keep one"]
    (name,) = given
    try:
        is_file = name == WEBHOOK_SECRET_FILE
        secrets = read_key_file(Path(environ[name])) if is_file else split_keys(environ[name])
        for secret in secrets:
            decode_secret(secret)
    except ValueError as problem:
        return (), [f"{name} {problem}"]
    return secrets, []


def decode_secret(secret: SecretStr) -> bytes:
    """The key that signs webhooks.

    Raises:
        ValueError: the secret is invalid.
    """
    prefix, _, digits = secret.get_secret_value().partition("_")
    try:
        key = base64.b64decode(digits, validate=True) if f"{prefix}_" == _PREFIX else b""
    except binascii.Error:
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError(
            f"must be {_PREFIX} and the base64 of {_LEAST} to {_MOST} random bytes, such as "
            f"{_PREFIX}$(openssl rand -base64 32) makes"
        )
    return key
