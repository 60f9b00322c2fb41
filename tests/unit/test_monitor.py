"""What runs inside Flower, without Flower's process; whole pages are in tests/acceptance."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from tornado.web import HTTPError

from facelift.errors import JobNotFound, LedgerUnavailable
from facelift.record import JobRecord
from monitor.access import guard
from monitor.healing import HealedEvents
from monitor.records import Records
from monitor.rows import COLUMNS, SHOWN, formatter, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

ENQUEUED = {
    "version": "1",
    "state": "queued",
    "chatbot_id": "bot",
    "image": "media:a.png",
    "account": "default",
    "fit": "strict",
    "created_at": "1764000000",
    "expires_at": "1764086400",
}
WAITING = {"state": "waiting", "wait_reason": "retry", "message": "The endpoint answered 500."}
FAILED = {"state": "failed", "outcome": "chatbot_not_found", "message": "No.", "http_status": "404"}


def record(job_id: str = "job", **stored: str) -> JobRecord:
    return JobRecord.decode(job_id, ENQUEUED | stored)


class Ledger:
    """Records by id; counts what is asked for, and may be away."""

    def __init__(self, *known: JobRecord) -> None:
        self.known = {each.id: each for each in known}
        self.asked: list[str] = []
        self.is_away = False

    def status(self, job_id: str) -> JobRecord:
        self.asked.append(job_id)
        if self.is_away:
            raise LedgerUnavailable("Redis cannot be reached")
        if job_id not in self.known:
            raise JobNotFound(job_id)
        return self.known[job_id]


def shown(known: JobRecord | None, state: str = "STARTED") -> Any:
    """The task as the page shows it."""
    records = Records(Ledger(*filter(None, [known])).status)
    task = SimpleNamespace(uuid="job", state=state, args="()", kwargs="{}", result=None)
    return formatter(records)(task)


def test_formatter_is_what_flower_takes_for_one() -> None:
    assert type(formatter(Records(Ledger().status))) is FunctionType
    assert set(COLUMNS) < set(SHOWN.split(","))


def test_task_is_shown_with_its_chatbot_image_and_outcome() -> None:
    task = shown(record(**FAILED, account="acme"))
    assert (task.args, task.kwargs) == ("bot", "media:a.png (acme)")
    assert (task.state, task.result) == ("FAILURE", "chatbot_not_found (404): No.")
    assert task.exception is None


def test_task_of_an_icon_or_a_removal_says_so() -> None:
    assert shown(record(asset="icon")).args == "icon of bot"
    done = {"state": "succeeded", "outcome": "removed", "http_status": "200", "message": "Gone."}
    removal = {name: value for name, value in ENQUEUED.items() if name != "image"}
    task = shown(JobRecord.decode("job", removal | done | {"action": "remove", "account": "acme"}))
    assert (task.args, task.kwargs) == ("removed the picture of bot", "(acme)")
    assert (task.state, task.result) == ("SUCCESS", "removed (200)")


def test_unknown_task_stays_as_it_is() -> None:
    task = shown(None)
    assert (task.state, task.args, task.result) == ("STARTED", "()", None)


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ({"state": "queued"}, "queued"),
        ({"state": "running"}, "running, attempt 1"),
        (WAITING, "retry: The endpoint answered 500."),
        (
            {**WAITING, "wait_until": "1764000060"},
            "retry until 2025-11-24 16:01:00 UTC: The endpoint answered 500.",
        ),
        (
            {"state": "succeeded", "outcome": "delivered", "message": "OK", "http_status": "200"},
            "delivered (200)",
        ),
        ({"state": "superseded", "outcome": "superseded", "message": "Newer."}, "superseded"),
    ],
)
def test_outcome_is_one_line(stored: dict[str, str], text: str) -> None:
    assert outcome_of(record(**stored)) == text


def test_due_time_is_short_when_it_is_today() -> None:
    now = time.time()
    text = outcome_of(record(**WAITING, wait_until=f"{now}", expires_at=f"{now + 1}"))
    assert re.fullmatch(r"retry until \d\d:\d\d:\d\d UTC: The endpoint answered 500\.", text)


def test_due_time_is_shown_unless_it_is_the_deadline() -> None:
    assert shown(record(**WAITING, wait_until="1764000060")).eta == "2025-11-24 16:01:00 UTC"
    assert shown(record(**WAITING, wait_until="1764086400")).eta is None


@pytest.mark.parametrize(
    ("state", "received", "shows"),
    [
        ("queued", "RECEIVED", "RECEIVED"),
        ("queued", "STARTED", "PENDING"),  # its worker died
        ("running", "RETRY", "STARTED"),
        ("superseded", "RETRY", "REVOKED"),
        ("cancelled", "STARTED", "REVOKED"),
        ("expired", "RETRY", "FAILURE"),
    ],
)
def test_state_is_that_of_the_ledger_whatever_flower_heard_last(
    state: str, received: str, shows: str
) -> None:
    assert shown(record(state=state), received).state == shows


def test_ended_job_is_asked_for_once_and_others_each_time() -> None:
    ledger = Ledger(record("ended", **FAILED), record("queued"))
    records = Records(ledger.status)
    for _ in range(3):
        records.get("ended")
        records.get("queued")
    assert ledger.asked == ["ended", "queued", "queued", "queued"]


def test_no_more_ended_jobs_are_remembered_than_allowed() -> None:
    ledger = Ledger(*(record(name, **FAILED) for name in "abc"))
    records = Records(ledger.status, cached=2)
    for name in "abcbca":
        records.get(name)
    assert ledger.asked == ["a", "b", "c", "a"]


def test_redis_that_is_away_is_asked_again_only_after_a_while() -> None:
    now = [0.0]
    ledger = Ledger(record("ended", **FAILED), record("queued"))
    records = Records(ledger.status, monotonic=lambda: now[0])
    records.get("ended")
    ledger.is_away = True
    assert [records.get("queued") for _ in range(50)] == [None] * 50
    assert ledger.asked == ["ended", "queued"]
    assert records.get("ended")
    ledger.is_away = False
    now[0] = 5.0
    assert records.get("queued")


# The memory of Flower, and what the ledger knows better.


def heal(known: JobRecord, *received: str, ago: float = 60) -> Any:
    """The task after a round, of which Flower received these events so long ago."""
    HealedEvents.records = Records(Ledger(known).status)
    app = Celery("test", broker="memory://", set_as_current=False)
    events = HealedEvents(app, io_loop=None, max_tasks_in_memory=1_000)
    for clock, kind in enumerate(received):
        at = time.time() - ago
        events.state.event(
            {
                "type": f"task-{kind}",
                "uuid": known.id,
                "name": "facelift.upload",
                "hostname": "worker",
                "timestamp": at,
                "local_received": at,
                "clock": clock,
            }
        )
    asyncio.run(events.heal())
    return events.state.tasks[known.id]


@pytest.mark.parametrize(
    ("stored", "received", "state"),
    [
        ({"state": "superseded", "outcome": "superseded"}, ("received", "retried"), "REVOKED"),
        ({"state": "expired", "outcome": "expired"}, ("received", "started"), "FAILURE"),
        ({"state": "succeeded", "outcome": "delivered"}, ("received",), "SUCCESS"),
        ({**WAITING, "wait_until": "1764000060"}, ("received", "started"), "RETRY"),
        ({"state": "running"}, ("received", "started"), "STARTED"),
    ],
)
def test_task_whose_last_event_was_lost_is_put_right(
    stored: dict[str, str], received: tuple[str, ...], state: str
) -> None:
    assert heal(record(**stored), *received).state == state


def test_task_whose_event_may_be_on_its_way_is_left_alone() -> None:
    ended = record(state="succeeded", outcome="delivered")
    assert heal(ended, "received", "started", ago=1).state == "STARTED"


def test_success_that_flower_heard_of_is_left_alone() -> None:
    task = heal(record(state="succeeded", outcome="delivered"), "received", "succeeded")
    assert task.result is None


# Pages that ask for no password.


def ask(remote_ip: str, *, is_open: bool, user: Callable[[], Any]) -> str:
    class Page:
        request = SimpleNamespace(remote_ip=remote_ip)
        current_user = property(lambda _: user())

        def get(self) -> str:
            return "OK"

    guard(Page, is_open_on_loopback=is_open)
    return Page().get()


def nobody() -> None:
    raise HTTPError(401)


@pytest.mark.parametrize(("address", "is_open"), [("172.17.0.1", True), ("127.0.0.1", False)])
def test_guarded_page_asks_for_the_password(address: str, is_open: bool) -> None:  # noqa: FBT001 - a case
    with pytest.raises(HTTPError):
        ask(address, is_open=is_open, user=nobody)
    assert ask(address, is_open=is_open, user=lambda: True) == "OK"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_page_for_health_checks_is_open_from_within(address: str) -> None:
    assert ask(address, is_open=True, user=nobody) == "OK"


def test_invalid_settings_are_named_at_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import monitor.app"],
        env=os.environ | {"FACELIFT_KEY_PREFIX": "a b"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "facelift: FACELIFT_KEY_PREFIX must be 1 to 32 of a-z, 0-9, _ and -\n"
