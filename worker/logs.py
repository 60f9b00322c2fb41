"""How the worker logs: one line a fact, on standard error."""

from __future__ import annotations

import logging
import logging.config

from redis.exceptions import RedisError

_LEVELS = {
    "celery.app.trace": "WARNING",  # tells of every task what the attempt's line tells better
    "celery.worker.strategy": "WARNING",
    "urllib3.connectionpool": "INFO",  # tells paths and queries, which may hold a secret
    "py.warnings": "ERROR",  # tells at each lost connection what Celery 6 will do then
}


class Brief(logging.Formatter):
    """Folds a message into one line, and leaves out the traceback of what is no defect.

    When Redis goes, Celery and kombu show where each of their threads noticed.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, with the traceback of a defect below it."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, RedisError | OSError) and _is_celerys(record):
            record = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message in one line."""
        return " ".join(super().formatMessage(record).split("\n")).rstrip()


def configure_logging(loglevel: int | str = "INFO", **_: object) -> None:
    """Set up logging in place of Celery's own; `loglevel` is Celery's `--loglevel`."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": Brief,
                    "format": "%(asctime)s %(levelname)-7s %(message)s",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {name: {"level": level} for name, level in _LEVELS.items()},
            "root": {"level": loglevel or "INFO", "handlers": ["stderr"]},
        }
    )


def _is_celerys(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in {"celery", "kombu"}
