"""Reading jobs, waiting for them and searching them, on the fake Redis and on the real one."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from facelift.client import UploadClient
from facelift.codes import JobState
from facelift.errors import InvalidJob, JobNotFound
from facelift.operations.observe import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.checks import Duration
    from sandbox.redis_server import RedisServer
    from tests.ledger.driver import Ledger

SOON = 20.0


class Clock:
    """Passes by `step` at each look."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self._step = step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def listeners(redis: Any, channel: str) -> int:
    return int(redis.pubsub_numsub(channel)[0][1])


def until_listened_to(redis: Any, channel: str, count: int = 1) -> None:
    deadline = time.monotonic() + SOON
    while listeners(redis, channel) != count:
        assert time.monotonic() < deadline, f"not {count} listeners"
        time.sleep(0.005)


def test_waiting_ends_with_the_job(client: UploadClient, worker: Ledger, redis: Any) -> None:
    job = client.enqueue("bot", "media:a.png").id
    lease = worker.acquire_with_permit(job)
    channel = client.ledger.keys.changes(job)

    def deliver() -> None:
        until_listened_to(redis, channel)
        worker.deliver(lease)

    ending = threading.Thread(target=deliver)
    ending.start()
    record = client.wait(job, SOON)
    ending.join()
    assert (record.state, record.outcome) == ("succeeded", "delivered")
    until_listened_to(redis, channel, 0)


def test_wait_is_notified_and_does_not_poll(
    client: UploadClient, worker: Ledger, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.enqueue("bot", "media:a.png").id
    lease = worker.acquire_with_permit(job)
    asked = 0
    read = client.ledger.reads.get

    def counting(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return read(*arguments)

    monkeypatch.setattr(client.ledger.reads, "get", counting)
    ended: list[Any] = []
    waiting = threading.Thread(target=lambda: ended.append(client.wait(job, SOON)))
    waiting.start()
    until_listened_to(redis, client.ledger.keys.changes(job))
    time.sleep(0.3)  # polling would ask in this time
    assert asked <= 2  # before and after it began to listen
    worker.deliver(lease)
    waiting.join(SOON)
    assert [record.state for record in ended] == ["succeeded"]


def test_waiting_for_an_ended_job_takes_no_time(client: UploadClient, worker: Ledger) -> None:
    job = client.enqueue("bot", "media:a.png").id
    worker.fail(worker.acquire_with_permit(job))
    assert client.wait(job, 0).state == "failed"


def test_wait_timeout_has_the_record(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> None:
    job = client.enqueue("bot", "media:a.png").id
    clock = Clock(0.4)
    monkeypatch.setattr(client.ledger.notifications, "now", clock)
    with pytest.raises(WaitTimeout, match="is still queued after 1 s") as caught:
        client.wait(job, 1)
    assert caught.value.record.state is JobState.QUEUED
    assert 1 <= clock.now <= 2


@pytest.mark.parametrize("timeout", [0, timedelta(0)])
def test_wait_without_time_reads_once(client: UploadClient, timeout: Duration) -> None:
    job = client.enqueue("bot", "media:a.png").id
    with pytest.raises(WaitTimeout):
        client.wait(job, timeout)


def test_wait_without_a_timeout_waits_until_the_job_has_ended(
    client: UploadClient, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = client.enqueue("bot", "media:a.png", batch="logos").id
    monkeypatch.setattr(client.ledger.notifications, "now", Clock(1e9))

    def cancel() -> None:
        until_listened_to(redis, client.ledger.keys.changes(job))
        client.cancel(job)

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    assert client.wait(job, timeout=None).state == "cancelled"
    assert client.wait_batch("logos", timeout=None).is_complete
    cancelling.join()


def test_change_without_a_notification_is_noticed(
    client: UploadClient, worker: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelift.operations.observe.WATCH_SILENCE", 0.05)
    job = client.enqueue("bot", "media:a.png").id
    lease = worker.acquire_with_permit(job)
    records: Iterator[Any] = client.watch(job, SOON)
    assert next(records).state == "running"
    monkeypatch.setattr(
        client.ledger.keys.__class__, "changes", lambda _, job_id: f"elsewhere:{job_id}"
    )
    worker.deliver(lease)
    assert [record.state for record in records] == ["succeeded"]


def test_wait_for_an_unknown_job_raises(client: UploadClient) -> None:
    with pytest.raises(JobNotFound):
        client.wait("nobody")


def test_watch_yields_each_state(client: UploadClient, worker: Ledger) -> None:
    job = client.enqueue("bot", "media:a.png").id
    records = client.watch(job, SOON)
    seen = [next(records).state]
    lease = worker.acquire_with_permit(job)
    seen.append(next(records).state)
    worker.retry_later(lease, 60)
    seen.append(next(records).state)
    client.cancel(job)
    seen += [record.state for record in records]
    assert seen == ["queued", "running", "waiting", "cancelled"]


def test_the_history_of_a_chatbot_is_its_jobs_the_newest_first(client: UploadClient) -> None:
    jobs = [client.enqueue("bot", f"media:{name}.png").id for name in "abc"]
    client.enqueue("other", "media:a.png")
    assert [record.id for record in client.history("bot")] == jobs[::-1]
    assert [record.id for record in client.history("bot", limit=1)] == jobs[-1:]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"state": "done"}, "state: must be one of queued, running"),
        ({"code": "nope"}, "code: must be one of delivered"),
        ({"limit": 0}, "limit: must be a whole number from 1 to 1000"),
        ({"limit": 1001}, "limit: must be"),
        ({"account": "A"}, "account: must be"),
        ({"since": 1e12}, "since: must be Unix seconds"),
        ({"cursor": "x"}, "cursor: must be that of a page"),
    ],
)
def test_invalid_search_is_refused(
    client: UploadClient, asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidJob, match=problem):
        client.find(**asked)


def test_outcomes_are_yielded_as_jobs_end(client: UploadClient, worker: Ledger) -> None:
    before = client.enqueue("bot-0", "media:a.png").id
    client.cancel(before)
    outcomes = client.outcomes(after="0", timeout=SOON)
    assert next(outcomes).job_id == before
    jobs = [client.enqueue(f"bot-{number}", "media:a.png").id for number in range(3)]
    for job in jobs:
        worker.deliver(worker.acquire_with_permit(job))
    read = [next(outcomes) for _ in jobs]
    assert [outcome.job_id for outcome in read] == jobs
    assert [each.job_id for each in client.outcomes(read[1].entry, timeout=0)] == jobs[2:]


@pytest.mark.parametrize("protocol", [2, 3])
def test_client_of_either_protocol_can_be_given(
    real_redis: Redis, redis_server: RedisServer, protocol: int
) -> None:
    assert real_redis.dbsize() == 0
    with Redis.from_url(redis_server.url, decode_responses=True, protocol=protocol) as redis:
        client = UploadClient(redis=redis)
        job = client.enqueue("bot", "media:a.png", batch="logos").id
        client.cancel(job)
        assert [each.job_id for each in client.outcomes("0", timeout=0)] == [job]
        assert client.wait(job, 1).state == "cancelled"
        assert client.batches() == (client.batch("logos"),)


def test_outcomes_from_now_on_leave_out_the_past(client: UploadClient) -> None:
    client.cancel(client.enqueue("bot", "media:a.png").id)
    assert list(client.outcomes(timeout=0)) == []


def test_outcomes_after_what_is_no_entry_are_refused(client: UploadClient) -> None:
    with pytest.raises(InvalidJob, match="after: must be an entry of the stream"):
        next(client.outcomes("yesterday"))
