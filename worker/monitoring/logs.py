"""The worker's log: one line an event, on standard error, as text or as JSON.

Details go into fields: `log.info("event", extra=fields(job=...))`. Both formats show the same
fields. Fields that are None are left out. What a terminal would act on is escaped here, in lines of
Celery and other libraries too.
"""

import json
import logging
import logging.config
import os
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from redis.exceptions import RedisError

from facelift.text import printable, printable_json

_LEVELS = {
    "celery.app.trace": "ERROR",  # repeats what our line on each attempt says better
    "celery.worker.strategy": "WARNING",
    "py.warnings": "ERROR",  # at each lost connection, what Celery 6 will do
}
_PLAIN = re.compile(r"[\w.:/@%+,-]+")


class LogFormat(StrEnum):
    """The format of the log."""

    TEXT = "text"
    """`key=value` after the message, a traceback below it."""
    JSON = "json"
    """One object a line, a traceback in one of its fields."""


def fields(**values: object) -> dict[str, object]:
    """The details of a line, for `extra`."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def at(time: float) -> str:
    """A Unix time as the log shows it, in UTC."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Text(logging.Formatter):
    """A line, with the traceback of a defect below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's line; those of a traceback are indented, so that none looks like another."""
        text = super().format(_without_traceback_of_lost_connection(record))
        return "\n  ".join(map(printable, text.split("\n")))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's names
        """The record's time, in UTC."""
        return at(record.created)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message in one line, and the fields."""
        line = " ".join(super().formatMessage(record).split("\n")).rstrip()
        return " ".join([line, *(f"{name}={_shown(each)}" for name, each in _fields(record))])


class Json(JsonFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return printable_json(super().format(_without_traceback_of_lost_connection(record)))

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """Fill the object; leaves out what other libraries put into `extra`."""
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
    """Set up logging for this process, instead of Celery's own."""
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
    if form is LogFormat.JSON:  # what Python itself prints becomes a line too
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda args: _log_uncaught(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )


def say_json(message: str, file: object = None) -> None:  # noqa: ARG001 - Celery passes it
    """Replaces what Celery writes in a signal handler, where no lock may be taken."""
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
    """A value after `key=`: in quotes if blanks or the like would make it ambiguous."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _without_traceback_of_lost_connection(record: logging.LogRecord) -> logging.LogRecord:
    """Leave out tracebacks that show no defect: Celery's and kombu's of a lost connection."""
    error = record.exc_info[1] if record.exc_info else None
    is_celerys = record.name.partition(".")[0] in {"celery", "kombu"}
    if is_celerys and isinstance(error, RedisError | OSError):
        return logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
    return record
