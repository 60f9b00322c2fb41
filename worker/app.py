"""Composition root: reads the settings once and puts the worker together.

`celery -A worker.app worker` and `facelift worker` both start the Celery app that this module
configures.
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import version
from random import Random
from urllib.parse import urlsplit

from celery.apps import worker as celery_worker
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down
from prometheus_client import REGISTRY

from facelift.client import UploadClient
from facelift.errors import InvalidSettings
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore
from facelift.retry import RetryPolicy
from facelift.status.worker import WorkerReport
from facelift.text import printable
from tasks.app import app
from tasks.config import celery_settings
from tasks.transport import last_poll, on_refused
from worker.delivery.executor import Executor
from worker.delivery.follow_ups import FollowUpSender, RefusedNotes
from worker.delivery.grace import ImageGrace
from worker.delivery.handlers import MessageHandlers
from worker.delivery.intake import Intake
from worker.delivery.permit import Permits
from worker.delivery.recorder import Recorder
from worker.endpoint import EndpointClient, RequestLimits
from worker.monitoring.logs import LogFormat, configure_logging, fields, say_json
from worker.monitoring.metrics import Metrics
from worker.monitoring.processes import process_name, worker_age
from worker.runtime.accounts import Accounts
from worker.runtime.accounts_left import AccountsLeft
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.lease import LeaseKeeper
from worker.runtime.loop import Loop
from worker.runtime.registration import Registrar
from worker.runtime.scheduler import Janitor, Scheduler
from worker.runtime.shutdown import GracefulShutdown
from worker.runtime.watchdog import PollWatchdog
from worker.settings.load import load, unknown_variables
from worker.settings.model import Settings
from worker.stores import ImageStore, NetworkLimits, WatchedStore, open_stores
from worker.webhooks import Signer, WebhookSender, WebhookTarget, patience

log = logging.getLogger(__name__)

# Retries for about 6 s, so that an outcome survives a short outage of Redis.
_LEDGER_RETRIES = 10
# Seconds beyond the time limit of a request to record its result.
_RECORD_SECONDS = 5
# Seconds that the first jobs wait until the ledger knows what this worker can do.
_REGISTRATION_SECONDS = 5.0
# Seconds beyond the same for which all slots may be busy while no job ends.
_STALL_SECONDS = 30


class Worker:
    """The parts of one worker process.

    Args:
        settings: validated.
        host: where this process runs.
        pid: its process id there.

    Attributes:
        name: of this process, in records, heartbeats and Celery.

    Raises:
        InvalidSettings: an image store or the webhook's target cannot be opened, or the trusted
            certificates cannot be read.
    """

    def __init__(self, settings: Settings, host: str, pid: int) -> None:
        self._settings = settings
        self.name = process_name(host, pid)
        redis_url = settings.redis_url.get_secret_value()
        keys = Keys(settings.key_prefix)
        redis = connect(
            redis_url,
            retries=_LEDGER_RETRIES,
            connections=settings.concurrency + 20,
            thread_bound=True,
        )
        store = JobStore(redis, keys=keys)
        metrics = Metrics(REGISTRY)
        self._leases = LeaseKeeper(store, settings.lease)
        accounts = Accounts(
            settings.api_keys,
            grace=settings.key_grace,
            on_change=lambda _: registrar.run_once(),
        )
        left = AccountsLeft()
        registrar = Registrar(
            store.pool, accounts, settings, worker=self.name, left=left, age=worker_age
        )
        self._endpoint = _endpoint(settings)
        self._images = settings.image_judge()
        self._sender = _webhook_sender(settings, store, metrics)
        slots = settings.concurrency
        image_stores = {
            each: WatchedStore(each, opened, store.stores, worker=self.name, slots=slots)
            for each, opened in _image_stores(settings).items()
        }
        executor = Executor(
            store=store,
            leases=self._leases,
            image_stores=image_stores,
            accounts=accounts,
            left=left,
            images=self._images,
            grace=ImageGrace(settings.image_grace),
            endpoint=self._endpoint,
            recorder=Recorder(
                store=store, policy=_retry_policy(settings), rng=Random(), metrics=metrics
            ),
            permits=Permits(
                store=store, leases=self._leases, longest_request=settings.request_timeout
            ),
            is_stopping=lambda: self.shutdown.has_begun,
            worker=self.name,
        )
        client = UploadClient(
            redis=redis,
            key_prefix=keys.prefix,
            lifetime=settings.deadline,
            idempotency_window=settings.idempotency_window,
        )
        self.shutdown = GracefulShutdown(
            store,
            self._leases,
            settings.request_timeout + _RECORD_SECONDS,
            announce=lambda: store.pool.stopping(self.name),
        )
        watchdog = PollWatchdog(
            store,
            has_room=lambda: self._leases.count < settings.concurrency,
            last_poll=last_poll,
            on_stuck=self.shutdown.exit_now,
        )
        process = WorkerReport(
            name=self.name,
            host=host,
            pid=pid,
            version=version("facelift-client"),
            slots=slots,
            patience=settings.request_timeout + _STALL_SECONDS,
        )
        self._heartbeat = Heartbeat(
            store.pool,
            metrics,
            process,
            busy=lambda: self._leases.count,
            unchanged=lambda: self._leases.unchanged,
            last_poll=last_poll,
            on_settings=registrar.run_once,
        )
        notes = RefusedNotes(store.refused, metrics)
        on_refused(notes.note)
        app.handlers = MessageHandlers(
            executor, Intake(client, store, FollowUpSender(redis).send, notes.note)
        )
        own_queue = keys.worker_queue(self.name)
        app.conf.update(celery_settings(redis_url, keys, settings.concurrency, own_queue))
        witness = store.witness(self.name, metrics.clock_was_set)
        self._registration = Loop("registration", registrar.run_once)
        self._loops = (
            self._registration,
            Loop("API key watch", accounts.run_once),
            Loop("scheduler", Scheduler(store, metrics, witness.first_due).run_once),
            Loop("heartbeat", self._heartbeat.run_once),
            Loop("janitor", Janitor(store).run_once),
            Loop("poll watchdog", watchdog.run_once),
            Loop("events", app.events.run_once),
            *(Loop(f"image store {each}", it.run_once) for each, it in image_stores.items()),
            *([Loop("webhooks", self._sender.run_once)] if self._sender else ()),
        )

    def set_up_logging(self, loglevel: int | str = "INFO", **_: object) -> None:
        """Configure logging in Celery's place; `loglevel` is Celery's `--loglevel`."""
        log_format = self._settings.log_format
        configure_logging(loglevel, log_format)
        if log_format is LogFormat.JSON:
            celery_worker.safe_say = say_json

    def start(self, **_: object) -> None:
        """Start the loops that run beside the jobs."""
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
        self._registration.wait_for_round(_REGISTRATION_SECONDS)

    def stop(self, **_: object) -> None:
        """Stop the loops and close connections, after the jobs have ended."""
        self.shutdown.wait()
        for loop in self._loops:
            loop.stop()
        if self._sender:
            self._sender.close()
        self._heartbeat.sign_off()
        self._leases.stop()
        self._endpoint.close()
        self._images.close()


def _endpoint(settings: Settings) -> EndpointClient:
    limits = RequestLimits(
        connect=settings.connect_timeout,
        read=settings.read_timeout,
        total=settings.request_timeout,
    )
    try:
        return EndpointClient(settings.endpoint_url, limits, connections=settings.concurrency)
    except ValueError as error:
        raise InvalidSettings([f"FACELIFT_ENDPOINT_URL {error}"]) from error


def _retry_policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        base=settings.backoff_base,
        factor=settings.backoff_factor,
        cap=settings.backoff_cap,
        max_attempts=settings.max_attempts,
        pause_cap=settings.pause_cap,
    )


def _image_stores(settings: Settings) -> Mapping[str, ImageStore]:
    limits = NetworkLimits(timeout=settings.store_timeout, connections=settings.concurrency)
    try:
        return open_stores(settings.image_stores, limits)
    except ValueError as error:
        raise InvalidSettings(
            [f"FACELIFT_IMAGE_STORES {problem}" for problem in error.args]
        ) from error


def _webhook_sender(settings: Settings, store: JobStore, metrics: Metrics) -> WebhookSender | None:
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
    try:
        settings = load(environ)
        for warning in map(printable, unknown_variables(environ)):
            print(f"facelift: warning: {warning}", file=sys.stderr)  # noqa: T201 - no log yet
        return Worker(settings, socket.gethostname(), os.getpid())
    except InvalidSettings as invalid:
        for problem in map(printable, invalid.problems):
            print(f"facelift: {problem}", file=sys.stderr)  # noqa: T201 - no log yet
        raise SystemExit(2) from None


_worker = _compose(os.environ)

name = _worker.name
set_up_logging = _worker.set_up_logging
setup_logging.connect(set_up_logging)
worker_ready.connect(_worker.start)
worker_shutting_down.connect(_worker.shutdown.on_signal)
worker_shutdown.connect(_worker.stop)
