"""An operator pauses, resumes and looks at the pool, by the client."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from facelift import InvalidJob, UploadClient
from facelift.codes import WaitReason
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.replies import Lease, Waiting
from facelift.units import Rate

ME = f"{getpass.getuser()}@{socket.gethostname()}"


def register(client: UploadClient, *accounts: str, rate: Rate | None = None) -> None:
    registrations = [
        Registration(account, rate or Rate(20, 2), f"key-of-{account}") for account in accounts
    ]
    client.ledger.pool.register(BreakerPolicy(), registrations)


def reason_to_wait(redis: Any, client: UploadClient, account: str) -> WaitReason | None:
    """Why a job of `account` does not go on; None if a worker may claim it."""
    for _ in range(8):  # on a short queue, a worker looks at its picture before its turn
        redis.lpush(client.ledger.keys.queue, "{}")
    job = client.enqueue(f"bot-{account}", "media:a.png", account=account).id
    claim = client.ledger.acquire(Lease(job, f"token-{job}"), 15, "worker-1")
    return claim.reason if isinstance(claim, Waiting) else None


def test_jobs_of_a_paused_account_wait_and_those_of_others_do_not(
    client: UploadClient, redis: Any
) -> None:
    register(client, "default", "acme_eu")
    assert client.pause("acme-eu")
    assert reason_to_wait(redis, client, "acme-eu") is WaitReason.ACCOUNT_PAUSED
    assert reason_to_wait(redis, client, "default") is None
    found = client.pool().account("acme-eu")
    assert found is not None
    assert found.pause is not None
    assert client.resume("acme-eu")
    assert reason_to_wait(redis, client, "acme-eu") is None


def test_a_pause_of_everything_holds_every_account(client: UploadClient, redis: Any) -> None:
    register(client, "default", "shop")
    assert client.pause()
    assert reason_to_wait(redis, client, "shop") is WaitReason.ALL_PAUSED
    assert client.resume()
    assert reason_to_wait(redis, client, "shop") is None


def test_accounts_that_no_worker_knows_cannot_be_paused(client: UploadClient, redis: Any) -> None:
    for expected in ("none is known yet", "known are acme_eu, default"):
        with pytest.raises(InvalidJob, match=f"no worker has an API key of invented; {expected}"):
            client.pause("invented")
        assert "invented" not in {each.name for each in client.pool().accounts}
        register(client, "default", "acme_eu")
    assert not redis.exists(client.ledger.keys.account("invented"))


def test_accounts_that_no_worker_knows_are_forgotten(client: UploadClient, redis: Any) -> None:
    keys, pool = client.ledger.keys, client.ledger.pool
    register(client, "default")
    for number in range(20):  # as a producer's own script may do
        pool.pause(f"invented-{number}", by="x", reason="", until=None)
    assert redis.smembers(keys.accounts) == {"default"}
    assert 0 < redis.ttl(keys.account("invented_7")) <= 86_400
    assert reason_to_wait(redis, client, "invented-7") is WaitReason.UNKNOWN_ACCOUNT
    register(client, "invented_7")  # it has come to be known
    assert redis.ttl(keys.account("invented_7")) == -1
    assert [each.name for each in client.pool().accounts if each.pause] == ["invented_7"]
    redis.sadd(keys.accounts, *(f"invented_{number}" for number in range(20)))
    client.ledger.prune(None, 10)
    assert redis.smembers(keys.accounts) == {"default", "invented_7"}


def test_pause_has_author_reason_and_times(client: UploadClient) -> None:
    register(client, "shop")
    before = client.pool().at
    client.pause("shop", by="ana", reason="New key on its way.", until=before + 3600)
    found = client.pool().account("shop")
    assert found is not None
    assert found.pause is not None
    assert (found.pause.by, found.pause.reason) == ("ana", "New key on its way.")
    assert found.pause.code == "operator"
    assert found.pause.until == pytest.approx(before + 3600, abs=0.001)
    assert before - 0.001 <= found.pause.at <= client.pool().at


def test_this_user_at_this_host_pauses_if_nobody_is_named(client: UploadClient) -> None:
    client.pause()
    client.resume()
    assert [(event.kind, event.by) for event in client.pool().events] == [
        ("all_resumed", ME),
        ("all_paused", ME),
    ]


def test_user_without_a_name_is_named_by_number(
    client: UploadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", nameless)
    client.pause()
    pause = client.pool().pause
    assert pause is not None
    assert pause.by.startswith("uid-")


def test_a_pause_takes_the_place_of_the_one_before(client: UploadClient) -> None:
    register(client, "shop")
    assert client.pause("shop", by="ana")
    assert not client.pause("shop", by="bob")
    found = client.pool().account("shop")
    assert found is not None
    assert found.pause is not None
    assert found.pause.by == "bob"


def test_what_is_not_paused_is_not_resumed(client: UploadClient) -> None:
    assert not client.resume("shop")
    assert not client.resume()
    assert client.pool().events == ()


def test_a_pause_may_end_by_itself(client: UploadClient) -> None:
    now = datetime.fromtimestamp(client.pool().at, UTC)
    client.pause(until=now + timedelta(minutes=5))
    pause = client.pool().pause
    assert pause is not None
    assert pause.until == pytest.approx((now + timedelta(minutes=5)).timestamp(), abs=0.01)


@pytest.mark.parametrize(
    ("account", "fields", "problem"),
    [
        ("", {}, "account: must not be blank"),
        ("Shop", {}, "account: must be 1 to 40"),
        ("a:b", {}, "account: must be 1 to 40"),
        ("shop", {"by": " "}, "by: must not be blank"),
        ("shop", {"by": "x" * 101}, "by: is 101 characters long; at most 100"),
        ("shop", {"by": "ana\x1b[2J"}, "by: must hold no control characters"),
        ("shop", {"reason": "x" * 201}, "reason: is 201 characters long; at most 200"),
        ("shop", {"reason": "one\ntwo"}, "reason: must hold no control characters"),
        ("shop", {"reason": None}, "reason: must be text, not NoneType"),
        ("shop", {"until": 1_700_000_000}, "until: must be in the future"),
        ("shop", {"until": datetime(2100, 1, 1)}, "until: needs a time zone"),  # noqa: DTZ001 - that is the mistake
        (
            "shop",
            {"until": "soon"},
            "until: must be Unix seconds, a datetime or a timedelta from now, not str",
        ),
    ],
)
def test_invalid_pause_is_refused_and_changes_nothing(
    client: UploadClient, redis: Any, account: str, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidJob, match=problem):
        client.pause(account, **fields)
    assert redis.keys("*") == []


def test_a_blank_account_does_not_resume_everything(client: UploadClient) -> None:
    client.pause()
    with pytest.raises(InvalidJob, match="account"):
        client.resume("")
    assert client.pool().pause is not None


def test_events_are_limited_and_newest_first(client: UploadClient) -> None:
    for _ in range(3):
        client.pause()
        client.resume()
    assert [event.kind for event in client.pool(events=3).events] == [
        "all_resumed",
        "all_paused",
        "all_resumed",
    ]
    for number in (0, 201):
        with pytest.raises(InvalidJob, match="events: must be a whole number from 1 to 200"):
            client.pool(events=number)
