"""Words of a newer release, such as its codes, are shown as they stand, by every command."""

from __future__ import annotations

import copy
import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from fakeredis import FakeRedis

from facelift import OutcomeCode, UploadClient
from facelift.cli.group import COMMANDS, cli
from facelift.status.pool import BreakerState
from monitor.rows import outcome_of
from tests.ledger.driver import Ledger
from worker.monitoring.collectors import PoolCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

REASON, CODE, DECISION, STATE = "approval", "image_blurred", "ask", "archived"
EVENT = "moon_{rose}"
ATTEMPT = {
    "started_at": time.time(),
    "duration": 0.1,
    "code": CODE,
    "decision": DECISION,
    "reason": "Too blurred.",
    "counted": True,
}


@pytest.fixture
def newer() -> Iterator[UploadClient]:
    """A ledger that a newer release used: its words are everywhere.

    The job `waits` waits for what it added, `ended` has its outcome, `archived` its state.
    """
    with FakeRedis(decode_responses=True) as redis:
        ledger = Ledger(redis, now=time.time())
        keys = ledger.store.keys
        ledger.register(None)
        for job in ("waits", "ended", "archived"):
            ledger.enqueue(job, job_id=job, batch="spring")
        for job in ("ended", "archived"):
            ledger.fail(ledger.acquire_with_permit(job))
        attempt = {"attempt:1": json.dumps(ATTEMPT)}
        waiting = {"state": "waiting", "wait_reason": REASON, "wait_until": time.time() + 60}
        redis.hset(keys.job("waits"), mapping=waiting | attempt)
        redis.hset(keys.job("ended"), mapping={"outcome": CODE} | attempt)
        redis.hset(keys.job("archived"), mapping={"state": STATE, "outcome": CODE} | attempt)
        redis.hincrby(keys.batch("spring"), f"code:{CODE}", 1)
        redis.hset(keys.counts, mapping={REASON: 1, f"ended:{CODE}": 2})
        redis.hset(keys.endpoint, mapping={"breaker": "ajar", "breaker_since": time.time()})
        redis.hset(
            keys.account("default"),
            mapping={"breaker": "ajar", "paused": CODE, "paused_by": "x", "paused_at": time.time()},
        )
        event = {"at": time.time(), "what": EVENT, "reason": "", "by": "facelift"}
        redis.lpush(keys.events, json.dumps(event))
        entry = {**redis.xrange(keys.outcomes)[0][1], "outcome": CODE, "state": STATE}
        redis.xadd(keys.outcomes, entry)
        yield UploadClient(redis=redis)


@pytest.fixture
def facelift(newer: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(UploadClient, "from_env", lambda: newer)
    monkeypatch.setattr(newer, "close", lambda: None)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


SHOWN: dict[str, tuple[str, ...]] = {
    "status": (REASON, CODE, EVENT, "ajar"),
    "status waits": (REASON,),
    "status ended": (CODE,),
    "status archived": (STATE, CODE),
    "show waits": (REASON, CODE, DECISION),
    "show ended": (CODE,),
    "show archived": (STATE, CODE),
    "wait waits --timeout 0": (REASON,),
    "wait ended": (CODE,),
    "wait archived": (STATE, CODE),
    "watch waits --timeout 0": (REASON,),
    "watch ended": (CODE,),
    "watch archived": (STATE, CODE),
    "list": (REASON, CODE, STATE),
    "list --state waiting": (REASON,),
    "batch list": (),
    "batch show spring": (CODE,),
    "batch watch spring --timeout 0": (),
    "top --once": (REASON, "ajar"),
    "cancel ended": (),
    "priority high ended": (),
    "replay ended": (),
    "replay archived": (),
    "replay --state failed": (),
    "pause default --reason test": (),
    "resume default": (),
    "cancel waits": (),
    "batch cancel spring": (),
    "enqueue bot media:a.png": (),
    "remove bot": (),
    "doctor": (),
    "health": (),
}
"""Each command with what it shows."""

IN_JSON_ONLY = {(DECISION, "show waits"), (CODE, "status")}
NOT_OF_JOBS = {"enqueue-many", "worker", "check", "fit", "demo", "endpoint", "completion"}


@pytest.mark.parametrize("command", SHOWN)
def test_command_shows_words_that_it_does_not_know(
    facelift: Callable[..., Result], command: str
) -> None:
    for form in ((), ("--json",)):
        said = facelift(*command.split(), *form)
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        for word in SHOWN[command]:
            if form or (word, command) not in IN_JSON_ONLY:
                assert word in said.output


def test_every_command_about_jobs_is_tried_here() -> None:
    tried = {command.split()[0] for command in SHOWN}
    assert tried == {name for group in COMMANDS.values() for name in group} - NOT_OF_JOBS


def test_wait_for_a_job_in_an_unknown_state_returns_if_it_has_ended(newer: UploadClient) -> None:
    assert newer.wait("archived", 0).state == STATE
    assert not newer.status("archived").state.is_terminal
    assert newer.status("archived").has_ended


def test_searches_take_words_that_records_have(newer: UploadClient) -> None:
    record = newer.status("archived")
    found = newer.find(state=record.state, code=record.outcome).records
    assert [each.id for each in found] == ["archived"]


def test_words_are_pickled_and_copied_as_they_are(newer: UploadClient) -> None:
    record, pool = newer.status("archived"), newer.pool()
    for value in (record, pool, OutcomeCode.read(CODE)):
        assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value  # noqa: S301 - our own bytes


def test_pool_counts_what_it_does_not_know(newer: UploadClient) -> None:
    pool = newer.pool()
    assert pool.ended[OutcomeCode.read(CODE)] == 2
    assert pool.waiting[next(each for each in pool.waiting if each == REASON)] == 1
    assert isinstance(pool.breaker, BreakerState)


def test_metrics_and_flower_have_the_words(newer: UploadClient) -> None:
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in PoolCollector(newer.ledger.pool).collect()
        for sample in family.samples
    }
    assert samples["facelift_pool_jobs_ended_total", CODE] == 2
    assert samples["facelift_pool_waiting_jobs", REASON] == 1
    assert outcome_of(newer.status("waits")).startswith(REASON)
    assert outcome_of(newer.status("archived")).startswith(CODE)


def test_stream_yields_them(newer: UploadClient) -> None:
    found: list[Any] = list(newer.outcomes("0", timeout=0))
    assert (found[-1].state, found[-1].outcome) == (STATE, CODE)
