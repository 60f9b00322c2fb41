"""Keys are named twice, in `keys.py` and in the scripts; both must name the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis, FakeServer

from facelift.job import UploadJob
from facelift.ledger.keys import Keys
from facelift.ledger.pool import BreakerPolicy
from facelift.ledger.replies import Acquired, Lease
from facelift.ledger.store import JobStore
from facelift.status.worker import WorkerReport

if TYPE_CHECKING:
    from collections.abc import Iterator

CHATBOT = "bot:{1} ä"  # a chatbot's name may look like part of a key
# The probe is set and gone without a script; `changes` and `batch_changes` are channels.
NO_SCRIPTS = {"prefix", "base", "probe", "changes", "batch_changes"}
PREFIXES = ["facelift", "a", "9_-" + "x" * 29]


@pytest.fixture
def redis() -> Iterator[FakeRedis]:
    with FakeRedis(server=FakeServer(), decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_scripts_name_their_keys_as_keys_py_does(redis: FakeRedis, prefix: str) -> None:
    keys = Keys(prefix)
    jobs = [f"job-{number}" for number in range(21)]  # more than the queue takes of one account
    named = {
        "job": {keys.job(job) for job in jobs},
        "schedule": {keys.schedule},
        "chatbot_queue": {keys.chatbot_queue(CHATBOT + job) for job in jobs[:-1]},
        "chatbot_lock": {keys.chatbot_lock(CHATBOT + jobs[0])},
        "generation": {keys.generation},
        "idempotency": {keys.idempotency("k:1")},
        "queue": {keys.queue},
        "accounts": {keys.accounts},
        "account": {keys.account("acme_eu")},
        "account_queue": {keys.account_queue("acme_eu")},
        "rate_window": {keys.rate_window("acme_eu")},
        "endpoint": {keys.endpoint},
        "config": {keys.config},
        "breaker_results": {keys.breaker_results},
        "events": {keys.events},
        "unlogged_events": {keys.unlogged_events},
        "workers": {keys.workers},
        "worker": {keys.worker("host:1")},
        "counts": {keys.counts},
        "jobs": {keys.jobs},
        "outcomes": {keys.outcomes},
        "batches": {keys.batches},
        "webhooks": {keys.webhooks},
        "batch": {keys.batch("logos")},
        "batch_pending": {keys.batch_pending("logos")},
    }
    assert named.keys() == {name for name in vars(Keys) if name[0] != "_"} - NO_SCRIPTS

    store = JobStore(redis, keys=keys)
    store.pool.register(BreakerPolicy(), [], webhooks=True)
    for number, name in enumerate(jobs):
        job = UploadJob(
            chatbot_id=CHATBOT + name,
            image="media:a.png",
            account="acme-eu",
            idempotency_key=None if number else "k:1",
            batch="logos",
        )
        store.enqueue(job, name, lifetime=60, idempotency_window=60)
    assert isinstance(store.acquire(Lease(jobs[0], "t"), 15, "w"), Acquired)
    store.pool.report_failure(jobs[0], "Broken.")
    store.cancel(jobs[-1])
    store.pool.pause("acme-eu", by="ana", reason="", until=None)
    store.pool.heartbeat(
        WorkerReport(
            name="host:1",
            host="host",
            pid=1,
            version="0",
            age=1.0,
            poll_age=1.0,
            slots=1,
            busy=0,
        )
    )
    assert set(redis.keys("*")) == set().union(*named.values())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_all_keys_but_the_queue_share_a_hash_tag(prefix: str) -> None:
    keys = Keys(prefix)
    tag = "{" + prefix + "}:"
    others = [
        keys.schedule,
        keys.generation,
        keys.job("j"),
        keys.chatbot_queue("b"),
        keys.chatbot_lock("b"),
    ]
    assert all(key.startswith(tag) for key in [*others, keys.idempotency("k")])
    assert keys.queue == prefix


def test_ledgers_with_different_prefixes_do_not_meet(redis: FakeRedis) -> None:
    job = UploadJob(chatbot_id="bot", image="media:a.png", idempotency_key="k")
    for prefix in ("one", "two"):
        is_new, _ = JobStore(redis, keys=Keys(prefix)).enqueue(
            job, "job-1", lifetime=60, idempotency_window=60
        )
        assert is_new


@pytest.mark.parametrize("prefix", ["", "Facelift", "a b", "a:b", "{a}", "ä", "a\n", "x" * 33])
def test_a_prefix_that_could_break_keys_or_scripts_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^must be 1 to 32 of a-z, 0-9, _ and -$"):
        Keys(prefix)
