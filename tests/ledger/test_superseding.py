"""Superseding many jobs of a chatbot: in steps, each of which holds Redis for a moment only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import JobState
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

MOST_COMMANDS = 6_000
"""Of one script; a Redis does about as many in 10 ms."""


def commands_of(redis: Redis, act: Callable[[], object]) -> int:
    """How many commands Redis ran for it, those of scripts included."""
    redis.config_resetstat()
    act()
    return sum(each["calls"] for each in redis.info("commandstats").values())


def pile_up(ledger: Ledger, jobs: int) -> str:
    """So many jobs of a chatbot, with 200 messages at once; returns the newest."""
    for _ in range(jobs):
        newest = ledger.enqueue("busy", batch="pile")
    return newest


def test_success_of_the_newest_supersedes_thousands_in_short_steps(real_redis: Redis) -> None:
    ledger = Ledger(real_redis)
    newest = pile_up(ledger, 2_000)
    lease = ledger.acquire_with_permit(newest)
    steps = [commands_of(real_redis, lambda: ledger.deliver(lease))]
    later = [ledger.enqueue(f"other-{number}") for number in range(3)]
    for _ in range(100):
        steps.append(commands_of(real_redis, lambda: ledger.run_once(0.5)))
        if ledger.store.records.batch("pile").finished_at:
            break
    assert max(steps) < MOST_COMMANDS
    status = ledger.store.records.batch("pile")
    assert status.states == {JobState.SUCCEEDED: 1, JobState.SUPERSEDED: 1_999}
    assert ledger.get("job-1").superseded_by == newest
    assert {ledger.state(job) for job in later} == {JobState.QUEUED}


@pytest.mark.nightly  # thousands of jobs, as above
def test_no_older_image_goes_while_the_older_jobs_are_being_superseded(real_redis: Redis) -> None:
    ledger = Ledger(real_redis)
    ledger.deliver(ledger.acquire_with_permit(pile_up(ledger, 1_500)))
    ledger.lose_messages()
    ledger.run_once(0.01)
    newer = ledger.enqueue("busy")
    for _ in range(60):
        ledger.run_once(11)
        while ledger.messages():
            assert ledger.take_message() == newer
        if ledger.store.records.batch("pile").finished_at:
            break
    assert ledger.state("job-1") is JobState.SUPERSEDED
    assert ledger.state(newer) is JobState.QUEUED


@pytest.mark.nightly
def test_100_000_superseded_jobs_hold_redis_for_20_ms_at_most(real_redis: Redis) -> None:
    ledger = Ledger(real_redis)
    lease = ledger.acquire_with_permit(pile_up(ledger, 100_000))
    real_redis.config_set("slowlog-log-slower-than", "20000")
    real_redis.slowlog_reset()
    try:
        ledger.deliver(lease)
        for _ in range(5_000):
            ledger.run_once(0.5)
            if ledger.store.records.batch("pile").finished_at:
                break
        slow = [entry["duration"] / 1_000 for entry in real_redis.slowlog_get(100)]
    finally:
        real_redis.config_set("slowlog-log-slower-than", "10000")
    assert ledger.store.records.batch("pile").finished_at
    # A busy machine may hold up any of the hundreds of steps.
    assert len([each for each in slow if each > 20]) <= 3, slow
    assert max(slow, default=0) < 60
