"""How long a call takes when Redis hangs, is slow or has no connection left; on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from facelift.client import UploadClient
from facelift.errors import FaceliftError, LedgerUnavailable
from facelift.job import UploadJob
from facelift.ledger.time_left import limited
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT = 0.6
SPARE = 0.6  # for a busy machine; without the limit each of these takes some seconds


@pytest.fixture
def server(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(
        tmp_path / "redis", binary=redis_binary, arguments=["--enable-debug-command", "local"]
    ) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[UploadClient]:
    with UploadClient(server.url, call_timeout=LIMIT) as client:
        yield client


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + SPARE


@contextmanager
def mute() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


CALLS: list[Callable[[UploadClient], object]] = [
    lambda client: client.enqueue("bot", "media:a.png"),
    lambda client: client.status("job"),
    lambda client: list(client.enqueue_many([UploadJob(chatbot_id="bot", image="media:a.png")])),
    lambda client: client.find(),
    lambda client: next(client.outcomes()),
    lambda client: client.wait("job", timeout=60),
    lambda client: client.pool(),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_to_a_redis_that_never_answers_ends_in_time(
    call: Callable[[UploadClient], object],
) -> None:
    with (
        mute() as url,
        UploadClient(url, call_timeout=LIMIT) as client,
        within(LIMIT),
        pytest.raises(FaceliftError, match="cannot be reached"),
    ):
        call(client)


def test_a_call_on_an_open_connection_to_a_hung_redis_ends_in_time(
    server: RedisServer, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png").id
    server.pause()
    with within(LIMIT), pytest.raises(LedgerUnavailable):
        client.enqueue("bot", "media:a.png")
    server.resume()
    assert client.status(job).id == job


def test_a_redis_that_answers_within_the_limit_is_waited_for(
    server: RedisServer, client: UploadClient
) -> None:
    job = client.enqueue("bot", "media:a.png").id
    with Redis.from_url(server.url) as operator, ThreadPoolExecutor(1) as other:
        slow = other.submit(operator.execute_command, "DEBUG", "SLEEP", LIMIT / 2)
        time.sleep(0.05)
        assert client.status(job).state == "queued"
        slow.result()


def test_threads_that_find_all_connections_in_use_wait_for_one(server: RedisServer) -> None:
    with (
        UploadClient(server.url, max_connections=2) as client,
        ThreadPoolExecutor(40) as threads,
        Redis.from_url(server.url) as operator,
    ):
        jobs = list(threads.map(lambda n: client.enqueue(f"bot-{n}", "media:a.png").id, range(200)))
        assert len({*jobs}) == 200
        assert len(operator.client_list()) <= 3


def test_a_call_that_gets_no_connection_in_time_says_so(server: RedisServer) -> None:
    with (
        UploadClient(server.url, max_connections=1, call_timeout=LIMIT) as client,
        ThreadPoolExecutor(1) as other,
    ):
        client.enqueue("bot", "media:a.png")
        holding = client.outcomes(timeout=LIMIT)
        blocked = other.submit(lambda: list(holding))
        server.pause()
        time.sleep(0.05)
        with (
            within(LIMIT),
            pytest.raises(LedgerUnavailable, match="all 1 connections were in use"),
            limited(LIMIT / 2),
        ):
            client.status("job")
        with pytest.raises(LedgerUnavailable):
            blocked.result()
        server.resume()


def test_a_block_limits_the_calls_inside_it() -> None:
    with (
        mute() as url,
        UploadClient(url, call_timeout=30) as client,
        within(LIMIT),
        limited(LIMIT),
        limited(60),
        pytest.raises(LedgerUnavailable),
    ):
        client.status("job")
