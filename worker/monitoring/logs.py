"""How the worker logs: one line a fact, on standard error, for a person or as JSON.

What a line is about goes into fields: `log.info("it happened", extra=fields(job=...))`.
Both forms show the same ones. Those that are None are left out.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import re
import sys
import threading
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pythonjsonlogger.json import JsonFormatter
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_LEVELS = {
    "celery.app.trace": "ERROR",  # tells of every task what a line of ours tells better
    "celery.worker.strategy": "WARNING",
    "urllib3.connection": "ERROR",  # tells paths and queries, which may hold a secret
    "urllib3.connectionpool": "INFO",  # the same
    "py.warnings": "ERROR",  # tells at each lost connection what Celery 6 will do then
}
_PLAIN = re.compile(r"[\w.:/@%+,-]+")


class LogFormat(StrEnum):
    """For whom the log is."""

    TEXT = "text"
    """For a person: `key=value` behind the message, a traceback below it."""
    JSON = "json"
    """For a collector: one object a line, a traceback in a field of it."""


def fields(**values: object) -> dict[str, object]:
    """What a line is about, for `extra`."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def at(time: float) -> str:
    """A Unix time as lines have it, in UTC."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Text(logging.Formatter):
    """For a person: a line, with the traceback of a defect below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return super().format(_without_needless_traceback(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's names
        """When it was, in UTC."""
        return at(record.created)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message in one line, and its fields."""
        line = " ".join(super().formatMessage(record).split("\n")).rstrip()
        return " ".join([line, *(f"{name}={_shown(each)}" for name, each in _fields(record))])


class Json(JsonFormatter):
    """For a collector: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return super().format(_without_needless_traceback(record))

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """What the object holds: none of what others put into `extra`, which may be anything."""
        log_data |= {
            "time": at(record.created),
            "level": record.levelname.lower(),
            "message": record.message.strip(),
            **dict(_fields(record)),
            "logger": record.name,
            "pid": record.process,
        }
        if traceback := message_dict.get("exc_info"):
            log_data["traceback"] = traceback


def configure_logging(loglevel: int | str = "INFO", form: LogFormat = LogFormat.TEXT) -> None:
    """Set up logging, for this process, in place of Celery's own."""
    # No line tells thread, process name or place, and finding them is a quarter of a line's time.
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as logging's HOWTO has it
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": _FORMATTERS[form]}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {name: {"level": level} for name, level in _LEVELS.items()},
            "root": {"level": loglevel or "INFO", "handlers": ["stderr"]},
        }
    )
    if form is LogFormat.JSON:  # what Python itself would print becomes a line too
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda it: _log_uncaught(
            it.exc_type, it.exc_value or it.exc_type(), it.exc_traceback
        )


def say_json(message: str, file: object = None) -> None:  # noqa: ARG001 - Celery says to where
    """In place of what Celery writes while it handles a signal, when no lock may be taken."""
    record = logging.LogRecord("celery.apps.worker", logging.WARNING, "", 0, message, None, None)
    os.write(2, f"{Json().format(record)}\n".encode())


_FORMATTERS: Mapping[LogFormat, type[logging.Formatter]] = {
    LogFormat.TEXT: Text,
    LogFormat.JSON: Json,
}


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.getLogger(__name__).critical("uncaught", exc_info=(kind, error, traceback))


def _fields(record: logging.LogRecord) -> list[tuple[str, Any]]:
    return list(getattr(record, "fields", {}).items())


def _shown(value: object) -> str:
    """A value behind `key=`: in quotes where blanks or the like would make it ambiguous."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _without_needless_traceback(record: logging.LogRecord) -> logging.LogRecord:
    """Leaves out the traceback of what is no defect.

    When Redis goes, Celery and kombu show where each of their threads noticed.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError | OSError) and _is_celerys(record):
        return logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
    return record


def _is_celerys(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in {"celery", "kombu"}
