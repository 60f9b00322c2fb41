"""Accounts pause and go on: a refused key, a changed one, an operator's word."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from sandbox.endpoint.process import EndpointProcess
from sandbox.endpoint.state import key_label
from tests.acceptance.pool import WorkerPool, api_keys, worker_pool
from tests.acceptance.world import eventually
from tests.images import BASELINE, insert_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IN_FILES = ["refused_401", "refused_403", "renewed_401", "renewed_403", "rotated", "swapped"]
IN_VARIABLES = ["healthy", "held", "timed", "late"]
ACCOUNTS = [*IN_FILES, *IN_VARIABLES]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each account that has its key in one."""
    folder = tmp_path_factory.mktemp("secrets")
    for account in IN_FILES:
        (folder / account).write_text(f"key-{account}\n")
    return folder


@pytest.fixture(scope="module")
def pool(
    environment: dict[str, str], secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerPool]:
    with EndpointProcess(api_keys=[f"key-{account}" for account in ACCOUNTS]) as endpoint:
        settings = environment | {
            "FACELIFT_KEY_PREFIX": "accounts",
            "FACELIFT_ENDPOINT_URL": endpoint.url,
            **api_keys(*IN_VARIABLES),
            "FACELIFT_IMAGE_STRIP_METADATA_HELD": "true",
            **{f"FACELIFT_API_KEY_{each.upper()}_FILE": str(secrets / each) for each in IN_FILES},
        }
        with worker_pool(tmp_path_factory.mktemp("accounts"), settings, endpoint) as made:
            yield made


def statuses(pool: WorkerPool, key: str) -> list[int | None]:
    """How the endpoint answered the requests with this key."""
    return [each.status for each in pool.endpoint.arrivals() if each.key == key_label(key)]


def refuse(pool: WorkerPool, account: str, status: int) -> None:
    if status == 401:
        pool.endpoint.revoke(f"key-{account}")
    else:
        pool.endpoint.add_rule("*", "status", status=status, key=ACCOUNTS.index(account))


def accept(pool: WorkerPool, account: str) -> None:
    pool.endpoint.accept(f"key-{account}")
    pool.endpoint.clear_rules("*")


def resume(pool: WorkerPool, account: str, _: Path) -> None:
    accept(pool, account)
    assert pool.store.pool.resume(account, by="kim")


def change_the_key(pool: WorkerPool, account: str, secrets: Path) -> None:
    pool.endpoint.accept(f"new-{account}")
    (secrets / account).write_text(f"new-{account}\n")


@pytest.mark.parametrize(
    ("account", "status", "end"),
    [
        ("refused_401", 401, resume),
        ("refused_403", 403, resume),
        ("renewed_401", 401, change_the_key),
        ("renewed_403", 403, change_the_key),
    ],
)
def test_account_whose_key_is_refused_waits_for_a_new_key(
    pool: WorkerPool,
    secrets: Path,
    account: str,
    status: int,
    end: Callable[[WorkerPool, str, Path], None],
) -> None:
    refuse(pool, account, status)
    if status == 401:
        first = pool.enqueue(account)
        pool.until_waiting(first, "account_paused")
    else:
        first, forbidden = [], pool.enqueue(account, 3)
        assert pool.outcomes(forbidden) == {"forbidden"}
    before = len(statuses(pool, f"key-{account}"))
    others = pool.enqueue(account, 5)
    pool.until_waiting(others, "account_paused")
    assert pool.outcomes(pool.enqueue("healthy")) == {"delivered"}
    assert statuses(pool, f"key-{account}") == [status] * before
    (record, *_) = pool.records(others)
    assert f"({status})" in record.message
    eventually(lambda: pool.lines(f"account_paused account={account}"), "its pause is not logged")

    end(pool, account, secrets)
    assert pool.outcomes([*first, *others]) == {"delivered"}
    assert {record.attempts_used for record in pool.records(first)} <= {1}
    eventually(lambda: pool.lines(f"account_resumed account={account}"), "its end is not logged")
    assert len(pool.lines(f"account_paused account={account}")) == 1


def test_success_between_refusals_keeps_the_account_going(pool: WorkerPool) -> None:
    for status, outcome in ((403, "forbidden"), (200, "delivered")) * 3:
        pool.endpoint.add_rule("*", "status", status=status, times=1, key=ACCOUNTS.index("healthy"))
        assert pool.outcomes(pool.enqueue("healthy")) == {outcome}


def test_key_before_is_used_until_the_endpoint_knows_the_new_one(
    pool: WorkerPool, secrets: Path
) -> None:
    old, new = "key-rotated", "new-rotated"
    (secrets / "rotated").write_text(f"{new}\n")
    eventually(
        lambda: len(pool.lines("API keys changed account=rotated")) == 2, "not all saw the change"
    )
    jobs = pool.enqueue("rotated", 6)
    records = pool.wait(jobs)
    assert {record.outcome for record in records} == {"delivered"}
    assert {(len(record.attempts), record.attempts_used) for record in records} == {(1, 1)}
    assert set(statuses(pool, new)) == {401}
    assert statuses(pool, old) == [200] * len(jobs)

    pool.endpoint.accept(new)
    pool.endpoint.revoke(old)
    jobs = pool.enqueue("rotated", 6)
    assert pool.outcomes(jobs) == {"delivered"}
    assert statuses(pool, new)[-1] == 200
    assert not pool.lines("account_paused account=rotated")


def test_key_that_changes_before_its_file_was_read_again_costs_no_job(
    pool: WorkerPool, secrets: Path
) -> None:
    assert pool.outcomes(pool.enqueue("swapped")) == {"delivered"}
    pool.endpoint.accept("new-swapped")
    pool.endpoint.revoke("key-swapped")
    (secrets / "swapped").write_text("new-swapped\n")
    assert pool.outcomes(pool.enqueue("swapped", 6)) == {"delivered"}


@pytest.mark.parametrize(
    ("scope", "reason", "what"),
    [("held", "account_paused", "The account held"), (None, "all_paused", "Everything")],
    ids=["account", "everything"],
)
def test_operators_pause_lets_what_is_in_flight_finish_and_has_the_rest_wait(
    pool: WorkerPool, scope: str | None, reason: str, what: str
) -> None:
    pool.endpoint.add_rule("slow", "delay", seconds=0.7, times=1)
    slow = pool.client.enqueue("slow", "media:good.png", account="held").id
    eventually(lambda: pool.endpoint.stats()["in_flight"], "the slow job is not in flight")
    assert pool.store.pool.pause(scope, by="kim", reason="the invoice is open", until=None)
    before = len(pool.endpoint.arrivals())
    jobs = pool.enqueue("held", 5)
    bad = pool.enqueue("held", image="media:portrait.jpg")
    pool.until_waiting(jobs, reason)
    assert {record.message for record in pool.records(jobs)} == {
        f"{what} is paused by kim: the invoice is open"
    }
    assert pool.outcomes(bad) == {"image_not_square"}
    assert pool.outcomes([slow]) == {"delivered"}
    assert len(pool.endpoint.arrivals()) == before

    going_on = pool.enqueue("healthy")
    if scope:
        assert pool.outcomes(going_on) == {"delivered"}
    else:
        pool.until_waiting(going_on, reason)
    assert pool.store.pool.resume(scope, by="kim")
    assert pool.outcomes([*jobs, *going_on]) == {"delivered"}


def test_one_account_loses_metadata_in_the_worker_where_others_keep_them(
    pool: WorkerPool, media: Path
) -> None:
    photo = insert_segment(BASELINE, 0xE1, b"a photo's place")
    (media / "photo.jpg").write_bytes(photo)
    for account, size in (("healthy", len(photo)), ("held", len(BASELINE))):
        (record,) = pool.wait(pool.enqueue(account, image="media:photo.jpg"))
        assert record.outcome == "delivered"
        assert pool.arrivals(account)[-1].size == size
        assert ("stripped: " in record.message) == (account == "held")


def test_timed_pause_ends_by_itself(pool: WorkerPool) -> None:
    until = round(time.time() + 1, 3)
    assert pool.store.pool.pause("timed", by="kim", reason="", until=until)
    jobs = pool.enqueue("timed", 3)
    pool.until_waiting(jobs, "account_paused")
    assert pool.outcomes(jobs) == {"delivered"}
    assert min(each.arrived for each in pool.arrivals("timed")) >= until


def test_image_that_changes_while_its_job_waits_is_not_sent(pool: WorkerPool, media: Path) -> None:
    pool.store.pool.pause("late", by="kim", reason="", until=None)
    name = "changes.png"
    shutil.copy(media / "good.png", media / name)
    jobs = pool.enqueue("late", image=f"media:{name}")
    eventually(lambda: pool.records(jobs)[0].image_sha256, "the image was not looked at")
    shutil.copy(media / "other.png", media / name)
    pool.store.pool.resume("late", by="kim")
    (record,) = pool.wait(jobs)
    assert record.outcome == "image_changed"
    assert "first read" in record.message
    assert pool.arrivals("late") == []
