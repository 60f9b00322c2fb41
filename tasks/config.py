"""Celery's settings, each with the reason.

A Celery message only wakes a worker: record, schedule and lease are the truth. So messages are
acknowledged early, carry nothing, and may be lost or doubled.
"""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from facelift.ledger.broker import broker_settings
from facelift.ledger.keys import Keys

_VISIBILITY_TIMEOUT = 120


def celery_settings(
    redis_url: str, keys: Keys, concurrency: int, own_queue: str = ""
) -> dict[str, object]:
    """The configuration of the Celery app.

    Args:
        redis_url: of the ledger's Redis, which is also the broker.
        keys: of the ledger.
        concurrency: threads of a process.
        own_queue: a list with messages for this process alone.
    """
    shared = broker_settings(redis_url, keys)
    options = {
        **shared.pop("broker_transport_options"),
        "max_connections": concurrency + 20,
        "slots": concurrency,
        "queue": keys.queue,
        "own_queue": own_queue,
        "keyprefix_binding_deadlines": keys.binding_deadlines,
        # Applies to `facelift.enqueue` only, which takes milliseconds.
        "visibility_timeout": _VISIBILITY_TIMEOUT,
    }
    return {
        **shared,
        **_address(redis_url, options),
        # Hardened against malformed queue entries and Redis outages.
        "broker_transport": "tasks.transport:Transport",
        # No result backend: the ledger holds the outcome.
        "task_ignore_result": True,
        "task_serializer": "json",
        "task_create_missing_queues": False,
        "task_acks_late": False,
        # Messages wait in Redis, not in a worker that may die.
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_pool": "threads",
        "worker_concurrency": concurrency,
        # For Flower. They also wake the loop of the threads pool, which could otherwise leave a
        # slot idle for a second.
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Redis may restart, fail over or drop connections at any time.
        "broker_connection_retry_on_startup": True,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
    }


def _address(redis_url: str, options: dict[str, Any]) -> dict[str, object]:
    """Where the broker is, in a form that Celery shows to nobody with its password."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        # Kombu's own form for a socket makes the whole URL, password included, its host's name.
        database = parse_qs(parts.query).get("db", ["0"])[0]
        userinfo = parts.netloc.rpartition("@")[0]
        host = f"{userinfo}@unix-socket" if userinfo else "unix-socket"
        return {
            "broker_url": urlunsplit(("redis", host, f"/{database}", "", "")),
            "broker_transport_options": options | {"unix_socket_path": unquote(parts.path)},
        }
    return {"broker_transport_options": options}
