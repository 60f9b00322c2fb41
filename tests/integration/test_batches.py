"""Batches by the client and by the command, on the fake Redis and on the real one."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import UploadClient
from facelift.cli.group import cli
from facelift.errors import BatchNotFound, InvalidJob
from facelift.operations.batches import BatchTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.ledger.driver import Ledger

SOON = 20.0


@pytest.fixture
def jobs(client: UploadClient) -> list[str]:
    return [client.enqueue(f"bot-{n}", f"media:{n}.png", batch="logos").id for n in range(3)]


@pytest.fixture
def facelift(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_record_names_its_batch(client: UploadClient, jobs: list[str]) -> None:
    assert client.status(jobs[0]).batch == "logos"
    assert client.enqueue("bot", "media:a.png").batch is None


@pytest.mark.parametrize("name", ["", "a b", "-a", "x" * 65, "a:b"])
def test_what_can_be_no_name_of_a_batch_is_refused(client: UploadClient, name: str) -> None:
    for refused in (
        lambda: client.enqueue("bot", "media:a.png", batch=name),
        lambda: client.batch(name),
        lambda: client.cancel_batch(name),
        lambda: client.wait_batch(name),
        lambda: client.find(batch=name),
        lambda: next(client.watch_batch(name)),
    ):
        with pytest.raises(InvalidJob, match=r"^batch: must be 1 to 64 of letters"):
            refused()


def test_unknown_batch_is_not_found(client: UploadClient) -> None:
    for asked in (client.batch, client.wait_batch, client.cancel_batch):
        with pytest.raises(BatchNotFound, match="no batch 'nope'"):
            asked("nope")


def test_waiting_for_a_batch_ends_with_its_last_job(
    client: UploadClient, worker: Ledger, jobs: list[str], redis: Any
) -> None:
    ended: list[Any] = []
    waiting = threading.Thread(target=lambda: ended.append(client.wait_batch("logos", SOON)))
    waiting.start()
    for job in jobs:
        assert ended == []
        worker.deliver(worker.acquire_with_permit(job))
    waiting.join(SOON)
    assert [status.states for status in ended] == [{"succeeded": 3}]
    deadline = time.monotonic() + SOON
    while redis.pubsub_numsub(client.ledger.keys.batch_changes("logos"))[0][1]:
        assert time.monotonic() < deadline, "it still listens"
        time.sleep(0.005)


def test_watch_batch_yields_its_progress(
    client: UploadClient, worker: Ledger, jobs: list[str]
) -> None:
    found = client.watch_batch("logos", SOON, every=0)
    seen = [next(found).pending]
    for job in jobs:
        worker.deliver(worker.acquire_with_permit(job))
        seen.append(next(found).pending)
    assert seen == [3, 2, 1, 0]
    assert list(found) == []


def test_jobs_that_end_together_are_read_as_one_change(
    client: UploadClient, worker: Ledger, jobs: list[str]
) -> None:
    found = client.watch_batch("logos", SOON, every=0)
    next(found)
    worker.fail(worker.acquire_with_permit(jobs[0]))
    assert next(found).pending == 2  # it listens from now on
    for job in jobs[1:]:
        worker.deliver(worker.acquire_with_permit(job))
    assert [status.pending for status in found] == [0]


def test_batch_timeout_has_the_status(client: UploadClient, jobs: list[str]) -> None:
    client.cancel(jobs[0])
    with pytest.raises(BatchTimeout, match="2 of 3 jobs of batch logos have not ended after 0 s"):
        client.wait_batch("logos", 0)


def test_cancel_batch_counts_cancelled_and_running_jobs(
    client: UploadClient, worker: Ledger, jobs: list[str]
) -> None:
    worker.acquire_with_permit(jobs[0])
    done = client.cancel_batch("logos")
    assert (done.cancelled, done.requested) == (2, 1)
    assert client.batch("logos").pending == 1


def test_commands_show_a_batch(
    client: UploadClient, worker: Ledger, jobs: list[str], facelift: Callable[..., Result]
) -> None:
    worker.fail(worker.acquire_with_permit(jobs[0]))
    done = facelift("batch", "show", "logos")
    assert done.exit_code == 6
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "Batch     logos",
        "Jobs      3, of which 1 have ended",
        "States    2 queued, 1 failed",
        "Outcomes  1 chatbot_not_found",
    ]
    assert lines[4].startswith("Started   2")
    assert lines[5:] == ["See them  facelift list --batch logos --state failed"]
    shown = json.loads(facelift("batch", "show", "logos", "--json").stdout)
    assert shown == json.loads(json.dumps(client.batch("logos").as_dict()))
    assert "Batch     logos\n" in facelift("status", jobs[0]).stdout


def test_command_lists_batches(
    client: UploadClient, worker: Ledger, jobs: list[str], facelift: Callable[..., Result]
) -> None:
    worker.fail(worker.acquire_with_permit(jobs[0]))
    client.enqueue("bot", "media:a.png", batch="x" * 64)
    done = facelift("batch", "list")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["STARTED", "JOBS", "ENDED", "FAILED", "NAME"]
    assert sorted(line.split()[3:] for line in lines) == [
        ["1", "0", "0", "x" * 64],
        ["3", "1", "1", "logos"],
    ]
    shown = json.loads(facelift("batch", "list", "--limit", "1", "--json").stdout)
    assert len(shown) == 1


def test_command_says_that_there_is_no_batch(facelift: Callable[..., Result]) -> None:
    done = facelift("batch", "list")
    assert (done.exit_code, done.stdout) == (0, "There are no batches.\n")


def test_commands_choose_jobs_by_their_batch(
    client: UploadClient, worker: Ledger, jobs: list[str], facelift: Callable[..., Result]
) -> None:
    client.enqueue("other", "media:a.png", batch="other")
    for job in (jobs[0], client.enqueue("another", "media:a.png").id):
        worker.fail(worker.acquire_with_permit(job))
    shown = facelift("list", "--batch", "logos").stdout.splitlines()
    assert [line.split("\t")[0] for line in shown] == jobs[::-1]
    shown = facelift("replay", "--batch", "logos", "--dry-run").stdout.splitlines()
    assert [line.split("\t")[0] for line in shown] == [jobs[0]]


def test_command_enqueues_into_a_batch(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    assert facelift("enqueue", "bot", "media:a.png", "--batch", "logos").exit_code == 0
    assert client.batch("logos").total == 1


@pytest.mark.parametrize(("end", "code"), [("deliver", 0), ("fail", 3), ("cancel", 7)])
def test_command_watches_a_batch_and_exits_as_its_worst_job(
    worker: Ledger, jobs: list[str], facelift: Callable[..., Result], end: str, code: int
) -> None:
    for job in jobs[1:]:
        worker.deliver(worker.acquire_with_permit(job))
    if end == "cancel":
        worker.store.cancel(jobs[0])
    else:
        getattr(worker, end)(worker.acquire_with_permit(jobs[0]))
    done = facelift("batch", "watch", "logos")
    assert done.exit_code == code
    lines = done.stdout.splitlines()
    assert lines[0] == "3 of 3  100%" + ("  1 failed" if end == "fail" else "")
    assert lines[1] == "Batch     logos"
    assert lines[6].startswith("Ended     2")


def test_batch_watch_shows_the_progress_at_its_timeout(
    client: UploadClient, jobs: list[str], facelift: Callable[..., Result]
) -> None:
    client.cancel(jobs[0])
    done = facelift("batch", "watch", "logos", "--timeout", "0")
    assert (done.exit_code, done.stdout) == (6, "1 of 3   33%\n")
    assert done.stderr == "facelift: 2 of 3 jobs of batch logos have not ended after 0 s\n"
    assert json.loads(facelift("batch", "watch", "logos", "--timeout=0", "--json").stdout) == (
        json.loads(json.dumps(client.batch("logos").as_dict()))
    )


def test_command_cancels_the_rest_of_a_batch(
    worker: Ledger, jobs: list[str], facelift: Callable[..., Result]
) -> None:
    lease = worker.acquire_with_permit(jobs[0])
    done = facelift("batch", "cancel", "logos")
    assert (done.exit_code, done.stdout) == (
        6,
        "2 cancelled.\n1 running: their images may still be delivered.\n",
    )
    worker.retry_later(lease)
    done = facelift("batch", "cancel", "logos")
    assert (done.exit_code, done.stdout) == (0, "0 cancelled.\n")


def test_batch_commands_exit_with_4_for_an_unknown_batch(facelift: Callable[..., Result]) -> None:
    for command in ("show", "watch", "cancel"):
        done = facelift("batch", command, "nope")
        assert (done.exit_code, done.stdout) == (4, "")
        assert "no batch 'nope'" in done.stderr
