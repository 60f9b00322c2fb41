"""When a webhook ends, when it is retried, and how many are under way."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import wait
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client import CollectorRegistry

from facelift.errors import LedgerUnavailable
from facelift.ledger.webhooks import DueWebhook, Webhooks
from worker.http import Fault, NoAnswer
from worker.monitoring.metrics import Metrics
from worker.webhooks import WebhookSender, WebhookTarget, patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from facelift.record import JobRecord

RECORD = cast("JobRecord", object())
LEASE = 20.0


class Ledger:
    """Notes what became of the webhooks that it gave out."""

    def __init__(self, *due: DueWebhook, broken: bool = False) -> None:
        self.due = list(due)
        self.limits: list[int] = []
        self.ended: list[str] = []
        self.postponed: dict[str, float] = {}
        self._broken = broken

    def acquire(self, limit: int, lease: float) -> list[DueWebhook]:
        assert lease == LEASE
        self.limits.append(limit)
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    def complete(self, due: DueWebhook) -> None:
        if self._broken:
            raise LedgerUnavailable("Redis is away")
        self.ended.append(due.job_id)

    def retry_later(self, due: DueWebhook, delay: float) -> bool:
        self.postponed[due.job_id] = delay
        return True


class Target:
    """Answers as a test says."""

    def __init__(self, answer: Callable[[], int]) -> None:
        self._answer = answer

    def send(self, record: JobRecord, at: float) -> int:
        assert record is RECORD
        assert at
        return self._answer()


def due(job: str = "job-1", tries: int = 1, record: JobRecord | None = RECORD) -> DueWebhook:
    return DueWebhook(job, tries, 1_764_000_000.0, record)


def sender(
    ledger: Ledger,
    answer: Callable[[], int],
    registry: CollectorRegistry | None = None,
    **options: Any,
) -> WebhookSender:
    return WebhookSender(
        cast("Webhooks", ledger),
        cast("WebhookTarget", Target(answer)),
        patience(1.0),
        Random(1),
        Metrics(registry),
        lease=LEASE,
        **options,
    )


def send(ledger: Ledger, answer: Callable[[], int]) -> None:
    """Attempt all that is due once."""
    runs = sender(ledger, answer)
    runs.run_once()
    runs.close()


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    """The one line of the log."""
    (record,) = caplog.records
    return {"message": record.getMessage(), **vars(record)["fields"]}


def no_answer() -> int:
    raise NoAnswer(Fault.NO_CONNECTION, "it could not be reached", "Connection refused")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_the_end(status: int) -> None:
    ledger = Ledger(due(tries=3))
    send(ledger, lambda: status)
    assert (ledger.ended, ledger.postponed) == (["job-1"], {})


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 409, 429, 500, 503])
def test_any_other_answer_is_followed_by_another_attempt(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(due(tries=2))
    send(ledger, lambda: status)
    assert ledger.ended == []
    assert 0 <= ledger.postponed["job-1"] <= 4
    assert logged(caplog) == {
        "message": "webhook failed",
        "job": "job-1",
        "attempt": 2,
        "reason": f"the target answered {status}",
        "next_in": ledger.postponed["job-1"],
    }


def test_a_target_that_cannot_be_reached_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due())
    send(ledger, no_answer)
    assert ledger.postponed["job-1"] <= 1
    reason = "the target is not available; it could not be reached: Connection refused"
    assert logged(caplog)["reason"] == reason


def test_gone_is_given_up_at_once(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due())
    send(ledger, lambda: 410)
    assert (ledger.ended, ledger.postponed) == (["job-1"], {})
    assert logged(caplog) == {
        "message": "webhook given up",
        "job": "job-1",
        "attempt": 1,
        "reason": "the target answered 410",
    }
    assert caplog.records[0].levelno == logging.ERROR


def test_after_the_last_attempt_it_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due("last", patience(1).max_attempts), due("other", 19))
    send(ledger, no_answer)
    assert ledger.ended == ["last"]
    assert list(ledger.postponed) == ["other"]
    assert caplog.messages.count("webhook given up") == 1


def test_each_attempt_is_counted_by_its_result() -> None:
    registry = CollectorRegistry()
    answers = [200, 503, 410, 200]
    ledger = Ledger(*(due(f"job-{number}") for number in range(4)))
    runs = sender(ledger, answers.pop, registry, at_once=4)
    runs.run_once()
    runs.close()
    counted = {
        result: registry.get_sample_value("facelift_webhook_attempts_total", {"result": result})
        for result in ("sent", "failed", "given_up")
    }
    assert counted == {"sent": 2, "failed": 1, "given_up": 1}


def test_it_retries_for_about_a_day() -> None:
    policy = patience(1.0)
    for seed in range(50):
        rng = Random(seed)
        hours = sum(policy.wait(tries, rng) for tries in range(1, policy.max_attempts)) / 3600
        assert 12 < hours < 40


def test_a_webhook_without_a_record_is_given_up_unsent(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due(tries=0, record=None))
    send(ledger, no_answer)
    assert logged(caplog)["message"] == "webhook given up: its record has expired"


def test_a_record_of_an_unknown_schema_is_left_to_a_newer_worker() -> None:
    ledger = Ledger(due(record=None))
    send(ledger, no_answer)
    assert list(ledger.postponed) == ["job-1"]


def test_what_cannot_be_recorded_is_left_to_its_lease(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due(), broken=True)
    send(ledger, lambda: 200)
    assert logged(caplog) == {
        "message": "webhook left to its lease",
        "job": "job-1",
        "reason": "Redis is away",
    }


def test_a_defect_is_logged_and_left_to_the_lease(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(due())
    send(ledger, lambda: 1 // 0)
    assert "ZeroDivisionError" in caplog.text
    assert (ledger.ended, ledger.postponed) == ([], {})


def test_no_more_are_under_way_than_there_is_room_for() -> None:
    ledger = Ledger(*(due(f"job-{number}") for number in range(5)))
    go_on = threading.Event()

    def hang() -> int:
        assert go_on.wait(30)
        return 200

    runs = sender(ledger, hang, at_once=3)
    assert runs.run_once() == 0  # there may be more
    assert runs.run_once() == 0
    assert ledger.limits == [3]
    go_on.set()
    while ledger.due:
        runs.run_once()
    runs.close()
    assert sorted(ledger.ended) == [f"job-{number}" for number in range(5)]
    assert all(limit <= 3 for limit in ledger.limits)


def test_a_failing_target_gets_one_at_a_time_until_it_works() -> None:
    ledger = Ledger(*(due(f"job-{number}") for number in range(10)))
    answers = [503, 503, 503, 503, 200]
    runs = sender(ledger, lambda: answers.pop(0) if answers else 200, at_once=3)
    pauses = []
    while ledger.due:
        pauses.append(runs.run_once())
        wait(runs._under_way)
    runs.close()
    assert ledger.limits == [3, 1, 1, 3, 3]
    assert pauses[1:3] == [0.5, 0.5]
    assert len(ledger.ended) == 6


def test_it_rests_while_nothing_is_due() -> None:
    assert sender(Ledger(), lambda: 200).run_once() == 0.5
