"""Which connections are used again, and which must not be."""

from __future__ import annotations

import errno
import os
import socket
import threading
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import DONE, LIMITS, always, deliver, failure
from worker.endpoint import EndpointClient

if TYPE_CHECKING:
    import pytest

    from tests.integration.endpoint.wire import Connect, Serve, Server


def test_a_thread_uses_one_connection_again(serve: Serve, connect: Connect) -> None:
    server = serve(always(DONE))
    client = connect(server.url)
    for _ in range(3):
        assert deliver(client).confirmed
    assert (server.connections, len(server.heads)) == (1, 3)


def test_two_uploads_at_once_use_two_connections_and_both_again(
    serve: Serve, connect: Connect
) -> None:
    both = threading.Barrier(2)

    def talk(server: Server, connection: socket.socket) -> None:
        while True:
            server.read(connection)
            both.wait(10)  # neither upload ends before the other has begun
            connection.sendall(DONE)

    server = serve(talk)
    client = connect(server.url)

    def work() -> None:
        for _ in range(2):
            deliver(client)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (server.connections, len(server.heads)) == (2, 4)


def test_close_ends_connections_and_no_thread_is_left(serve: Serve) -> None:
    hung_up = threading.Event()

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(DONE)
        if connection.recv(1) == b"":
            hung_up.set()

    server = serve(talk)
    before = set(threading.enumerate())
    client = EndpointClient(server.url, LIMITS)
    deliver(client)
    client.close()
    assert hung_up.wait(5)
    left = {each.name for each in set(threading.enumerate()) - before}
    assert not {name for name in left if "_serve" not in name} - {"name lookup"}


def test_a_connection_that_the_server_closed_is_made_anew(serve: Serve, connect: Connect) -> None:
    closed = threading.Event()

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(DONE)
        connection.close()
        closed.set()

    server = serve(talk)
    client = connect(server.url)
    deliver(client)
    assert closed.wait(5)
    assert deliver(client).confirmed
    assert server.connections == 2


def test_a_connection_is_not_used_after_a_body_that_was_not_read_to_its_end(
    serve: Serve, connect: Connect
) -> None:
    server = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)))
    client = connect(server.url)
    assert not deliver(client).confirmed
    assert not deliver(client).confirmed
    assert server.connections == 2


def test_a_connection_whose_host_cannot_be_reached_any_more_is_lost(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(serve(always(DONE)).url)
    deliver(client)

    def find_no_route(*_: object) -> None:
        raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))

    monkeypatch.setattr(socket.socket, "send", find_no_route, raising=False)
    error = failure(client)
    assert error.code is OutcomeCode.CONNECTION_LOST
    assert error.sentence == "The connection to 127.0.0.1 was lost: No route to host."
