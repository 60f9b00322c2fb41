from __future__ import annotations

import logging

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.logs import Brief


def told(logger: str, message: str, error: Exception | None = None) -> str:
    """What a record comes out as."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(logger, logging.CRITICAL, __file__, 1, message, None, info)
    return Brief("%(levelname)s %(message)s").format(record)


def test_message_of_several_lines_is_folded_into_one() -> None:
    assert told("celery.worker", "Cannot connect.\nTrying again\n\n") == (
        "CRITICAL Cannot connect. Trying again"
    )


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), BrokenPipeError("gone")])
def test_absence_of_redis_needs_no_traceback_of_celery(error: Exception) -> None:
    assert told("celery.worker.strategy", "Couldn't ack", error) == "CRITICAL Couldn't ack"


@pytest.mark.parametrize(
    ("logger", "error"),
    [("celery.worker", ZeroDivisionError("defect")), ("worker.loop", OSError("disk full"))],
)
def test_defect_keeps_its_traceback(logger: str, error: Exception) -> None:
    lines = told(logger, "It failed", error).splitlines()
    assert lines == ["CRITICAL It failed", f"{type(error).__name__}: {error}"]
