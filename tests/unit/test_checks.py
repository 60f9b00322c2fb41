"""How `facelift doctor` judges Redis and the pool."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from facelift.cli.checks.access import check_access
from facelift.cli.checks.findings import Verdict
from facelift.cli.checks.pool import check_pool
from facelift.cli.checks.server import check_redis
from facelift.codes import WaitReason
from facelift.status.pool import ClockStatus
from facelift.status.server import ServerStatus, WrongType
from tests.unit.test_pool_text import (
    ACCOUNT,
    ACCOUNT_DOWN,
    DOWN,
    FAILING,
    NOW,
    PAUSE,
    POOL,
    with_account,
)
from tests.unit.test_top_frame import WORKER

if TYPE_CHECKING:
    from facelift.status.pool import AccountStatus, PoolStatus

GB = 10**9
SERVER = ServerStatus(
    product="redis",
    version="7.2.4",
    mode="standalone",
    is_replica=False,
    keeps_log=True,
    log_is_well=True,
    policy="noeviction",
    used=GB,
    limit=None,
    machine=16 * GB,
    answered_in=0.001,
    skew=0.01,
)
WELL = replace(POOL, workers=(replace(WORKER, version=version("facelift-client")),), oldest_at=None)


def amiss(server: ServerStatus) -> set[tuple[str, Verdict]]:
    return {(f.check, f.verdict) for f in check_redis(server) if f.verdict is not Verdict.OK}


def amiss_in(pool: PoolStatus, *, moves: bool = False) -> set[tuple[str, Verdict]]:
    judged = check_pool(pool, moves=moves)
    return {(f.check, f.verdict) for f in judged if f.verdict is not Verdict.OK}


def test_a_redis_that_is_well_set_up_is_found_so() -> None:
    assert amiss(SERVER) == set()


@pytest.mark.parametrize(
    ("changes", "check", "verdict"),
    [
        ({"version": "6.0.16"}, "Version", Verdict.FAIL),
        ({"mode": "cluster"}, "Mode", Verdict.FAIL),
        ({"mode": "sentinel"}, "Mode", Verdict.FAIL),
        ({"is_replica": True}, "Mode", Verdict.FAIL),
        ({"keeps_log": False}, "Persistence", Verdict.WARN),
        ({"log_is_well": False}, "Persistence", Verdict.FAIL),
        ({"snapshot_is_well": False}, "Persistence", Verdict.FAIL),
        ({"refusal": "Redis is full: OOM."}, "Redis", Verdict.FAIL),
        ({"policy": "allkeys-lru"}, "Eviction", Verdict.WARN),
        ({"policy": "volatile-ttl", "limit": 8 * GB}, "Eviction", Verdict.FAIL),
        ({"used": 13 * GB}, "Memory", Verdict.WARN),
        ({"limit": 10**9}, "Memory", Verdict.FAIL),
        ({"skew": -3.0}, "Clock", Verdict.WARN),
        ({"skew": 400.0}, "Clock", Verdict.FAIL),
        ({"answered_in": 0.2}, "Redis", Verdict.WARN),
        ({"wrong_types": [WrongType("key", "set", "hash")]}, "Keys", Verdict.FAIL),
    ],
)
def test_what_is_wrong_with_redis_is_found(
    changes: dict[str, object], check: str, verdict: Verdict
) -> None:
    assert amiss(replace(SERVER, **changes)) == {(check, verdict)}  # type: ignore[arg-type] # whatever a test wants


@pytest.mark.parametrize("release", ["6.2.0", "6.2.14", "7.0", "8.0.1-rc1"])
def test_every_redis_from_6_2_is_new_enough(release: str) -> None:
    assert amiss(replace(SERVER, version=release)) == set()


def test_a_pool_that_works_is_found_so() -> None:
    assert amiss_in(WELL) == set()


SICK = (replace(ACCOUNT_DOWN.accounts[0], failing_chatbots=2, worst=FAILING.accounts[0].worst),)
ONE_KEY = (
    replace(ACCOUNT, name="acme", shares_key_with=("shop", "studio")),
    replace(ACCOUNT, name="shop", shares_key_with=("acme", "studio")),
    replace(ACCOUNT, name="studio", shares_key_with=("acme", "shop")),
)
STUCK = replace(WELL, oldest_at=NOW - 90)
REFUSED = replace(PAUSE, code="unauthorized")
LEFT = with_account(workers_left=("host-1:7",))
ILL = replace(WELL.workers[0], seen_at=NOW - 25)


@pytest.mark.parametrize(
    ("pool", "check", "verdict"),
    [
        (replace(WELL, workers=()), "Workers", Verdict.FAIL),
        (replace(WELL, workers=(ILL,)), "Workers", Verdict.FAIL),
        (replace(WELL, workers=(*WELL.workers, ILL)), "Workers", Verdict.WARN),
        (replace(WELL, workers=(replace(WORKER, version="0.0.9"),)), "Releases", Verdict.WARN),
        (STUCK, "Queue", Verdict.FAIL),
        (replace(WELL, breaker=DOWN.breaker), "Breakers", Verdict.WARN),
        (replace(WELL, accounts=ACCOUNT_DOWN.accounts), "Breakers", Verdict.WARN),
        (replace(WELL, accounts=FAILING.accounts), "Chatbots", Verdict.WARN),
        (replace(WELL, waiting={WaitReason.UNKNOWN_ACCOUNT: 7}), "Accounts", Verdict.WARN),
        (replace(WELL, accounts=ONE_KEY), "API keys", Verdict.WARN),
        (replace(WELL, pause=PAUSE), "Pauses", Verdict.WARN),
        (replace(WELL, accounts=with_account(pause=PAUSE).accounts), "Pauses", Verdict.WARN),
        (replace(WELL, accounts=with_account(pause=REFUSED).accounts), "Pauses", Verdict.FAIL),
        (replace(WELL, accounts=LEFT.accounts), "API keys", Verdict.WARN),
    ],
)
def test_what_is_wrong_with_the_pool_is_found(
    pool: PoolStatus, check: str, verdict: Verdict
) -> None:
    assert amiss_in(pool) == {(check, verdict)}


def test_a_long_queue_that_moves_is_well() -> None:
    assert amiss_in(STUCK, moves=True) == set()


def test_a_queue_that_stands_still_because_of_a_pause_is_no_failure() -> None:
    assert ("Queue", Verdict.WARN) in amiss_in(replace(STUCK, pause=PAUSE))


def found(pool: PoolStatus, check: str) -> list[str]:
    return [each.message for each in check_pool(pool, moves=False) if each.check == check]


def test_domain_in_trouble_is_named_and_who_is_in_it() -> None:
    (message,) = found(replace(WELL, accounts=ACCOUNT_DOWN.accounts), "Breakers")
    assert message.startswith("of account default: breaker open since 15:59:00: 12 uploads of 7")
    (message,) = found(DOWN, "Breakers")
    assert message.startswith("of the endpoint: breaker open since 15:59:00: The endpoint answered")
    (message,) = found(replace(WELL, accounts=FAILING.accounts), "Chatbots")
    assert message == (
        "2 failing chatbots of account default; those with the most failures in a row: "
        "bot-7 (7 server_error), bot-3 (3 server_error)"
    )


@pytest.mark.parametrize(
    ("pool", "blamed"),
    [
        (replace(DOWN, accounts=SICK), ["of the endpoint"]),
        (replace(POOL, accounts=SICK), ["of account default"]),
    ],
)
def test_only_the_widest_domain_in_trouble_is_blamed(pool: PoolStatus, blamed: list[str]) -> None:
    assert [message.split(":")[0] for message in found(pool, "Breakers")] == blamed
    assert found(pool, "Chatbots") == ["no other chatbot fails"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [(("shopp",), "(shopp)"), (("a", "b", "c", "d"), "(a, b, c, …)")],
)
def test_unknown_accounts_are_named(names: tuple[str, ...], shown: str) -> None:
    pool = replace(WELL, waiting={WaitReason.UNKNOWN_ACCOUNT: 7}, unknown_accounts=names)
    assert found(pool, "Accounts") == [f"waiting: 7 jobs of unknown accounts {shown}"]


def test_accounts_with_one_key_are_found_once() -> None:
    (message,) = found(replace(WELL, accounts=ONE_KEY), "API keys")
    assert message.startswith("acme, shop, studio have one API key")


@pytest.mark.parametrize(
    ("account", "verdict"),
    [
        (ACCOUNT, Verdict.FAIL),
        (ACCOUNT_DOWN.accounts[0], Verdict.WARN),
        (replace(ACCOUNT, pause=PAUSE), Verdict.WARN),
        (replace(ACCOUNT, quiet_until=NOW + 60), Verdict.WARN),
    ],
)
def test_queue_that_only_accounts_in_trouble_have_is_no_failure(
    account: AccountStatus, verdict: Verdict
) -> None:
    assert ("Queue", verdict) in amiss_in(replace(STUCK, queued=0, accounts=(account,)))
    if verdict is Verdict.WARN:  # a message that nobody takes is
        assert ("Queue", Verdict.FAIL) in amiss_in(replace(STUCK, queued=1, accounts=(account,)))


def test_whatever_is_wrong_has_advice() -> None:
    worst = replace(SERVER, version="5", mode="cluster", keeps_log=False, policy="x", skew=999)
    pools = [replace(DOWN, pause=PAUSE), ACCOUNT_DOWN, FAILING, replace(POOL, accounts=ONE_KEY)]
    judged = [*check_redis(worst), *(f for pool in pools for f in check_pool(pool, moves=False))]
    assert all(f.advice for f in judged if f.verdict is not Verdict.OK)

    found = [*check_redis(worst), *check_pool(replace(DOWN, pause=PAUSE), moves=False)]
    assert all(f.advice for f in found if f.verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("redis://10.0.0.5:6379/0", "a password, TLS"),
        ("redis://:canary@redis:6379/0", "a user of its own, TLS"),
        ("redis://default:canary@redis:6379/0", "a user of its own, TLS"),
        ("redis://ana:canary@redis:6379/0", "TLS"),
        ("rediss://redis:6380/0", "a password"),
        ("rediss://:canary@redis.example.com/0", "a user of its own"),
    ],
)
def test_what_protects_a_redis_elsewhere_is_named(url: str, lacks: str) -> None:
    found = check_access(url)
    assert found.verdict is Verdict.WARN
    assert found.message.endswith(f"is used without {lacks}")
    assert "canary" not in found.message


@pytest.mark.parametrize(
    "url",
    [
        *("redis://127.0.0.1:6379/0", "redis://localhost", "redis://[::1]/0", "unix:///run/r.sock"),
        *("redis://127.8.8.8/0", "rediss://ana:canary@redis/0?ssl_cert_reqs=required"),
    ],
)
def test_a_redis_here_or_with_all_of_it_is_well_protected(url: str) -> None:
    assert check_access(url).verdict is Verdict.OK


@pytest.mark.parametrize("option", ["ssl_cert_reqs=none", "ssl_check_hostname=false"])
def test_a_certificate_that_nobody_verifies_is_named(option: str) -> None:
    found = check_access(f"rediss://ana:canary@redis/0?{option}")
    assert found.verdict is Verdict.WARN
    assert option in found.message
    assert "canary" not in found.message


@pytest.mark.parametrize(
    ("step", "says"), [(1800.0, "set forward by 1,800.0 s"), (-3.0, "back by")]
)
def test_recent_step_of_the_clock_is_told(step: float, says: str) -> None:
    clock = ClockStatus(steps=2, step=step, stepped_at=POOL.at - 60, offset=-step)
    (told,) = found(replace(POOL, clock=clock), "Redis' clock")
    assert says in told
    assert "2 times" in told
    old = replace(clock, stepped_at=POOL.at - 100_000)
    assert found(replace(POOL, clock=old), "Redis' clock") == []
