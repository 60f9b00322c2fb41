"""How a client fares when Redis refuses it, is cut off, silent or gone; on servers of its own."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from facelift.client import UploadClient
from facelift.errors import JobNotFound, LedgerRefused, LedgerUnavailable
from facelift.ledger.connection import connect
from facelift.ledger.store import JobStore
from sandbox.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "p@ss/word"


@pytest.fixture(params=["redis_binary", "valkey_binary"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server to mistreat; Redis and Valkey word some errors differently."""
    binary = request.getfixturevalue(request.param)
    with RedisServer(tmp_path / "redis", binary=binary) as server:
        yield server


@pytest.fixture
def guarded(redis_binary: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", binary=redis_binary, password=PASSWORD) as server:
        yield server


@pytest.fixture
def operator(server: RedisServer) -> Iterator[Any]:
    with Redis.from_url(server.url, decode_responses=True) as client:
        yield client


def enqueue(url: str) -> None:
    with UploadClient(url) as client:
        client.enqueue("bot", "media:a.png", job_id="job-1")


def status(url: str) -> None:
    with UploadClient(url) as client:
        client.status("job-1")


@pytest.mark.parametrize("call", [enqueue, status])
def test_a_wrong_password_is_refused_at_the_first_attempt(
    guarded: RedisServer, call: Callable[[str], None]
) -> None:
    wrong = guarded.url.replace("p%40ss%2Fword", "canary")
    with pytest.raises(LedgerRefused, match="refuses these credentials") as caught:
        call(wrong)
    assert "canary" not in str(caught.value)
    with Redis.from_url(guarded.url, decode_responses=True) as operator:
        assert operator.info("errorstats")["errorstat_WRONGPASS"] == {"count": 1}


def test_a_missing_password_is_refused_in_plain_words(guarded: RedisServer) -> None:
    with pytest.raises(LedgerRefused, match="credentials: Authentication required"):
        status(f"redis://127.0.0.1:{guarded.port}/0")


def test_the_right_password_is_accepted(guarded: RedisServer) -> None:
    enqueue(guarded.url)
    status(guarded.url)


@pytest.mark.parametrize("call", [enqueue, status])
@pytest.mark.parametrize("rights", [["-@all", "+@connection"], ["+@all", "resetkeys", "~other*"]])
def test_a_user_without_the_rights_is_refused(
    server: RedisServer, operator: Any, call: Callable[[str], None], rights: list[str]
) -> None:
    operator.execute_command("ACL", "SETUSER", "bob", "on", ">word", "~*", *rights)
    with pytest.raises(LedgerRefused):
        call(f"redis://bob:word@127.0.0.1:{server.port}/0")


def test_a_full_redis_refuses_and_records_nothing(server: RedisServer, operator: Any) -> None:
    operator.config_set("maxmemory", "1")
    with pytest.raises(LedgerRefused, match="Redis is full"):
        enqueue(server.url)
    operator.config_set("maxmemory", "0")
    assert operator.keys("*") == []


def test_a_replica_is_not_available_for_writing(server: RedisServer, operator: Any) -> None:
    operator.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(LedgerUnavailable, match="does not take this now"):
        enqueue(server.url)


def test_a_primary_without_its_replicas_is_not_available(
    server: RedisServer, operator: Any
) -> None:
    operator.config_set("min-replicas-to-write", "1")
    with pytest.raises(LedgerUnavailable, match="does not take this now"):
        enqueue(server.url)


def test_a_missing_database_is_refused(server: RedisServer) -> None:
    with pytest.raises(LedgerRefused, match="out of range"):
        status(server.url.replace("/0", "/99"))


def test_a_cut_connection_is_not_noticed(server: RedisServer, operator: Any) -> None:
    with connect(server.url) as redis:
        client = UploadClient(redis=redis)
        client.enqueue("bot", "media:a.png", job_id="job-1")
        operator.client_kill_filter(_type="normal", skipme=True)
        assert client.status("job-1").id == "job-1"
        operator.client_kill_filter(_type="normal", skipme=True)
        client.enqueue("bot", "media:a.png", job_id="job-2")


def test_a_restart_of_redis_is_not_noticed(server: RedisServer) -> None:
    with connect(server.url) as redis:
        client = UploadClient(redis=redis)
        client.enqueue("bot", "media:a.png", job_id="job-1")
        server.kill()
        server.start()
        assert client.status("job-1").state == "queued"
        client.enqueue("bot", "media:a.png", job_id="job-2")  # its script is unknown there


@pytest.mark.parametrize("call", [enqueue, status])
def test_a_closed_port_is_an_error_within_seconds(call: Callable[[str], None]) -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else can take it
        bound.bind(("127.0.0.1", 0))
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            call(f"redis://127.0.0.1:{bound.getsockname()[1]}/0")
        assert time.monotonic() - began < 5


def test_a_server_that_never_answers_costs_one_timeout_an_attempt() -> None:
    accepted: list[socket.socket] = []

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                accepted.append(listener.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        with pytest.raises(LedgerUnavailable), connect(url, patience=0.05) as redis:
            JobStore(redis).records.get("nobody")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for taken in accepted:
        taken.close()
    assert len(accepted) == 4


def test_what_is_no_redis_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            caller, _ = listener.accept()
            caller.recv(1000)
            caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            caller.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(LedgerRefused, match=r"Redis refused: .*[Pp]rotocol"):
            status(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        thread.join()


def test_a_unix_socket_serves(redis_binary: Path, tmp_path: Path) -> None:
    with RedisServer(
        tmp_path / "redis", binary=redis_binary, arguments=["--unixsocket", "s"]
    ) as server:
        url = f"unix://{server.folder}/s?db=3"
        enqueue(url)
        status(url)
        with pytest.raises(JobNotFound):
            status(server.url)
