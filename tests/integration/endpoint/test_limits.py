"""Time, size and lease: how a request is bounded."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import (
    BODY,
    DONE,
    IMPATIENT,
    LARGE,
    always,
    answering,
    deliver,
    failure,
)
from worker.endpoint import RequestLimits
from worker.errors import LeaseLost

if TYPE_CHECKING:
    from tests.integration.endpoint.wire import Connect, Serve, Server


def test_the_total_limit_holds_while_the_server_reads_slowly(
    serve: Serve, connect: Connect
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        while not server.closing.wait(0.01):
            connection.recv(4096)

    started = time.monotonic()
    error = failure(connect(serve(talk).url, IMPATIENT), LARGE)
    assert error.code is OutcomeCode.TIMEOUT
    assert time.monotonic() - started < 4


def test_the_total_limit_holds_on_a_connection_used_before(serve: Serve, connect: Connect) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(DONE)
        server.read(connection)
        server.closing.wait(10)

    server = serve(talk)
    client = connect(server.url, IMPATIENT)
    assert deliver(client).confirmed
    started = time.monotonic()
    assert failure(client).code is OutcomeCode.TIMEOUT
    assert time.monotonic() - started < 4
    assert server.connections == 1


@pytest.mark.parametrize(("seconds", "named"), [(0.3, "0.3"), (None, "0.6"), (5, "0.6")])
def test_one_request_may_get_less_time_and_its_failure_names_it(
    serve: Serve, connect: Connect, seconds: float | None, named: str
) -> None:
    client = connect(serve(lambda server, _: server.closing.wait(5)).url, IMPATIENT)
    started = time.monotonic()
    error = failure(client, seconds=seconds)
    assert error.sentence == f"127.0.0.1 had not answered in full after {named} s."
    assert time.monotonic() - started == pytest.approx(float(named), abs=0.2)


def test_a_shortened_request_leaves_the_next_one_its_full_time(
    serve: Serve, connect: Connect
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        server.closing.wait(0.4)
        connection.sendall(DONE)

    client = connect(serve(talk).url)
    assert failure(client, seconds=0.1).code is OutcomeCode.TIMEOUT
    assert deliver(client).confirmed


def test_sending_may_stall_for_the_read_limit(serve: Serve, connect: Connect) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        time.sleep(0.8)
        server.read(connection)
        connection.sendall(DONE)

    limits = RequestLimits(connect=0.2, read=5, total=10)
    assert deliver(connect(serve(talk).url, limits), LARGE).confirmed


def test_a_server_that_reads_nothing_is_a_timeout(serve: Serve, connect: Connect) -> None:
    server = serve(lambda server, _: server.closing.wait(10))
    error = failure(connect(server.url, RequestLimits(connect=5, read=0.3, total=30)), LARGE)
    assert error.code is OutcomeCode.TIMEOUT


def test_a_connection_that_nobody_accepts_is_a_timeout(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        error = failure(connect(f"http://127.0.0.1:{port}", RequestLimits(connect=0.3)))
        for each in waiting:
            each.close()
    assert error.code is OutcomeCode.TIMEOUT
    assert error.sentence == "127.0.0.1 took no connection within 0.3 s."


def test_once_the_lease_is_lost_nothing_of_a_request_is_sent(
    serve: Serve, connect: Connect
) -> None:
    received = []
    over = threading.Event()

    def talk(_: Server, connection: socket.socket) -> None:
        while data := connection.recv(65_536):
            received.append(data)
        over.set()

    with pytest.raises(LeaseLost):
        deliver(connect(serve(talk).url), may_send=lambda: False)
    assert over.wait(5)
    assert received == []


def test_a_compressed_body_is_left_compressed(serve: Serve, connect: Connect) -> None:
    body = gzip.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    server = serve(answering(head + body))
    assert not deliver(connect(server.url)).confirmed
    assert "accept-encoding: identity" in server.heads[0].lower()


def test_no_more_of_a_body_is_read_than_the_limit(serve: Serve, connect: Connect) -> None:
    url = serve(always(DONE)).url
    whole, cut = (
        connect(url, RequestLimits(response_bytes=len(BODY) - missing)) for missing in (0, 1)
    )
    assert deliver(whole).confirmed
    assert not deliver(cut).confirmed


@pytest.mark.parametrize("status", [200, 500])
def test_a_body_without_an_end_costs_neither_time_nor_memory(
    serve: Serve, connect: Connect, status: int
) -> None:
    sent = 0

    def talk(server: Server, connection: socket.socket) -> None:
        nonlocal sent
        server.read(connection)
        connection.sendall(b"HTTP/1.1 %d X\r\n\r\n" % status)
        while True:
            sent += connection.send(bytes(65_536))

    client = connect(serve(talk).url)
    started = time.monotonic()
    if status == 200:
        assert not deliver(client).confirmed
    else:
        assert failure(client).http_status == status
    assert time.monotonic() - started < 4
    assert sent < 16_000_000  # what sockets buffer, not what ten seconds would bring


@pytest.mark.parametrize("dripped", ["headers", "body", "chunks"])
def test_the_total_limit_holds_while_the_answer_drips(
    serve: Serve, connect: Connect, dripped: str
) -> None:
    heads = {
        "headers": b"",
        "body": b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n",
        "chunks": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n",
    }
    drops = {"headers": [b"HTTP/1.1 500 No\r\n", *[b"X: y\r\n"] * 90], "chunks": [b"1\r\nx\r\n"]}

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(heads[dripped])
        for drop in drops.get(dripped, [b"x"]) * 100:
            connection.sendall(drop)
            time.sleep(0.05)

    started = time.monotonic()
    error = failure(connect(serve(talk).url, IMPATIENT))
    assert 0.5 < time.monotonic() - started < 4
    assert error.code is OutcomeCode.TIMEOUT
    assert error.sentence == "127.0.0.1 had not answered in full after 0.6 s."
