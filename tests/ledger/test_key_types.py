"""Keys of the ledger that hold another Redis type than they must are found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.ledger.key_types import member_types, shared_types
from facelift.status.server import WrongType
from facelift.units import Rate

if TYPE_CHECKING:
    from tests.ledger.driver import Ledger


def wrong_keys(ledger: Ledger, limit: int = 1_000) -> list[str]:
    return [each.key for each in ledger.store.wrong_types(limit)]


def fill(ledger: Ledger) -> None:
    """Use every key: a job that runs, one that waits, one that has ended."""
    ledger.register(Rate(1, 10), webhooks=True)
    ledger.acquire_with_permit(ledger.enqueue(batch="logos"))
    ledger.enqueue("other", batch="logos", asset="icon", action="remove")
    ledger.store.cancel(ledger.enqueue("third"))
    ledger.store.pool.pause(None, by="ana", reason="", until=None)


def test_ledger_in_use_has_no_key_of_a_wrong_type(ledger: Ledger) -> None:
    fill(ledger)
    assert ledger.store.wrong_types() == []


def test_every_key_of_a_wrong_type_is_found(ledger: Ledger) -> None:
    fill(ledger)
    keys = ledger.store.keys
    of_members = {
        **member_types(keys, "default", "account", "account_queue", "rate_window"),
        **member_types(keys, "logos", "batch", "batch_pending"),
        **member_types(keys, "default:bot", "chatbot_queue", "chatbot_lock"),
        **member_types(keys, "default/icon:other", "chatbot_queue"),
        keys.job("job-1"): "hash",
    }
    for key, expected in (shared_types(keys) | of_members).items():
        kept = ledger.redis.exists(key) and ledger.redis.rename(key, "kept")
        ledger.redis.geoadd(key, [0, 0, "here"]) if expected != "zset" else ledger.redis.set(key, 1)
        found = "string" if expected == "zset" else "zset"
        assert ledger.store.wrong_types() == [WrongType(key, found, expected)]
        ledger.redis.delete(key)
        if kept:
            ledger.redis.rename("kept", key)


@pytest.mark.parametrize("limit", [1, 2])
def test_search_follows_a_bounded_number_of_jobs(ledger: Ledger, limit: int) -> None:
    for number in range(3):
        ledger.redis.delete(ledger.store.keys.job(ledger.enqueue(f"bot-{number}")))
        ledger.redis.set(ledger.store.keys.job(f"job-{number + 1}"), "not ours")
    assert len(wrong_keys(ledger, limit)) == limit
