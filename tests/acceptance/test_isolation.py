"""Trouble stays where it is: what fails, hangs or floods delays no upload of anybody else.

The short form of the isolation benchmark, with two real workers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from facelift import UploadJob
from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import WorkerPool, api_keys, worker_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift import JobRecord

IMAGE = "media:good.png"
ACCOUNTS = ["sick", "well", "shaky", "importer", "silent"]
AT_ONCE = 1.5  # seconds; far from what trouble would cost, and from what a busy machine does
GIVE_UP = 4.0
SLOTS = 20
BAD = 15


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerPool]:
    keys = [f"key-{account}" for account in ACCOUNTS]
    with EndpointProcess(api_keys=keys) as endpoint:
        settings = environment | {
            "FACELIFT_KEY_PREFIX": "isolation",
            "FACELIFT_ENDPOINT_URL": endpoint.url,
            "FACELIFT_RATE_LIMIT": "100/10s",
            "FACELIFT_RATE_LIMIT_SHAKY": "off",
            "FACELIFT_RATE_LIMIT_SILENT": "off",
            "FACELIFT_BACKOFF_BASE": "500ms",
            "FACELIFT_BACKOFF_CAP": "5min",
            "FACELIFT_MAX_ATTEMPTS": "20",
            "FACELIFT_READ_TIMEOUT": f"{GIVE_UP:g}s",
            "FACELIFT_REQUEST_TIMEOUT": f"{GIVE_UP:g}s",
            "FACELIFT_CONCURRENCY": str(SLOTS),
            **api_keys(*ACCOUNTS),
        }
        with worker_pool(tmp_path_factory.mktemp("isolation"), settings, endpoint) as made:
            yield made


def delays_of_good_uploads(pool: WorkerPool, *accounts: str, uploads: int = 8) -> list[float]:
    """Seconds from enqueue to outcome of uploads, one after the other in each account."""
    jobs = []
    for _ in range(uploads):
        jobs += [job for account in accounts for job in pool.enqueue(account)]
        time.sleep(0.4)
    return [seconds_taken(record) for record in pool.wait(jobs, timeout=10)]


def seconds_taken(record: JobRecord) -> float:
    assert record.outcome == "delivered"
    assert record.finished_at is not None
    return record.finished_at - record.created_at


def cancel(pool: WorkerPool, jobs: list[str]) -> None:
    """End what is still in the way."""
    pool.endpoint.clear_rules()
    for job in jobs:
        pool.client.cancel(job)


def test_chatbots_that_always_fail_delay_no_other_of_any_account(pool: WorkerPool) -> None:
    for number in range(BAD):
        pool.endpoint.add_rule(f"bad-{number}", "status", status=500)
    bad = [pool.client.enqueue(f"bad-{n}", IMAGE, account="sick").id for n in range(BAD)]
    delays = delays_of_good_uploads(pool, "sick", "well", uploads=10)
    still_failing = sum(record.outcome is None for record in pool.records(bad))
    cancel(pool, bad)
    assert max(delays) < AT_ONCE
    assert still_failing == len(bad)


def test_chatbots_that_fail_three_times_are_all_delivered_by_their_own_backoff(
    pool: WorkerPool,
) -> None:
    chatbots = [f"shaky-{number}" for number in range(40)]
    for chatbot in chatbots:
        pool.endpoint.add_rule(chatbot, "status", status=500, times=3)
    jobs = [pool.client.enqueue(chatbot, IMAGE, account="shaky").id for chatbot in chatbots]
    taken = [seconds_taken(record) for record in pool.wait(jobs, timeout=12)]
    assert max(taken) < 8  # the longest backoff: 0.5, 1 and 2 s


@pytest.mark.nightly  # simulated every time
def test_single_upload_does_not_wait_behind_an_import_of_its_account(pool: WorkerPool) -> None:
    import_ = [
        UploadJob(chatbot_id=f"import-{n}", image=IMAGE, account="importer", batch="import")
        for n in range(1000)
    ]
    jobs = [each.record.id for each in pool.client.enqueue_many(import_)]
    delays = delays_of_good_uploads(pool, "importer", uploads=5)
    waiting = sum(record.state == "waiting" for record in pool.records(jobs))
    pool.client.cancel_batch("import")
    assert max(delays) < AT_ONCE
    assert waiting > 900


def test_account_that_is_never_answered_leaves_slots_to_others(pool: WorkerPool) -> None:
    pool.endpoint.add_rule("*", "delay", seconds=60, key=ACCOUNTS.index("silent"))
    silent = pool.enqueue("silent", 5 * SLOTS)
    delays = delays_of_good_uploads(pool, "well", uploads=8)
    cancel(pool, silent)
    assert max(delays) < AT_ONCE
