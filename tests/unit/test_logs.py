from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from facelift.codes import Decision
from worker.monitoring.logs import Json, Text, fields


def record(
    message: str,
    logger: str = "worker.delivery.recorder",
    error: Exception | None = None,
    **about: object,
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord(logger, logging.CRITICAL, __file__, 1, message, None, info)
    made.created = 1_764_000_000.25
    vars(made).update(fields(**about))
    return made


def text(*arguments: Any, **about: Any) -> str:
    return Text().format(record(*arguments, **about))


def parsed(*arguments: Any, **about: Any) -> dict[str, Any]:
    line = Json().format(record(*arguments, **about))
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


ABOUT = {"job": "7f0c", "status": 503, "duration": 0.5, "decision": Decision.RETRY, "next_at": None}


def test_line_for_a_person_has_its_fields_behind_the_message() -> None:
    assert text("attempt", **ABOUT) == (
        "2025-11-24T16:00:00.250Z CRITICAL attempt"
        " job=7f0c status=503 duration=0.500 decision=retry"
    )


def test_object_has_the_same_fields_beside_the_message() -> None:
    found = parsed("attempt", **ABOUT)
    assert isinstance(found.pop("pid"), int)
    assert found == {
        "time": "2025-11-24T16:00:00.250Z",
        "level": "critical",
        "message": "attempt",
        "logger": "worker.delivery.recorder",
        "job": "7f0c",
        "status": 503,
        "duration": 0.5,
        "decision": "retry",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("acme-eu", "acme-eu"),
        ("https://host:8800/a", "https://host:8800/a"),
        ("two words", '"two words"'),
        ("", '""'),
        ('say "a=b"', '"say \\"a=b\\""'),
        ("line\nbreak", '"line\\nbreak"'),
        ("Zoë", "Zoë"),
        (True, "True"),
    ],
)
def test_value_that_could_be_misread_is_quoted(value: object, shown: str) -> None:
    assert text("it", by=value).endswith(f" it by={shown}")


def test_what_others_put_beside_a_message_is_not_shown() -> None:
    made = record("received", "celery.worker")
    vars(made)["data"] = {"kwargs": "anything"}
    assert "anything" not in Text().format(made) + Json().format(made)


def test_message_of_several_lines_is_folded_into_one() -> None:
    message = "Cannot connect.\nTrying again\n\n"
    assert text(message).endswith(" CRITICAL Cannot connect. Trying again")
    assert parsed(message)["message"] == "Cannot connect.\nTrying again"


WORST = "up\x1b[2J\r\u2028\u202edown\x9b\x7f\n2025-11-24T16:00:00.250Z CRITICAL forged"


@pytest.mark.parametrize("logger", ["worker.delivery.recorder", "celery.worker.consumer.consumer"])
def test_no_line_holds_what_a_terminal_acts_on(logger: str) -> None:
    error = ValueError(WORST)
    line = text(WORST, logger, error, by=WORST)
    assert all(map(str.isprintable, line.split("\n")))
    assert line.count("\n2025") == 0
    assert "up\\x1b[2J  \\u202edown\\x9b\\x7f 2025-11-24T16:00:00.250Z CRITICAL forged" in line
    made = Json().format(record(WORST, logger, error, by=WORST))
    assert made.isascii()
    assert made.isprintable()
    assert json.loads(made)["by"] == WORST


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), BrokenPipeError("gone")])
def test_absence_of_redis_needs_no_traceback_of_celery(error: Exception) -> None:
    about = ("Couldn't ack", "celery.worker.strategy", error)
    assert text(*about).endswith(" CRITICAL Couldn't ack")
    assert "traceback" not in parsed(*about)


@pytest.mark.parametrize(
    ("logger", "error"),
    [("celery.worker", ZeroDivisionError("defect")), ("worker.runtime.loop", OSError("disk full"))],
)
def test_defect_keeps_its_traceback(logger: str, error: Exception) -> None:
    expected = f"{type(error).__name__}: {error}"
    first, *rest = text("It failed", logger, error, loop="events").splitlines()
    assert first.endswith(" CRITICAL It failed loop=events")
    assert rest == [f"  {expected}"]
    assert parsed("It failed", logger, error)["traceback"] == expected


UNCAUGHT = """
import threading, warnings
from worker.monitoring.logs import LogFormat, configure_logging

configure_logging("INFO", LogFormat.JSON)
warnings.warn("old", stacklevel=1)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise KeyError("gone")
"""


def test_what_python_itself_would_print_is_an_object_too() -> None:
    done = subprocess.run(
        (sys.executable, "-c", UNCAUGHT), capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["traceback"].splitlines()[-1] for each in lines] == [
        "ZeroDivisionError: division by zero",
        "KeyError: 'gone'",
    ]
    assert done.returncode == 1
