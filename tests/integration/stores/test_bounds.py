"""How much is read from a web server, and for how long, whatever it sends."""

from __future__ import annotations

import io
import threading
import time
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import always, answering
from tests.integration.stores.reading import (
    CHUNKED,
    ENDLESS,
    EVERYWHERE,
    IMAGE,
    LIMIT,
    SOON,
    WHOLE,
    failure,
    named,
    outage,
    plain,
)
from worker.errors import Failure
from worker.stores import HttpsStore, NetworkLimits
from worker.stores.web import Site

if TYPE_CHECKING:
    import socket
    import ssl

    from tests.integration.endpoint.wire import Serve, Server, Talk


# How much is read


def pour(data: bytes) -> Talk:
    """Send `data` for as long as somebody reads."""

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        piece = data.partition(b"\r\n\r\n")[2] * 100
        while not server.closing.is_set():
            connection.sendall(piece)

    return talk


@pytest.mark.parametrize(
    "flood", [ENDLESS + bytes(1000), CHUNKED + b"3e8\r\n" + bytes(1000) + b"\r\n"]
)
def test_no_more_than_the_limit_is_ever_held(serve: Serve, flood: bytes) -> None:
    server = serve(pour(flood))
    store = plain(server, NetworkLimits(timeout=10))
    with suppress(Failure):
        store.read("warm.png", 1)
    tracemalloc.start()
    try:
        error = failure(store, limit=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.code is OutcomeCode.IMAGE_TOO_LARGE
    assert error.sentence == "'42.png' has more than 1,000,000 bytes; the limit is 1,000,000."
    assert peak < 3_000_000  # the image, what the buffer grows ahead, and the test's own server


def test_a_chunk_that_claims_to_be_huge_takes_no_more_than_it_has(serve: Serve) -> None:
    server = serve(answering(CHUNKED + b"7fffffffffffffff\r\n" + bytes(2000)))
    assert failure(plain(server)).code is OutcomeCode.IMAGE_TOO_LARGE


def test_an_announced_size_over_the_limit_is_refused_unread(serve: Serve) -> None:
    server = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: 2001\r\n\r\n"))  # and nothing comes
    error = failure(plain(server))
    assert error.sentence == "'42.png' has 2,001 bytes; the limit is 1,000."


def test_an_absurd_announced_size_is_not_repeated(serve: Serve) -> None:
    server = serve(always(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\n"))
    error = failure(plain(server))
    assert error.code is OutcomeCode.IMAGE_TOO_LARGE
    assert len(error.sentence) < 80


def test_without_an_announced_size_the_end_of_the_connection_is_the_end(serve: Serve) -> None:
    server = serve(answering(ENDLESS + IMAGE))
    assert plain(server).read("42.png", len(IMAGE)) == IMAGE


def test_chunks_are_put_together(serve: Serve) -> None:
    server = serve(always(CHUNKED + b"2\r\na \r\n7;x=y\r\npicture\r\n0\r\nTrailer: x\r\n\r\n"))
    store = plain(server)
    assert [store.read("42.png", len(IMAGE)) for _ in range(2)] == [IMAGE, IMAGE]
    assert server.connections == 1


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_comes_after_an_image_never_becomes_the_next_one(
    serve: Serve, tls: ssl.SSLContext, *, encrypted: bool
) -> None:
    wrong = WHOLE.replace(IMAGE, b"the wrong")
    # Beyond what is read ahead with the image and forgotten with it.
    lie = WHOLE.ljust(io.DEFAULT_BUFFER_SIZE, b"x") + wrong
    server = serve(always(lie), tls if encrypted else None)
    store = named(server, *[["127.0.0.1"]] * 3) if encrypted else plain(server)
    assert [store.read("42.png", LIMIT) for _ in range(3)] == [IMAGE] * 3


# How long it takes


def begin_and_drip(beginning: bytes, piece: bytes) -> Talk:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(beginning)
        while not server.closing.wait(0.05):
            connection.sendall(piece)

    return talk


def silent(server: Server, _: socket.socket) -> None:
    server.closing.wait(10)


SLOW: dict[str, Talk] = {
    "silence": silent,
    "status": begin_and_drip(b"HTTP/1.1 ", b"2"),
    "interim answers": begin_and_drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers": begin_and_drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": begin_and_drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
    "body without a size": begin_and_drip(ENDLESS, b"x"),
    "chunks": begin_and_drip(CHUNKED, b"1\r\nx\r\n"),
    "a chunk's size": begin_and_drip(CHUNKED, b"0"),
    "trailers": begin_and_drip(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "half a body": begin_and_drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na pic", b""),
}


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("talk", SLOW.values(), ids=SLOW)
def test_a_read_ends_in_time_whatever_drips(
    serve: Serve, tls: ssl.SSLContext, talk: Talk, *, encrypted: bool
) -> None:
    server = serve(talk, tls if encrypted else None)
    store = named(server, ["127.0.0.1"]) if encrypted else plain(server)
    began = time.monotonic()
    assert outage(store).startswith("it had not answered in full after 0.5 s")
    assert 0.4 < time.monotonic() - began < 2


def test_a_handshake_ends_in_time(serve: Serve) -> None:
    server = serve(silent)
    began = time.monotonic()
    assert outage(named(server, ["127.0.0.1"])).startswith("it had not answered")
    assert time.monotonic() - began < 2


def test_time_is_for_the_whole_read_not_for_each_of_its_parts(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    def resolve(*_: object) -> list[str]:
        time.sleep(0.4)
        return ["127.0.0.1"]

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        server.closing.wait(0.4)
        connection.sendall(IMAGE)

    server = serve(talk, tls)
    site = Site(f"https://images.example:{server.port}", EVERYWHERE, SOON, resolve=resolve)
    assert outage(HttpsStore(site)).startswith("it had not answered")


def test_a_server_that_drips_and_then_is_silent_gains_no_time(serve: Serve) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        server.closing.wait(0.8)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na")
        server.closing.wait(10)

    store = plain(serve(talk), NetworkLimits(timeout=1))
    began = time.monotonic()
    assert outage(store).startswith("it had not answered")
    assert time.monotonic() - began < 1.6


def test_a_resolver_that_hangs_holds_one_thread_and_no_reader() -> None:
    goes_on = threading.Event()
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        goes_on.wait(10)
        return ["127.0.0.1"]

    store = HttpsStore(Site("https://images.example", EVERYWHERE, SOON, resolve=resolve))
    sentences: list[str] = []
    readers = [threading.Thread(target=lambda: sentences.append(outage(store))) for _ in range(10)]
    began = time.monotonic()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    goes_on.set()
    assert time.monotonic() - began < 3
    assert [sentence[:19] for sentence in sentences] == ["it had not answered"] * 10
    assert asked == ["images.example"]


def test_a_failure_leaves_no_connection_open(serve: Serve) -> None:
    ended = threading.Event()

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        with suppress(ConnectionError):
            server.read(connection)
        ended.set()

    error = failure(plain(serve(talk)))
    assert ended.wait(5)
    assert error.code is OutcomeCode.IMAGE_TOO_LARGE  # and its traceback is still alive
