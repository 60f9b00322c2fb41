"""Composition root: settings are read here, once, and everything is put together.

`celery -A worker.app worker` and `facelift worker` both start from `app`.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
from importlib.metadata import version
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celery.apps import worker as celery_worker
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down
from prometheus_client import REGISTRY

from facelift.client import UploadClient
from facelift.errors import InvalidSettings
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.ledger.pool import BreakerPolicy, Retention
from facelift.ledger.store import JobStore
from facelift.retry import RetryPolicy
from tasks.app import app
from tasks.config import celery_settings
from tasks.transport import last_poll
from worker.delivery.executor import Executor
from worker.delivery.handlers import MessageHandlers
from worker.delivery.intake import Intake
from worker.delivery.recorder import Recorder
from worker.endpoint import EndpointClient, RequestLimits
from worker.monitoring.logs import LogFormat, configure_logging, fields, say_json
from worker.monitoring.metrics import Metrics
from worker.runtime.accounts import Accounts
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.lease import LeaseKeeper
from worker.runtime.loop import Loop
from worker.runtime.registration import Registrar
from worker.runtime.scheduler import Janitor, Scheduler
from worker.runtime.shutdown import GracefulShutdown
from worker.runtime.watchdog import PollWatchdog
from worker.settings.load import load, unknown_variables
from worker.stores import NetworkLimits, open_stores
from worker.webhooks import Signer, WebhookSender, WebhookTarget, patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.settings.model import Settings

log = logging.getLogger(__name__)

# About 6 s of trying, so that an outcome survives a short absence of Redis.
_LEDGER_RETRIES = 10


class Worker:
    """Everything one worker process is made of.

    Args:
        settings: validated.
        host: where this process runs.
        pid: its number there.

    Raises:
        InvalidSettings: an image store cannot be opened.
    """

    def __init__(self, settings: Settings, host: str, pid: int) -> None:
        self._settings = settings
        name = f"{host}:{pid}"
        redis_url = settings.redis_url.get_secret_value()
        keys = Keys(settings.key_prefix)
        metrics = Metrics(REGISTRY)
        redis = connect(
            redis_url,
            retries=_LEDGER_RETRIES,
            connections=settings.concurrency + 20,
        )
        store = JobStore(redis, keys=keys)
        self.leases = LeaseKeeper(store, settings.lease)
        self.accounts = Accounts(
            settings.api_keys,
            grace=settings.key_grace,
            on_change=lambda _: self.registrar.run_once(),
        )
        self.registrar = Registrar(
            store.pool,
            BreakerPolicy(
                failures=settings.breaker_failures,
                share=settings.breaker_share,
                window=settings.breaker_window,
                pause=settings.breaker_pause,
            ),
            self.accounts,
            settings.rate_for,
            webhooks=bool(settings.webhook_url),
            retention=Retention(
                succeeded=math.ceil(settings.keep_succeeded),
                failed=math.ceil(settings.keep_failed),
                superseded=math.ceil(settings.keep_superseded),
                cancelled=math.ceil(settings.keep_cancelled),
                expired=math.ceil(settings.keep_expired),
            ),
        )
        self._sender = _open_sender(settings, store, metrics)
        self.executor = Executor(
            store=store,
            leases=self.leases,
            image_stores=_open_stores(settings),
            accounts=self.accounts,
            image_limits=settings.image_limits(),
            endpoint=EndpointClient(
                settings.endpoint_url,
                RequestLimits(
                    connect=settings.connect_timeout,
                    read=settings.read_timeout,
                    total=settings.request_timeout,
                ),
                connections=settings.concurrency,
            ),
            recorder=Recorder(
                store=store,
                policy=RetryPolicy(
                    base=settings.backoff_base,
                    factor=settings.backoff_factor,
                    cap=settings.backoff_cap,
                    max_attempts=settings.max_attempts,
                    pause_cap=settings.pause_cap,
                ),
                rng=Random(),
                metrics=metrics,
            ),
            longest_request=settings.request_timeout,
            worker=name,
        )
        client = UploadClient(
            redis=redis,
            key_prefix=keys.prefix,
            lifetime=settings.deadline,
            idempotency_window=settings.idempotency_window,
        )
        app.handlers = MessageHandlers(self.executor, Intake(client, store))
        # Once a request has had its time, a little more to record what came of it.
        self.shutdown = GracefulShutdown(store, self.leases, settings.request_timeout + 5)
        watch = PollWatchdog(
            store,
            has_room=lambda: self.leases.count < settings.concurrency,
            last_poll=last_poll,
            on_stuck=self.shutdown.exit_now,
        )
        self.heartbeat = Heartbeat(
            store.pool,
            metrics,
            name=name,
            host=host,
            pid=pid,
            version=version("facelift-client"),
            slots=settings.concurrency,
            busy=lambda: self.leases.count,
            last_poll=last_poll,
        )
        app.conf.update(celery_settings(redis_url, keys.queue, settings.concurrency))
        self._loops = (
            Loop("registration", self.registrar.run_once),
            Loop("key watch", self.accounts.run_once),
            Loop("scheduler", Scheduler(store, metrics).run_once),
            Loop("heartbeat", self.heartbeat.run_once),
            Loop("janitor", Janitor(store).run_once),
            Loop("poll watch", watch.run_once),
            Loop("events", app.events.run_once),
            *([Loop("webhooks", self._sender.run_once)] if self._sender else ()),
        )

    def set_up_logging(self, loglevel: int | str = "INFO", **_: object) -> None:
        """Log in our way; `loglevel` is Celery's `--loglevel`."""
        form = self._settings.log_format
        configure_logging(loglevel, form)
        if form is LogFormat.JSON:
            celery_worker.safe_say = say_json

    def start(self, **_: object) -> None:
        """Start what runs beside the jobs."""
        settings = self._settings
        log.info(
            "ready: takes jobs",
            extra=fields(
                slots=settings.concurrency,
                accounts=",".join(sorted(settings.api_keys)),
                stores=",".join(sorted(settings.image_stores)),
                endpoint=settings.endpoint_url,
            ),
        )
        if self._sender:  # the rest of the URL may be a secret
            host = urlsplit(settings.webhook_url.get_secret_value()).hostname
            log.info("webhooks are on", extra=fields(host=host))
        for loop in self._loops:
            loop.start()

    def stop(self, **_: object) -> None:
        """Stop that, and close what is open; what was in flight has ended."""
        self.shutdown.wait()
        for loop in self._loops:
            loop.stop()
        if self._sender:
            self._sender.close()
        self.heartbeat.sign_off()
        self.leases.stop()
        self.executor.endpoint.close()


def _open_stores(settings: Settings) -> dict[str, Any]:
    limits = NetworkLimits(timeout=settings.store_timeout, connections=settings.concurrency)
    try:
        return open_stores(settings.image_stores, limits)
    except ValueError as error:
        raise InvalidSettings(
            [f"FACELIFT_IMAGE_STORES {problem}" for problem in error.args]
        ) from error


def _open_sender(settings: Settings, store: JobStore, metrics: Metrics) -> WebhookSender | None:
    url, timeout = settings.webhook_url.get_secret_value(), settings.webhook_timeout
    if not url:
        return None
    try:
        target = WebhookTarget.from_url(url, Signer(settings.webhook_secrets), timeout)
    except ValueError as error:
        raise InvalidSettings([f"FACELIFT_WEBHOOK_URL {error}"]) from error
    return WebhookSender(
        *(store.webhooks, target, patience(settings.backoff_base), Random(), metrics),
        lease=timeout + settings.lease,
    )


def _compose(environ: Mapping[str, str]) -> Worker:
    settings = load(environ)
    for warning in unknown_variables(environ):
        print(f"facelift: warning: {warning}", file=sys.stderr)  # noqa: T201 - no log yet
    return Worker(settings, socket.gethostname(), os.getpid())


try:
    _worker = _compose(os.environ)
except InvalidSettings as invalid:
    for problem in invalid.problems:
        print(f"facelift: {problem}", file=sys.stderr)  # noqa: T201 - no log yet
    raise SystemExit(2) from None

set_up_logging = _worker.set_up_logging
setup_logging.connect(set_up_logging)
worker_ready.connect(_worker.start)
worker_shutting_down.connect(_worker.shutdown.on_signal)
worker_shutdown.connect(_worker.stop)
