"""Flower against a live pool: rows that name the job, states that are true, nothing to press."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from celery import Celery
from flower import urls
from redis import Redis

from facelift import UploadClient
from facelift.ledger.message import envelope
from sandbox.redis_server import RedisServer
from tests.acceptance.flower import Flower
from tests.acceptance.world import OTHER_KEYS, eventually, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess
    from tests.acceptance.world import WorkerProcess

PREFIX = "watched"
PAUSED = ("waits", "cancelled", "twice", "sent")


@pytest.fixture(scope="module")
def watched(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """A worker on a ledger of its own, with an account for each job that is to wait for long."""
    own = {"FACELIFT_KEY_PREFIX": PREFIX} | {
        f"FACELIFT_API_KEY_{account.upper()}": key
        for account, key in zip(PAUSED, OTHER_KEYS, strict=True)
    }
    with worker(tmp_path_factory.mktemp("watched") / "log", environment | own) as process:
        yield process


@pytest.fixture(scope="module")
def flower(
    watched: WorkerProcess, ledger_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flower]:
    assert watched.process.pid
    log = tmp_path_factory.mktemp("flower") / "log"
    started = Flower(ledger_redis.url, log, FACELIFT_KEY_PREFIX=PREFIX)
    try:
        started.until_ready()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def client(ledger_redis: RedisServer) -> Iterator[UploadClient]:
    with UploadClient(ledger_redis.url, key_prefix=PREFIX) as made:
        yield made


def shown(flower: Flower, job_id: str, state: str) -> dict[str, Any]:
    """The job's row, once Flower received that state itself."""
    eventually(lambda: flower.state(job_id) == state, f"it is {flower.state(job_id)}")
    return flower.row(job_id)


def paused_job(client: UploadClient, endpoint: EndpointProcess, account: str) -> str:
    """A job that was tried, and now waits for the pause that the endpoint asked for."""
    chatbot = f"bot-{account}"
    endpoint.add_rule(chatbot, "status", status=429, headers={"Retry-After": "600"})
    job = client.enqueue(chatbot, "media:good.png", account=account).id
    eventually(lambda: client.status(job).attempts, "it is not tried")
    return job


@pytest.mark.parametrize(
    ("image", "status", "state", "result"),
    [
        ("media:good.png", 200, "SUCCESS", "delivered (200)"),
        ("media:portrait.jpg", 200, "FAILURE", "image_not_square: The image is"),
        ("media:good.png", 404, "FAILURE", "chatbot_not_found (404): The endpoint"),
        ("media:good.png", 500, "SUCCESS", "delivered (200)"),  # the second time
    ],
)
def test_row_names_chatbot_image_and_outcome(  # noqa: PLR0917 - cases come by name
    flower: Flower,
    client: UploadClient,
    endpoint: EndpointProcess,
    image: str,
    status: int,
    state: str,
    result: str,
) -> None:
    chatbot = f"bot-{status}-{state.lower()}"
    if status != 200:
        endpoint.add_rule(chatbot, "status", status=status, times=1)
    job = client.enqueue(chatbot, image).id
    row = shown(flower, job, state)
    assert (row["state"], row["args"], row["kwargs"]) == (state, chatbot, image)
    assert row["result"].startswith(result)
    assert row["retries"] == (status == 500)
    page = flower.get(f"/task/{job}")
    assert chatbot in page
    assert row["result"].split(":")[0] in page


def test_wait_shows_as_a_retry_with_its_reason_and_next_time(
    flower: Flower, client: UploadClient, endpoint: EndpointProcess
) -> None:
    job = paused_job(client, endpoint, "waits")
    row = shown(flower, job, "RETRY")
    assert row["state"] == "RETRY"
    assert row["result"].startswith("rate_limited until ")
    assert row["result"].endswith(" UTC: The endpoint asked for a pause.")
    until = datetime.strptime(row["eta"], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC)
    assert 500 < until.timestamp() - time.time() < 601
    assert row["exception"] is None


def test_cancelled_job_shows_as_revoked_without_an_event(
    flower: Flower, client: UploadClient, endpoint: EndpointProcess
) -> None:
    job = paused_job(client, endpoint, "cancelled")
    shown(flower, job, "RETRY")
    client.cancel(job)
    row = flower.row(job)
    assert (row["state"], row["result"]) == (
        "REVOKED",
        "cancelled: Cancelled before it was delivered.",
    )


def test_duplicate_message_leaves_every_state_as_it_is(
    flower: Flower, client: UploadClient, endpoint: EndpointProcess, ledger_redis: RedisServer
) -> None:
    delivered = client.enqueue("bot-done", "media:good.png").id
    waiting = paused_job(client, endpoint, "twice")
    cancelled = client.enqueue("bot-cancelled-twice", "media:good.png", not_before=2e9).id
    client.cancel(cancelled)
    shown(flower, delivered, "SUCCESS")
    shown(flower, waiting, "RETRY")
    message = envelope(PREFIX).replace("@SENT@", "0")
    with Redis.from_url(ledger_redis.url) as redis:
        for number, job in enumerate((delivered, waiting, cancelled)):
            redis.lpush(PREFIX, message.replace("@ID@", job).replace("@TAG@", f"again-{number}"))
    shown(flower, cancelled, "REVOKED")  # its last event
    assert (flower.state(delivered), flower.state(waiting)) == ("SUCCESS", "RETRY")


def test_job_that_came_as_a_celery_message_is_no_success_before_it_is_delivered(
    flower: Flower, client: UploadClient, endpoint: EndpointProcess, ledger_redis: RedisServer
) -> None:
    paused_job(client, endpoint, "sent")
    with Celery("producer", broker=ledger_redis.url, set_as_current=False) as app:
        fields = {"chatbot_id": "bot-sent", "image": "media:good.png", "account": "sent"}
        app.send_task("facelift.enqueue", queue=PREFIX, task_id="sent-1", kwargs=fields)
        app.send_task("facelift.enqueue", queue=PREFIX, task_id="sent-2", kwargs={"chatbot_id": ""})
    assert shown(flower, "sent-2", "FAILURE")["result"].startswith("invalid_job: ")
    assert shown(flower, "sent-1", "RETRY")["args"] == "bot-sent"
    assert client.status("sent-1").state == "waiting"


def test_every_request_that_would_change_something_is_refused(
    flower: Flower, watched: WorkerProcess
) -> None:
    api = [each for each in urls.handlers if isinstance(each, tuple) and each[0].startswith("/api")]
    changing = [path.replace("(.+)", "x") for path, kind, *_ in api if "post" in vars(kind)]
    assert len(changing) == 14
    answers = {path: flower.post(path) for path in changing}
    assert {answer.status_code for answer in answers.values()} == {403}, answers
    assert "Shut down" not in flower.get("/workers")
    assert watched.process.poll() is None


@pytest.mark.parametrize("page", ["/", "/workers", "/tasks", "/broker", "/api/tasks", "/metrics"])
def test_page_asks_for_the_password(flower: Flower, page: str) -> None:
    assert requests.get(flower.url(page), timeout=10).status_code == 401
    assert flower.get(page)


def test_health_check_needs_no_password_on_the_same_machine(flower: Flower) -> None:
    assert requests.get(flower.url("/healthcheck"), timeout=10).text == "OK"


def test_pages_stay_up_with_plain_rows_while_redis_is_away(
    redis_binary: Path, tmp_path: Path
) -> None:
    with RedisServer(tmp_path / "redis", binary=redis_binary) as server:
        with UploadClient(server.url) as client:
            job = client.enqueue("bot", "media:good.png").id
        flower = Flower(server.url, tmp_path / "log", "--persistent", f"--db={tmp_path}/db")
        try:
            eventually(lambda: "Connected to" in flower.log.read_text(), "Flower does not listen")
            with Celery("teller", broker=server.url, set_as_current=False) as app:
                app.conf.event_exchange = "facelift.events"
                tell(app, flower, job)
            assert flower.row(job)["args"] == "bot"
            server.pause()
            row = flower.row(job)
            assert (row["state"], row["args"]) == ("RECEIVED", "()")
            for page in ("/tasks", f"/task/{job}", "/workers"):
                assert flower.get(page)
            assert "tasks are shown without their jobs" in flower.log.read_text()
        finally:
            server.resume()
            flower.stop()


def tell(app: Celery, flower: Flower, job: str) -> None:
    """Have Flower hear of the job."""

    def state() -> str | None:
        with app.events.default_dispatcher(hostname="worker") as dispatcher:
            dispatcher.send("task-received", uuid=job, name="facelift.upload", args="()")
        return flower.state(job)

    eventually(state, "Flower does not receive it")
