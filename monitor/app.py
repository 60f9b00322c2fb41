"""The Celery app that Flower starts with: `celery -A monitor.app flower`.

It knows the broker and no task. The settings are a producer's, read from the environment.
"""

import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from celery import Celery

from facelift.client import UploadClient
from facelift.errors import InvalidSettings
from facelift.ledger.broker import broker_settings, forget_celery_settings
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.operations.settings import settings_from_env
from monitor.records import Records

# Flower renders pages in one thread: while one waits for Redis, all others wait too.
_ANSWER_SECONDS = 0.5


def _open_ledger() -> tuple[UploadClient, Celery]:
    forget_celery_settings()
    settings = settings_from_env()
    redis_url, key_prefix = settings["redis_url"], settings["key_prefix"]
    redis = connect(redis_url, retries=0, patience=_ANSWER_SECONDS)
    celery = Celery(
        "facelift", loader="celery.loaders.app:AppLoader", fixups=(), set_as_current=False
    )
    celery.conf.update(broker_settings(redis_url, Keys(key_prefix)))
    celery.conf.broker_use_ssl = _tls(redis_url)  # Flower's page of queues ignores the URL's
    return UploadClient(redis=redis, key_prefix=key_prefix), celery


def _tls(redis_url: str) -> dict[str, Any] | None:
    parts = urlsplit(redis_url)
    if parts.scheme != "rediss":
        return None
    options: dict[str, Any] = {"ssl_cert_reqs": "required"} | dict(parse_qsl(parts.query))
    if "ssl_check_hostname" in options:
        options["ssl_check_hostname"] = options["ssl_check_hostname"] == "true"
    return options


try:
    _client, app = _open_ledger()
except InvalidSettings as invalid:
    for problem in invalid.problems:
        print(f"facelift: {problem}", file=sys.stderr)  # noqa: T201 - there is no log yet
    raise SystemExit(2) from None

records = Records(_client.status)
