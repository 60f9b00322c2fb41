"""The way to a web server: which addresses, and what an answer means."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import always, answering
from tests.integration.stores.reading import (
    CHUNKED,
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
from worker.http import Reach
from worker.stores import HttpsStore
from worker.stores.web import Site

if TYPE_CHECKING:
    import ssl

    from tests.integration.endpoint.wire import Serve, Server


# Where a request goes


def test_the_checked_address_is_connected_to_in_the_name_of_the_host(
    serve: Serve, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[str | None] = []
    tls.sni_callback = lambda _, name, __: asked_for.append(name)
    server = serve(always(WHOLE), tls)
    monkeypatch.delattr(socket, "getaddrinfo")  # nobody resolves but the store
    assert named(server, ["127.0.0.1"]).read("42.png", LIMIT) == IMAGE
    assert asked_for == ["images.example"]
    assert f"\r\nHost: images.example:{server.port}\r\n" in server.heads[0] + "\r\n"


def test_a_certificate_for_another_name_is_an_outage(serve: Serve, tls: ssl.SSLContext) -> None:
    server = serve(always(WHOLE), tls)
    sentence = outage(named(server, ["127.0.0.1"], host="elsewhere.example"))
    assert sentence.startswith("no trusted TLS connection to it could be made: Hostname mismatch")
    assert server.heads == []


def test_a_certificate_of_an_unknown_authority_is_an_outage(
    serve: Serve, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    server = serve(always(WHOLE), tls)
    assert outage(named(server, ["127.0.0.1"])).startswith("no trusted TLS connection")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_to_no_public_address_is_refused(
    serve: Serve, tls: ssl.SSLContext, address: str
) -> None:
    server = serve(always(WHOLE), tls)
    store = named(server, [address], reaches=frozenset({Reach.PUBLIC}))
    assert outage(store) == ("its address is not public, and it was not allowed private ones.")
    assert server.connections == 0


def test_a_rebound_name_is_checked_at_each_connection(serve: Serve, tls: ssl.SSLContext) -> None:
    server = serve(answering(WHOLE), tls)  # hangs up, so that the next read connects anew
    store = named(server, ["127.0.0.1"], ["169.254.169.254"])
    assert store.read("42.png", LIMIT) == IMAGE
    assert "no server may have" in outage(store)


def test_link_local_addresses_are_refused_to_every_store(serve: Serve, tls: ssl.SSLContext) -> None:
    server = serve(always(WHOLE), tls)
    assert "no server may have" in outage(named(server, ["169.254.169.254"]))


def test_a_name_that_cannot_be_resolved_is_an_outage(serve: Serve, tls: ssl.SSLContext) -> None:
    def resolve(*_: object) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    server = serve(always(WHOLE), tls)
    site = Site(f"https://images.example:{server.port}", EVERYWHERE, SOON, resolve=resolve)
    assert outage(HttpsStore(site)) == (
        "its name could not be resolved: Name or service not known."
    )


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = serve(always(WHOLE)), serve(always(WHOLE))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert plain(server).read("42.png", LIMIT) == IMAGE
    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize("target", ["/images/43.png", "http://{}/secret", "//{}/x", "43.png"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_not_even_inside(serve: Serve, status: int, target: str) -> None:
    elsewhere = serve(always(WHOLE))
    location = target.format(f"127.0.0.1:{elsewhere.port}")
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    server = serve(always(answer.encode()))
    error = failure(plain(server))
    assert error.code is OutcomeCode.IMAGE_UNREADABLE
    assert error.sentence == f"'42.png' is elsewhere ({status}); redirects are not followed."
    assert (len(server.heads), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    "path", ["a?b", "a#b", "@evil.example/x", "a//b", "http://x/y", "%41%2f", "a\\b", "a b"]
)
def test_every_request_is_for_something_below_the_base(serve: Serve, path: str) -> None:
    server = serve(always(WHOLE))
    assert plain(server).read(path, LIMIT) == IMAGE
    line = server.heads[0].split("\r\n")[0]
    assert line.startswith("GET /images/")
    assert not set("?#@:\\") & set(line.removesuffix(" HTTP/1.1"))


def test_connections_are_kept_for_the_next_image(serve: Serve, tls: ssl.SSLContext) -> None:
    server = serve(always(WHOLE), tls)
    store = named(server, *[["127.0.0.1"]] * 5)
    for _ in range(5):
        store.read("42.png", LIMIT)
    assert server.connections == 1


# What an answer means


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, OutcomeCode.IMAGE_NOT_FOUND),
        (410, OutcomeCode.IMAGE_NOT_FOUND),
        (401, OutcomeCode.IMAGE_UNREADABLE),
        (403, OutcomeCode.IMAGE_UNREADABLE),
        (451, OutcomeCode.IMAGE_UNREADABLE),
        (400, OutcomeCode.IMAGE_UNREADABLE),
        (414, OutcomeCode.IMAGE_UNREADABLE),
        (408, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (425, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (429, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (500, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (502, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (503, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (202, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (206, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (999, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
    ],
)
def test_status_decides(serve: Serve, status: int, code: OutcomeCode) -> None:
    server = serve(always(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\na picture" % status))
    assert failure(plain(server)).code is code


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_what_comes_compressed_is_refused_and_never_unpacked(serve: Serve, encoding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n"
    server = serve(always(head.encode() + bomb))
    tracemalloc.start()
    try:
        assert failure(plain(server)).code is OutcomeCode.IMAGE_UNREADABLE
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "\r\nAccept-Encoding: identity" in server.heads[0]


@pytest.mark.parametrize(
    "encoding", ["", " ", "identity", "Identity", "aws-chunked", "aws-chunked, identity", "none"]
)
def test_a_content_encoding_that_compresses_nothing_is_none(serve: Serve, encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 9\r\n\r\n"
    assert plain(serve(always(head.encode() + IMAGE))).read("42.png", LIMIT) == IMAGE


def test_what_aws_chunked_hides_is_still_compressed(serve: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: aws-chunked,gzip\r\nContent-Length: 9\r\n\r\n"
    assert failure(plain(serve(always(head + IMAGE)))).code is OutcomeCode.IMAGE_UNREADABLE


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_are_read_over(serve: Serve, status: int) -> None:
    server = serve(always(b"HTTP/1.1 %d X\r\nA: b\r\n\r\n" % status * 3 + WHOLE))
    store = plain(server)
    assert [store.read("42.png", LIMIT) for _ in range(3)] == [IMAGE] * 3
    assert server.connections == 1


def test_an_image_comes_after_any_number_of_headers(serve: Serve) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(500))
    answer = b"HTTP/1.1 200 OK\r\n" + many + b"no colon\r\nContent-Length: 9\r\n\r\n" + IMAGE
    assert plain(serve(always(answer))).read("42.png", LIMIT) == IMAGE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\na picture",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"9\r\na pic",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na picture",
        b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\na picture",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_an_answer_that_is_not_whole_is_an_outage(serve: Serve, answer: bytes) -> None:
    assert outage(plain(serve(answering(answer))))


def test_a_store_that_was_down_is_read_again_when_it_is_back(serve: Serve) -> None:
    answers = iter([b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"", WHOLE])

    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(next(answers))

    store = plain(serve(talk))
    assert outage(store) == "it answered 503."
    assert outage(store).startswith("the connection to it was lost")
    assert store.read("42.png", LIMIT) == IMAGE
