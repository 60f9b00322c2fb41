"""Connections that something between worker and server has forgotten."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from requests import Request

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import (
    BODY,
    DONE,
    LIMITS,
    SMALL,
    always,
    deliver,
    failure,
)
from tests.nat import Nat
from worker.errors import LeaseLost
from worker.http import HttpClient
from worker.http.adapter import IDLE_LIMIT
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.integration.endpoint.wire import Connect, Serve, Server

LARGEST = ValidImage(b"\x89PNG" + bytes(900_000), ImageFormat.PNG, 1)
SHORTEST_KNOWN = 8.0
"""Seconds after which the most forgetful of networks forgets an idle connection."""


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def request(client: HttpClient, url: str) -> int:
    with client.send(Request("GET", url).prepare()) as answer:
        assert answer.read(100) == BODY
        return answer.status


def once_then(server_does: Callable[[socket.socket], object]) -> Callable[..., None]:
    """Answer every request but the second one of the first connection."""

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(DONE)
        server.read(connection)
        if server.connections == 1:
            server_does(connection)
        else:
            connection.sendall(DONE)

    return talk


@pytest.mark.parametrize("image", [SMALL, LARGEST], ids=["small", "largest"])
def test_uploads_over_connections_that_were_reset_are_sent_again(
    serve: Serve, connect: Connect, image: ValidImage
) -> None:
    server = serve(always(DONE))
    with Nat(server.port, resets=True) as nat, ThreadPoolExecutor(25) as threads:
        client = connect(nat.url)
        at_once = threading.Barrier(25)

        def upload(_: int) -> bool:
            at_once.wait(10)
            return deliver(client, image).confirmed

        assert all(threads.map(upload, range(25)))
        nat.forget()
        began = time.monotonic()
        assert all(threads.map(upload, range(25)))
        assert nat.lost > 0
        assert time.monotonic() - began < 3
        client.close()
    assert len(server.heads) == 50


def test_a_store_is_asked_again_over_a_new_connection(serve: Serve) -> None:
    server = serve(always(DONE))
    with Nat(server.port, resets=True) as nat:
        client = HttpClient(nat.url, LIMITS, connections=5)
        assert request(client, nat.url) == 200
        nat.forget()
        assert request(client, nat.url) == 200
        assert nat.lost == 1
        client.close()


@pytest.mark.parametrize("resets", [True, False])
def test_no_connection_is_used_that_the_network_may_have_forgotten(
    serve: Serve, *, resets: bool
) -> None:
    clock = Clock()
    server = serve(always(DONE))
    with Nat(server.port, resets=resets, after=SHORTEST_KNOWN - 1, clock=clock) as nat:
        client = HttpClient(nat.url, LIMITS, connections=5, clock=clock)
        for idle in (1, IDLE_LIMIT, IDLE_LIMIT + 0.1, SHORTEST_KNOWN, 60, 350, 4_000):
            assert request(client, nat.url) == 200
            clock.time += idle
        assert request(client, nat.url) == 200
        assert (nat.connections, nat.lost) == (6, 0)
        client.close()


def test_a_server_that_hangs_up_as_the_request_comes_gets_it_again(
    serve: Serve, connect: Connect
) -> None:
    server = serve(once_then(socket.socket.close))
    client = connect(server.url)
    assert deliver(client).confirmed
    assert deliver(client).confirmed
    assert (server.connections, len(server.heads)) == (2, 3)


def test_a_tls_connection_that_breaks_off_is_made_anew(
    serve: Serve, connect: Connect, trusted_tls: ssl.SSLContext
) -> None:
    def garble(connection: socket.socket) -> None:
        with socket.socket(fileno=socket.dup(connection.fileno())) as bare:
            bare.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = serve(once_then(garble), trusted_tls)
    client = connect(server.url)
    assert deliver(client).confirmed
    assert deliver(client).confirmed
    assert server.connections == 2


def test_a_request_is_sent_again_once_only(serve: Serve, connect: Connect) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        if len(server.heads) == 1:
            connection.sendall(DONE)
            server.read(connection)

    server = serve(talk)
    client = connect(server.url)
    deliver(client)
    assert failure(client).code is OutcomeCode.CONNECTION_LOST
    assert (server.connections, len(server.heads)) == (2, 3)


def test_the_first_request_of_a_connection_is_not_repeated(serve: Serve, connect: Connect) -> None:
    server = serve(lambda server, connection: server.read(connection))
    assert failure(connect(server.url)).code is OutcomeCode.CONNECTION_LOST
    assert len(server.heads) == 1


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 103 Early Hints\r\n\r\n", DONE[:-5]])
def test_a_request_whose_answer_had_begun_is_not_repeated(
    serve: Serve, connect: Connect, begun: bytes
) -> None:
    def begin(connection: socket.socket) -> None:
        connection.sendall(begun)
        connection.close()

    server = serve(once_then(begin))
    client = connect(server.url)
    deliver(client)
    assert failure(client).http_status is None
    assert (server.connections, len(server.heads)) == (1, 2)


def test_nothing_is_sent_again_once_the_lease_is_lost(serve: Serve, connect: Connect) -> None:
    lost = threading.Event()

    def hang_up(_: socket.socket) -> None:
        lost.set()

    server = serve(once_then(hang_up))
    client = connect(server.url)
    deliver(client)
    with pytest.raises(LeaseLost):
        deliver(client, may_send=lambda: not lost.is_set())
    assert len(server.heads) == 2


def test_both_times_together_take_no_longer_than_one_request_may(
    serve: Serve, connect: Connect
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        if len(server.heads) == 1:
            connection.sendall(DONE)
            server.read(connection)
            server.closing.wait(0.7)
            return
        server.closing.wait(5)

    client = connect(serve(talk).url)
    deliver(client)
    began = time.monotonic()
    assert failure(client, seconds=1).code is OutcomeCode.TIMEOUT
    assert time.monotonic() - began == pytest.approx(1, abs=0.2)


def test_every_connection_is_kept_alive_while_an_answer_is_awaited(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, int]] = []
    real = socket.socket.connect
    names = [name for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE") if hasattr(socket, name)]

    def connecting(sock: socket.socket, address: tuple[str, int]) -> None:
        real(sock, address)
        level = socket.IPPROTO_TCP
        idle = [sock.getsockopt(level, getattr(socket, name)) for name in names]
        made.append(
            {"on": sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), "idle": idle[0]}
        )

    client = connect(serve(always(DONE)).url)
    monkeypatch.setattr(socket.socket, "connect", connecting, raising=False)
    deliver(client)
    assert made[0]["on"]
    assert made[0]["idle"] < SHORTEST_KNOWN
