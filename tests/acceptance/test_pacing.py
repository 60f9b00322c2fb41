"""The pool keeps to each account's rate, and to whatever pause or limit the endpoint tells."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import WorkerPool, api_keys, most_within, worker_pool
from tests.acceptance.world import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS, WINDOW = 20, 2.0
RATE = f"{REQUESTS}/{WINDOW:g}s"
CAP = 3.0
# Requests that remain would cause a pause too.
NOTHING_ELSE = {"headers": {"X-RateLimit-Remaining": "", "X-RateLimit-Limit": ""}}
ACCOUNTS = [
    *("steady", "busy", "idle", "seconds", "date", "reset", "milliseconds", "backoff"),
    *("capped", "smaller", "fewer"),
]


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerPool]:
    keys = [f"key-{account}" for account in ACCOUNTS]
    with EndpointProcess(api_keys=keys, options=("--rate-limit", RATE)) as endpoint:
        settings = environment | {
            "FACELIFT_KEY_PREFIX": "pacing",
            "FACELIFT_ENDPOINT_URL": endpoint.url,
            "FACELIFT_RATE_LIMIT": RATE,
            "FACELIFT_PAUSE_CAP": f"{CAP:g}s",
            "FACELIFT_BACKOFF_BASE": "300ms",
            "FACELIFT_BACKOFF_CAP": "1s",
            **api_keys(*ACCOUNTS),
        }
        with worker_pool(tmp_path_factory.mktemp("pacing"), settings, endpoint) as made:
            yield made


def respond_once(pool: WorkerPool, account: str, **options: Any) -> None:
    """Add a rule for the next request with the account's key."""
    pool.endpoint.add_rule("*", "status", times=1, key=ACCOUNTS.index(account), **options)


def test_pool_uses_the_rate_it_is_allowed_and_is_never_refused(pool: WorkerPool) -> None:
    jobs = pool.enqueue("steady", 4 * REQUESTS)
    most_running = 0
    while not all(pool.redis.hexists(pool.keys.job(job), "outcome") for job in jobs[-REQUESTS:]):
        stored = [pool.redis.hgetall(pool.keys.job(job)) for job in jobs]
        running = [each for each in stored if each["state"] == "running"]
        most_running = max(most_running, len(running))
        for each in stored:
            if each["state"] == "waiting":
                assert each["wait_reason"] in {"rate_limited", "backlog"}
                assert "lease_until" not in each
    # Two workers have room for 40 jobs, and the backlog would fill it.
    assert most_running < REQUESTS
    assert pool.outcomes(jobs) == {"delivered"}
    assert pool.endpoint.stats()["refused"] == 0
    times = [each.arrived for each in pool.arrivals("steady")]
    in_three_windows = sum(at < min(times) + 3 * WINDOW for at in times)
    # Each for itself, they would use half of it or be refused.
    assert in_three_windows / (3 * REQUESTS) > 0.7


def test_backlog_of_one_account_does_not_delay_another(pool: WorkerPool) -> None:
    backlog = pool.enqueue("busy", 500)
    (job,) = pool.enqueue("idle")
    (record,) = pool.wait([job])
    still_waiting = [each for each in pool.records(backlog) if each.state == "waiting"]
    for each in backlog:
        pool.store.cancel(each)
    assert record.outcome == "delivered"
    assert record.finished_at is not None
    assert record.finished_at - record.created_at < 10  # the backlog alone takes 50 s
    assert len(still_waiting) > 400


@pytest.mark.parametrize(
    ("account", "asked", "at_least"),
    [
        ("seconds", {"retry_after": 1}, 1.0),
        ("date", {"retry_after_date": 1}, 1.0),
        ("reset", {"ratelimit_reset": 1, **NOTHING_ELSE}, 1.0),
        (
            "milliseconds",
            {"ratelimit_reset": 1, "ratelimit_reset_unit": "ms", **NOTHING_ELSE},
            1.0,
        ),
        ("backoff", {"headers": {"X-RateLimit-Reset": ""}}, 0.3),
    ],
)
def test_429_pauses_the_account_for_all_workers_and_uses_up_no_attempt(
    pool: WorkerPool, account: str, asked: dict[str, Any], at_least: float
) -> None:
    respond_once(pool, account, status=429, **asked)
    (refused,) = pool.enqueue(account)
    eventually(lambda: pool.records([refused])[0].attempts, "there is no 429")
    others = pool.enqueue(account, 5)
    (going_on,) = pool.enqueue("idle")
    assert pool.outcomes([going_on]) == {"delivered"}
    assert pool.outcomes([refused, *others]) == {"delivered"}

    first, *later = pool.arrivals(account)
    assert (first.status, {each.status for each in later}) == (429, {200})
    assert first.answered_at is not None
    pause = min(each.headers_at for each in later) - first.answered_at
    # Its end is rounded to milliseconds, and the workers' clock may be set meanwhile.
    # A date, and a reset, is rounded up to the next second.
    assert at_least - 0.05 <= pause < at_least + 1.9 < CAP
    (record,) = pool.records([refused])
    assert record.attempts_used == 1
    assert [(each.code, each.counted) for each in record.attempts] == [
        ("rate_limited", False),
        ("delivered", True),
    ]
    if account == "seconds":
        idle = pool.arrivals("idle")[-1]
        assert idle.headers_at < min(each.headers_at for each in later)


def test_pause_is_no_longer_than_the_cap(pool: WorkerPool) -> None:
    respond_once(pool, "capped", status=429, retry_after=3600)
    assert pool.outcomes(pool.enqueue("capped")) == {"delivered"}
    first, second = pool.arrivals("capped")
    assert first.answered_at is not None
    assert CAP - 0.05 <= second.headers_at - first.answered_at < CAP + 1.5


def test_smaller_limit_that_the_endpoint_reports_is_kept(pool: WorkerPool) -> None:
    pool.endpoint.add_rule(
        "*",
        "status",
        status=200,
        key=ACCOUNTS.index("smaller"),
        headers={"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4"},
    )
    assert pool.outcomes(pool.enqueue("smaller")) == {"delivered"}
    assert pool.outcomes(pool.enqueue("smaller", 9)) == {"delivered"}
    assert most_within(WINDOW, [each.arrived for each in pool.arrivals("smaller")]) <= 5
    assert len(pool.lines("limit_lowered account=smaller")) == 1


def test_requests_that_others_made_with_the_key_are_allowed_for(pool: WorkerPool) -> None:
    reset = math.ceil(time.time()) + 1
    headers = {
        "X-RateLimit-Limit": str(REQUESTS),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset),
    }
    respond_once(pool, "fewer", status=200, headers=headers)
    assert pool.outcomes(pool.enqueue("fewer")) == {"delivered"}
    jobs = pool.enqueue("fewer", 3)
    pool.until_waiting(jobs, "rate_limited", "backlog")
    assert pool.outcomes(jobs) == {"delivered"}
    _, *later = pool.arrivals("fewer")
    assert min(each.arrived for each in later) >= reset - 0.05
