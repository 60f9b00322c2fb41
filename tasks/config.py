"""Celery's settings, each with the reason.

A Celery message only wakes a worker: record, schedule and lease are the truth. So messages are
acknowledged early, carry nothing, and may be lost or doubled.
"""

from facelift.ledger.urls import broker_url

_VISIBILITY_TIMEOUT = 120


def celery_settings(redis_url: str, queue: str, concurrency: int) -> dict[str, object]:
    """The configuration of the Celery app.

    Args:
        redis_url: of the ledger's Redis, which is also the broker.
        queue: its only queue.
        concurrency: threads of a process.
    """
    return {
        "broker_url": broker_url(redis_url),
        # Hardened against malformed queue entries and Redis outages.
        "broker_transport": "tasks.transport:Transport",
        # No result backend: the ledger holds the outcome.
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": queue,
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
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
        "broker_transport_options": {
            # Half-open connections end within seconds instead of minutes.
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "health_check_interval": 3,
            "socket_keepalive": True,
            "max_connections": concurrency + 20,
            "priority_steps": [0],
            "slots": concurrency,
            # Applies to `facelift.enqueue` only, which takes milliseconds.
            "visibility_timeout": _VISIBILITY_TIMEOUT,
        },
    }
