"""Composition root: settings are read here, once, and everything is put together.

`celery -A worker.app worker` and `facelift worker` both start from `app`.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import time
from importlib.metadata import version
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celery import Celery
from celery.apps import worker as celery_worker
from celery.exceptions import Reject
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down
from prometheus_client import REGISTRY

from tasks.client import UploadClient
from tasks.connection import connect
from tasks.errors import FaceliftError, InvalidSettings
from tasks.job import ENQUEUE_TASK, UPLOAD_TASK
from tasks.keys import Keys
from tasks.pool import BreakerPolicy
from tasks.script_sources import Retention
from tasks.store import JobStore
from worker.accounts import Accounts
from worker.backoff import RetryPolicy
from worker.callback import Messenger, Receiver, Signer, patience
from worker.celery_settings import celery_settings
from worker.departure import Departure
from worker.dispatcher import Dispatcher
from worker.doorbell import Doorbell
from worker.endpoint import EndpointClient, RequestLimits
from worker.executor import Executor
from worker.heartbeat import Heartbeat
from worker.image_limits import image_limits
from worker.image_store import NetworkLimits, open_stores
from worker.intake import Intake
from worker.janitor import Janitor
from worker.lease import LeaseKeeper
from worker.logs import LogFormat, configure_logging, fields, say_json
from worker.loop import Loop
from worker.metrics import Metrics
from worker.poll_watch import PollWatch
from worker.recorder import Recorder
from worker.registration import Registrar
from worker.run import Report, Verdict
from worker.settings import Settings, load, unknown_variables
from worker.task_state import JobFailed, tell_celery
from worker.transport import last_poll

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celery.app.task import Task

log = logging.getLogger(__name__)

# About 6 s of trying, so that an outcome survives a short absence of Redis.
_LEDGER_RETRIES = 10
_AFTER_REFUSAL = 1.0


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
            thread_bound=True,
        )
        store = JobStore(
            redis,
            keys=keys,
            retention=Retention(
                succeeded=math.ceil(settings.keep_succeeded),
                failed=math.ceil(settings.keep_failed),
                superseded=math.ceil(settings.keep_superseded),
                cancelled=math.ceil(settings.keep_cancelled),
                expired=math.ceil(settings.keep_expired),
            ),
        )
        self.leases = LeaseKeeper(store, settings.lease)
        self.accounts = Accounts(
            settings.api_keys, grace=settings.key_grace, on_change=lambda _: self.registrar.tick()
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
            callbacks=bool(settings.callback_url),
        )
        self._messenger = _open_messenger(settings, store, metrics)
        self.executor = Executor(
            store=store,
            leases=self.leases,
            image_stores=_open_stores(settings),
            accounts=self.accounts,
            image_limits=image_limits(settings),
            endpoint=EndpointClient(
                settings.endpoint_url,
                RequestLimits(
                    connect=settings.connect_timeout,
                    read=settings.read_timeout,
                    total=settings.request_timeout,
                ),
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
        self.intake = Intake(client, store)
        # Once a request has had its time, a little more to record what came of it.
        self.departure = Departure(store, self.leases, settings.request_timeout + 5)
        watch = PollWatch(
            store,
            has_room=lambda: self.leases.count < settings.concurrency,
            last_poll=last_poll,
            on_stuck=self.departure.go,
        )
        self.heartbeat = Heartbeat(
            store.pool,
            metrics,
            name=name,
            host=host,
            pid=pid,
            version=version("facelift"),
            slots=settings.concurrency,
            busy=lambda: self.leases.count,
            last_poll=last_poll,
        )
        self.celery = self._build_celery(
            celery_settings(redis_url, keys.queue, settings.concurrency)
        )
        self._loops = (
            Loop("registration", self.registrar.tick),
            Loop("key watch", self.accounts.tick),
            Loop("dispatcher", Dispatcher(store, metrics).tick),
            Loop("heartbeat", self.heartbeat.tick),
            Loop("janitor", Janitor(store).tick),
            Loop("poll watch", watch.tick),
            Loop("events", self.celery.events.tick),
            *([Loop("callbacks", self._messenger.tick)] if self._messenger else ()),
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
        if self._messenger:  # the rest of the URL may be a secret
            host = urlsplit(settings.callback_url.get_secret_value()).hostname
            log.info("callbacks are on", extra=fields(receiver=host))
        for loop in self._loops:
            loop.start()

    def stop(self, **_: object) -> None:
        """Stop that, and close what is open; what was in flight has ended."""
        self.departure.finish()
        for loop in self._loops:
            loop.stop()
        if self._messenger:
            self._messenger.close()
        self.heartbeat.leave()
        self.leases.stop()
        self.executor.endpoint.close()

    def _run(self, job_id: str) -> Report:
        try:
            return self.executor.run(job_id)
        except FaceliftError as error:
            log.warning("left to the agenda", extra=fields(job=job_id, reason=str(error)))
            # Or a Redis that refuses would see the whole queue drained for nothing.
            time.sleep(_AFTER_REFUSAL)
            return Report(Verdict.WAITS, str(error))

    def _build_celery(self, conf: dict[str, object]) -> Celery:
        celery = Celery(
            "facelift",
            amqp="worker.transport:Amqp",
            events="worker.events:Events",
            set_as_current=False,
        )
        celery.conf.update(conf)

        @celery.task(  # type: ignore[untyped-decorator] # celery is untyped
            name=UPLOAD_TASK, bind=True, throws=(JobFailed,), Request=Doorbell
        )
        def upload(task: Task) -> str:
            return self._tell(task.request.id, self._run(task.request.id))

        # Late acknowledgement: until it is in the ledger, the message is all there is.
        @celery.task(  # type: ignore[untyped-decorator] # the same
            name=ENQUEUE_TASK, bind=True, typing=False, acks_late=True, throws=(JobFailed,)
        )
        def enqueue(task: Task, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401
            try:
                report = self.intake.receive(task.request.id, args, kwargs)
            except FaceliftError as error:
                log.warning(
                    "left on the queue", extra=fields(job=task.request.id, reason=str(error))
                )
                time.sleep(_AFTER_REFUSAL)  # it is the next to be taken again
                raise Reject(str(error), requeue=True) from error
            return self._tell(task.request.id, report)

        return celery

    def _tell(self, task_id: str, report: Report) -> str:
        return tell_celery(report, lambda: self.celery.events.revoked(task_id))


def _open_stores(settings: Settings) -> dict[str, Any]:
    limits = NetworkLimits(timeout=settings.store_timeout, connections=settings.concurrency)
    try:
        return open_stores(settings.image_stores, limits)
    except ValueError as error:
        raise InvalidSettings(
            [f"FACELIFT_IMAGE_STORES {problem}" for problem in error.args]
        ) from error


def _open_messenger(settings: Settings, store: JobStore, metrics: Metrics) -> Messenger | None:
    url, timeout = settings.callback_url.get_secret_value(), settings.callback_timeout
    if not url:
        return None
    try:
        receiver = Receiver.from_url(url, Signer(settings.callback_secrets), timeout)
    except ValueError as error:
        raise InvalidSettings([f"FACELIFT_CALLBACK_URL {error}"]) from error
    return Messenger(
        *(store.callbacks, receiver, patience(settings.backoff_base), Random(), metrics),
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

app = _worker.celery
set_up_logging = _worker.set_up_logging
setup_logging.connect(set_up_logging)
worker_ready.connect(_worker.start)
worker_shutting_down.connect(_worker.departure.on_signal)
worker_shutdown.connect(_worker.stop)
