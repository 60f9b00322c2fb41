"""Keys are named twice, in `keys.py` and in the scripts; both must name the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakeredis import FakeRedis, FakeServer

from facelift.attempt import Attempt
from facelift.codes import Decision, OutcomeCode, WaitReason
from facelift.job import UploadJob
from facelift.ledger.keys import Keys
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.replies import Acquired, Lease, Permit, Waiting
from facelift.ledger.store import JobStore
from facelift.status.worker import WorkerReport

if TYPE_CHECKING:
    from collections.abc import Iterator

CHATBOT = "bot:{1} ä"  # a chatbot's name may look like part of a key
# The probe is set and gone without a script; `changes` and `batch_changes` are channels. Kombu and
# the workers use the others.
NO_SCRIPTS = {
    *("prefix", "base", "probe", "changes", "batch_changes"),
    *("unacked", "unacked_index", "unacked_mutex", "binding_deadlines", "refused_messages"),
}
PREFIXES = ["facelift", "a", "9_-" + "x" * 29]


@pytest.fixture
def redis() -> Iterator[FakeRedis]:
    with FakeRedis(server=FakeServer(), decode_responses=True) as client:
        yield client


def index_of(chatbot: str) -> str:
    """Which index of jobs has a chatbot's, by docs/ledger.md."""
    number = 0
    for byte in chatbot.encode():
        number = (number * 65_599 + byte) % 2**32
    return str(number % 16_381)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_scripts_name_their_keys_as_keys_py_does(redis: FakeRedis, prefix: str) -> None:
    keys, account = Keys(prefix), "acme_eu"
    jobs = [f"job-{number}" for number in range(26)]  # more than the queue takes of one account
    bots = [f"acme_eu:{CHATBOT}{job}" for job in jobs]
    named = {
        "job": {keys.job(job) for job in [*jobs, "single", "ghost"]},
        "schedule": {keys.schedule},
        "chatbot_queue": {
            keys.chatbot_queue(bot)
            for bot in [*bots[:-1], f"acme_eu:{CHATBOT}single", f"ghost:{CHATBOT}"]
        },
        "chatbot_lock": {
            keys.chatbot_lock(bot) for bot in [*bots[3:5], f"acme_eu:{CHATBOT}single"]
        },
        "generation": {keys.generation},
        "idempotency": {keys.idempotency("k:1")},
        "queue": {keys.queue},
        "accounts": {keys.accounts},
        "api_keys": {keys.api_keys},
        "unknown_jobs": {keys.unknown_jobs},
        "quarantined": {keys.quarantined},
        "quarantine_queue": {keys.quarantine_queue},
        "quarantine_running": {keys.quarantine_running},
        "lost_worker": {keys.lost_worker("lost"), keys.lost_worker("other")},
        "unsettled": {keys.unsettled(bot) for bot in bots[:2]},
        "chatbot_jobs": {
            keys.chatbot_jobs(index_of(CHATBOT + name)) for name in [*jobs, "single", ""]
        },
        "account": {keys.account(account)},
        "account_queue": {keys.account_queue(account)},
        "flow_queue": {keys.flow_queue(f"{account}:normal/batch:logos")},
        "account_keys": {keys.account_keys(account)},
        "idle_flows": {keys.idle_flows(account)},
        "suspect_queue": {keys.suspect_queue(account)},
        "suspects": {keys.suspects(account)},
        "suspect": {keys.suspect(f"{account}:{CHATBOT}{job}") for job in jobs[:2]},
        "suspects_running": {keys.suspects_running(account)},
        "failures": {keys.failures(account)},
        "charged": {keys.charged(account)},
        "running": {keys.running(account)},
        "rate_window": {keys.rate_window(account)},
        "endpoint": {keys.endpoint},
        "unanswered": {keys.unanswered},
        "config": {keys.config},
        "clock": {keys.clock},
        "events": {keys.events},
        "unlogged_events": {keys.unlogged_events},
        "workers": {keys.workers},
        "worker": {keys.worker("host:1")},
        "worker_keys": {keys.worker_keys("host:1")},
        "worker_settings": {keys.worker_settings(f"host:{each}") for each in (1, 2)},
        "worker_queue": {keys.worker_queue("host:1")},
        "counts": {keys.counts},
        "jobs": {keys.jobs},
        "outcomes": {keys.outcomes},
        "batches": {keys.batches},
        "webhooks": {keys.webhooks},
        "stores": {keys.stores},
        "store_queue": {keys.store_queue("media")},
        "batch": {keys.batch("logos")},
        "batch_pending": {keys.batch_pending("logos")},
    }
    assert named.keys() == {name for name in vars(Keys) if name[0] != "_"} - NO_SCRIPTS

    now = 1_764_000_000.0
    store = JobStore(redis, keys=keys, now=lambda: now)
    store.pool.register(
        BreakerPolicy(), [Registration(account, None, "key")], worker="host:1", webhooks=True
    )
    store.pool.register(BreakerPolicy(), [], worker="host:2", stores=["attic"])

    def enqueue(name: str, batch: str | None = None) -> None:
        key = "k:1" if name == jobs[0] else None
        job = UploadJob(
            chatbot_id=CHATBOT + name,
            image="media:a.png",
            account="acme-eu",
            idempotency_key=key,
            batch=batch,
        )
        store.enqueue(job, name, lifetime=60, idempotency_window=60)

    def fail(name: str) -> None:
        lease = Lease(name, f"token-{name}")
        assert isinstance(store.acquire(lease, 15, "w"), Acquired)  # also if it is ours already
        assert isinstance(store.acquire_permit(lease, 15, 30, sha256="0" * 64), Permit)
        store.pool.report_failure(lease, OutcomeCode.DNS_FAILED, "Broken.")
        attempt = Attempt(
            now, 0.1, OutcomeCode.DNS_FAILED, None, Decision.RETRY, "No.", None, counted=True
        )
        store.retry_later(lease, now + 1, WaitReason.RETRY, "Broken.", attempt)

    enqueue(jobs[0], "logos")
    fail(jobs[0])
    now += 2
    store.run_schedule(100)  # sends the suspect's job again
    for name in jobs[1:-1]:
        enqueue(name, "logos")
    enqueue("single")
    enqueue(jobs[-1], "logos")
    for name in jobs[1:6]:  # makes room on the queue, for the single job too
        worker = "other" if name == jobs[5] else "w"
        assert isinstance(store.acquire(Lease(name, f"token-{name}"), 15, worker), Acquired)
    fail(jobs[1])
    assert isinstance(store.acquire(Lease("single", "lost"), 15, "lost"), Acquired)
    store.pool.gone("lost")
    store.run_schedule(100)
    store.run_schedule(100)
    assert isinstance(store.acquire(Lease("single", "token-single"), 15, "host:1"), Acquired)
    store.pool.pause("acme-eu", by="ana", reason="", until=None)
    now += 2
    store.pool.gone("other")
    store.run_schedule(100)
    store.pool.pause("acme-eu", by="ana", reason="again", until=None)
    store.enqueue(
        UploadJob(chatbot_id=CHATBOT, image="media:a.png", account="ghost"),
        "ghost",
        lifetime=60,
        idempotency_window=60,
    )
    store.stores.report_outage("host:1", "media", "It is not mounted.")
    out = Attempt(
        now,
        0.1,
        OutcomeCode.IMAGE_STORE_UNAVAILABLE,
        None,
        Decision.RETRY,
        "No.",
        None,
        counted=False,
    )
    store.retry_later(
        Lease(jobs[2], f"token-{jobs[2]}"),
        now + 300,
        WaitReason.STORE_UNAVAILABLE,
        "Out.",
        out,
        store="media",
    )
    store.cancel(jobs[-1])
    store.witness("host:1").check()
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
    assert isinstance(store.acquire(Lease(jobs[7], "token-left"), 15, "host:2"), Waiting)
    assert set(redis.keys("*")) == set().union(*named.values())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_all_keys_but_the_queue_share_a_hash_tag(prefix: str) -> None:
    keys = Keys(prefix)
    tag = "{" + prefix + "}:"
    others = [
        keys.schedule,
        keys.generation,
        keys.job("j"),
        keys.chatbot_queue("a:b"),
        keys.chatbot_lock("a:b"),
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
