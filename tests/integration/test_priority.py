"""A job or a batch is moved to another priority, by the client and by the command."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import (
    BatchNotFound,
    InvalidJob,
    JobNotFound,
    Priority,
    PriorityChange,
    UploadClient,
)
from facelift.aio import AsyncUploadClient
from facelift.cli.group import cli
from facelift.ledger.replies import Permit
from facelift.units import Rate
from tests.conftest import real_by_day
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


@pytest.fixture
def facelift(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    return lambda *arguments: CliRunner().invoke(cli, ("priority", *arguments))


@pytest.fixture
def jobs(client: UploadClient) -> list[str]:
    return [client.enqueue(f"bot-{n}", f"media:{n}.png", batch="logos").id for n in range(3)]


def priorities(client: UploadClient, jobs: list[str]) -> list[str]:
    return [client.status(job).priority for job in jobs]


@pytest.mark.parametrize("priority", ["high", Priority.LOW])
def test_pending_job_is_moved_and_its_record_says_so(
    client: UploadClient, jobs: list[str], priority: Priority
) -> None:
    assert client.set_priority(jobs[0], priority) is PriorityChange.SET
    assert client.set_priority(jobs[0], priority) is PriorityChange.UNCHANGED
    assert priorities(client, jobs) == [priority, "normal", "normal"]
    assert client.set_priority(jobs[0], "normal") is PriorityChange.SET
    assert client.status(jobs[0]).priority == "normal"


def test_scheduled_and_running_jobs_are_moved(client: UploadClient, worker: Ledger) -> None:
    scheduled = client.enqueue("bot-1", "media:a.png", not_before=9e10).id
    running = client.enqueue("bot-2", "media:a.png").id
    worker.acquire(running)
    for job in (scheduled, running):
        assert client.set_priority(job, "low") is PriorityChange.SET
    assert priorities(client, [scheduled, running]) == ["low", "low"]
    assert client.status(running).state == "running"


def test_ended_job_keeps_its_priority(client: UploadClient, worker: Ledger) -> None:
    job = client.enqueue("bot", "media:a.png").id
    worker.deliver(worker.acquire_with_permit(job))
    assert client.set_priority(job, "high") is PriorityChange.ENDED
    assert client.status(job).priority == "normal"


def test_wrong_arguments_are_named_and_unknown_jobs_not_found(
    client: UploadClient, jobs: list[str]
) -> None:
    wrong: Any = "urgent"
    for refused in (
        lambda: client.set_priority(jobs[0], wrong),
        lambda: client.set_batch_priority("logos", wrong),
    ):
        with pytest.raises(InvalidJob, match=r"^priority: must be one of high, normal, low, not"):
            refused()
    with pytest.raises(InvalidJob, match=r"^job_id: "):
        client.set_priority("no id", "high")
    with pytest.raises(InvalidJob, match=r"^batch: "):
        client.set_batch_priority("no batch", "high")
    with pytest.raises(JobNotFound):
        client.set_priority("nobody", "high")
    with pytest.raises(BatchNotFound):
        client.set_batch_priority("nope", "high")


def test_rest_of_a_batch_is_moved(client: UploadClient, worker: Ledger, jobs: list[str]) -> None:
    worker.deliver(worker.acquire_with_permit(jobs[0]))
    client.set_priority(jobs[1], "high")
    assert client.set_batch_priority("logos", "high") == 1
    assert priorities(client, jobs) == ["normal", "high", "high"]
    assert client.set_batch_priority("logos", "high") == 0


@real_by_day
def test_large_batch_is_moved_whole(client: UploadClient) -> None:
    jobs = [client.enqueue(f"bot-{n}", "media:a.png", batch="large").id for n in range(700)]
    assert client.set_batch_priority("large", "low") == 700
    assert set(priorities(client, jobs)) == {"low"}


def test_job_that_was_moved_up_goes_before_those_that_wait(redis: Any) -> None:
    ledger = Ledger(redis)
    ledger.register(Rate(1, 10))
    client = UploadClient(ledger=ledger.store)
    waiting = [ledger.enqueue(f"bot-{number}") for number in range(4)]
    for job in waiting:  # images are read before their turn
        lease = ledger.acquire(job)
        if isinstance(ledger.store.acquire_permit(lease, 15, 30), Permit):
            ledger.deliver(lease)
    ledger.lose_messages()
    client.set_priority(waiting[3], "high")
    while not ledger.messages():
        ledger.run_once(1)
    assert ledger.take_message() == waiting[3]


def test_asyncio_client_moves_jobs_too(client: UploadClient, jobs: list[str], redis: Any) -> None:
    async def move() -> tuple[PriorityChange, int]:
        async with AsyncUploadClient(redis=redis) as uploads:
            change = await uploads.set_priority(jobs[0], "low")
            return change, await uploads.set_batch_priority("logos", "low")

    assert asyncio.run(move()) == (PriorityChange.SET, 2)
    assert priorities(client, jobs) == ["low", "low", "low"]


def test_command_moves_the_jobs_that_it_names(
    client: UploadClient, facelift: Callable[..., Result], jobs: list[str]
) -> None:
    done = facelift("high", *jobs[:2])
    assert (done.exit_code, done.output) == (0, "2 jobs moved to high.\n")
    assert priorities(client, jobs) == ["high", "high", "normal"]
    done = facelift("high", *jobs[1:])
    assert (done.exit_code, done.output) == (0, "1 job moved to high; 1 had it before.\n")
    shown = json.loads(facelift("low", jobs[0], "--json").stdout)
    assert shown == {"priority": "low", "jobs": {jobs[0]: "set"}}


def test_command_moves_the_others_if_one_has_ended_or_is_unknown(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result], jobs: list[str]
) -> None:
    worker.deliver(worker.acquire_with_permit(jobs[0]))
    done = facelift("low", *jobs[:2])
    assert (done.exit_code, done.output) == (1, "1 job moved to low; 1 ended before.\n")
    done = facelift("low", "nobody", jobs[2])
    assert (done.exit_code, done.stdout) == (4, "1 job moved to low.\n")
    assert done.stderr.startswith("facelift: no job 'nobody'")
    assert json.loads(facelift("low", "nobody", "--json").stdout)["jobs"] == {"nobody": None}
    assert priorities(client, jobs[1:]) == ["low", "low"]


def test_command_asks_before_it_moves_a_batch(
    client: UploadClient, facelift: Callable[..., Result], jobs: list[str]
) -> None:
    refused = facelift("low", "--batch", "logos")
    assert refused.exit_code == 2
    assert "give --yes to move 3 jobs of batch logos" in refused.stderr
    assert priorities(client, jobs) == ["normal"] * 3
    done = facelift("low", "--batch", "logos", "--yes")
    assert (done.exit_code, done.output) == (0, "3 jobs moved to low.\n")
    again = facelift("low", "--batch", "logos", "--yes", "--json")
    assert json.loads(again.stdout) == {"priority": "low", "batch": "logos", "moved": 0}
    assert facelift("low", "--batch", "nope", "--yes").exit_code == 4


@pytest.mark.parametrize("arguments", [("high",), ("high", "job", "--batch", "b"), ("urgent", "j")])
def test_command_refuses_what_it_cannot_mean(
    facelift: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    assert facelift(*arguments).exit_code == 2
