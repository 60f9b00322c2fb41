"""The settings of the worker that started last hold for the pool, whoever repeats theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.ledger.pool import BreakerPolicy
from facelift.units import Rate

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger

OLD, NEW = Rate(100, 10), Rate(50, 10)


def limit(ledger: Ledger) -> int | None:
    (account,) = ledger.store.pool.snapshot().accounts
    return account.limit


def test_settings_of_the_newest_start_hold_however_often_others_repeat_theirs(
    ledger: Ledger,
) -> None:
    began = ledger.now
    ledger.register(OLD, worker="old", started=began)
    ledger.register(NEW, worker="new", started=began + 60, breaker=BreakerPolicy(failures=3))
    for _ in range(3):
        ledger.now += 20
        told = ledger.register(OLD, worker="old", started=began)
        assert told.differing == ("breaker_failures", "rate limit of account default")
        assert (
            ledger.register(
                NEW, worker="new", started=began + 60, breaker=BreakerPolicy(failures=3)
            ).differing
            == ()
        )
        assert limit(ledger) == NEW.requests
    pool = ledger.store.pool.snapshot()
    assert (pool.generation, pool.settings_of) == (2, "new")
    assert [str(event.kind) for event in pool.events] == ["settings_changed"]
    assert {each.name: bool(each.differing) for each in pool.workers} == {"old": True, "new": False}


def test_restart_with_the_same_settings_changes_nothing(ledger: Ledger) -> None:
    ledger.register(OLD, worker="first")
    ledger.register(OLD, worker="second")
    pool = ledger.store.pool.snapshot()
    assert (pool.generation, pool.settings_of, pool.events) == (1, "first", ())


def test_settings_are_there_again_after_redis_lost_them(ledger: Ledger) -> None:
    began = ledger.now
    ledger.register(NEW, worker="new", started=began + 60)
    ledger.redis.flushall()
    ledger.register(OLD, worker="old", started=began)
    ledger.register(NEW, worker="new", started=began + 60)
    assert limit(ledger) == NEW.requests
