"""How workers and Flower use the ledger's Redis as Celery's broker.

Other Celery apps may use the same Redis. So every name that Celery and kombu share by default
(unacknowledged messages, remote control, events) begins with the key prefix here, and no variable
of another app counts.
"""

import os
from collections.abc import MutableMapping
from typing import Any

from facelift.ledger.keys import Keys
from facelift.ledger.urls import broker_url

PRIORITIES = tuple(range(10))
"""Celery's priorities of messages; each has a Redis list of its own."""

DEFAULT_QUEUE = "celery"
"""The queue of a Celery app that names none."""

_PREFIXES = ("CELERY_", "KOMBU_")
_NAMES = frozenset(
    {
        # Celery's command reads these without a prefix.
        *("APP", "BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"),
        # So do its modules, and kombu's.
        *("C_BENCH", "C_BENCH_EVERY", "C_FAKEFORK", "C_FORCE_ROOT", "C_IMPDEBUG", "C_REMDEBUG"),
        *("C_STRICT_APP", "C_WARN_APP", "C_WNOCONF", "AUTOSCALE_KEEPALIVE", "DISABLE_TRACEBACKS"),
        *("FORKED_BY_MULTIPROCESSING", "MP_LOG", "MP_MAIN_FILE", "PICKLE_PROTOCOL"),
        *("TIMER_DEBUG", "USE_FAST_LOCALS"),
    }
)


def priority_list(queue: str, priority: int) -> str:
    """The Redis list of a queue's messages of one priority, as kombu names it."""
    return f"{queue}\x06\x16{priority}" if priority else queue


def forget_celery_settings(environ: MutableMapping[str, str] = os.environ) -> None:
    """Remove the variables by which Celery is set up: they are another app's.

    Call it before an app is made; before Celery is imported, it removes those too that Celery's
    modules read.
    """
    for name in [*environ]:
        if name.startswith(_PREFIXES) or name in _NAMES:
            del environ[name]


def broker_settings(redis_url: str, keys: Keys) -> dict[str, Any]:
    """The settings of a Celery app that workers and Flower share.

    Args:
        redis_url: the ledger's.
        keys: of the ledger.
    """
    return {
        "broker_url": broker_url(redis_url),
        "broker_connection_max_retries": None,
        "task_default_queue": keys.queue,
        "accept_content": ["json"],
        "control_exchange": keys.prefix,
        "event_exchange": f"{keys.prefix}.events",
        "event_queue_prefix": f"{keys.prefix}.events",
        "broker_transport_options": {
            # Half-open connections end within seconds instead of minutes.
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "health_check_interval": 5,
            "socket_keepalive": True,
            "priority_steps": list(PRIORITIES),
            "unacked_key": keys.unacked,
            "unacked_index_key": keys.unacked_index,
            "unacked_mutex_key": keys.unacked_mutex,
        },
    }
