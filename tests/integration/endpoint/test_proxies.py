"""The way through a proxy that the environment names."""

from __future__ import annotations

import base64
import select
import socket
import threading
import time
import traceback
from typing import TYPE_CHECKING

import pytest
from requests.exceptions import InvalidSchema

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import (
    DONE,
    IMPATIENT,
    LARGE,
    always,
    answering,
    deliver,
    failure,
    reaching,
)
from worker.http import HttpClient, NoAnswer, RequestLimits

if TYPE_CHECKING:
    import ssl

    from tests.integration.endpoint.wire import Connect, Serve, Server

CREDENTIALS = f"Proxy-Authorization: Basic {base64.b64encode(b'me:canary').decode()}"


def with_credentials(url: str) -> str:
    return url.replace("://", "://me:canary@")


def tunnel(server: Server, connection: socket.socket) -> None:
    """Connect to the host that is asked for, and pass on what either side says."""
    server.read(connection)
    host, port = server.heads[-1].split()[1].split(":")
    with socket.create_connection((host, int(port))) as upstream:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {connection: upstream, upstream: connection}
        while True:
            for end in select.select(list(other), [], [], 10)[0]:
                if not (data := end.recv(65_536)):
                    return
                other[end].sendall(data)


def test_the_environments_proxy_is_used(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(always(DONE))
    monkeypatch.setenv("http_proxy", proxy.url)
    client = connect("http://endpoint.invalid")
    monkeypatch.delenv("http_proxy")  # it is read once
    assert deliver(client).confirmed
    assert proxy.heads[0].startswith("POST http://endpoint.invalid/api/v1/")


def test_the_total_limit_holds_for_a_proxy_that_drips(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    monkeypatch.setenv("https_proxy", serve(talk).url)
    started = time.monotonic()
    error = failure(connect("https://endpoint.invalid", IMPATIENT))
    assert error.code is OutcomeCode.TIMEOUT
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "proxy", ["http://me:canary@127.0.0.1:1", "http://me:canary@[", "socks5://me:canary@127.0.0.1"]
)
def test_a_proxy_that_does_not_work_is_a_failed_connection_without_its_password(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    error = failure(connect("http://endpoint.invalid"))
    assert error.code is OutcomeCode.CONNECTION_FAILED
    assert "canary" not in "".join(traceback.format_exception(error))


def test_a_proxy_whose_connections_cannot_be_bounded_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "socks5h://127.0.0.1:1080")
    url = "http://endpoint.invalid"
    with pytest.raises(NoAnswer) as caught:
        HttpClient(url, RequestLimits(), connections=1).reach()
    assert isinstance(caught.value.__cause__, InvalidSchema)
    assert "bounded" in str(caught.value.__cause__)


def test_reaching_asks_the_environments_proxy_for_the_way(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(always(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    monkeypatch.setenv("https_proxy", proxy.url)
    assert reaching(connect("https://endpoint.invalid")).code is OutcomeCode.CONNECTION_FAILED
    assert [head.split()[:2] for head in proxy.heads] == [["CONNECT", "endpoint.invalid:443"]]


def test_reaching_takes_no_longer_than_a_delivery(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say_nothing(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        time.sleep(1.5)

    monkeypatch.setenv("https_proxy", serve(say_nothing).url)
    assert reaching(connect("https://endpoint.invalid", IMPATIENT)).code is OutcomeCode.TIMEOUT


def test_a_proxy_gets_its_password_with_each_request(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(always(DONE))
    monkeypatch.setenv("http_proxy", with_credentials(proxy.url))
    client = connect("http://endpoint.invalid")
    for _ in range(2):
        assert deliver(client).confirmed
    assert [CREDENTIALS in head.splitlines() for head in proxy.heads] == [True, True]


def test_a_delivery_goes_through_a_tunnel_and_again_through_another_when_that_is_closed(
    serve: Serve,
    connect: Connect,
    trusted_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = threading.Event()

    def talk(server: Server, connection: socket.socket) -> None:
        tunnel(server, connection)
        connection.close()
        closed.set()

    proxy, endpoint = serve(talk), serve(answering(DONE, DONE), trusted_tls)
    monkeypatch.setenv("https_proxy", with_credentials(proxy.url))
    client = connect(endpoint.url)
    for image in (LARGE, LARGE):
        assert deliver(client, image).confirmed
    assert closed.wait(5)
    assert deliver(client).confirmed
    assert (proxy.connections, endpoint.connections) == (2, 2)
    for head in proxy.heads:
        assert head.startswith(f"CONNECT 127.0.0.1:{endpoint.port} ")
        assert CREDENTIALS in head.splitlines()
    # What is the proxy's is not the endpoint's, and the other way round.
    assert all("Proxy" not in head and "Bearer" in head for head in endpoint.heads)
    assert not any("Bearer" in head for head in proxy.heads)


def test_an_unreachable_proxy_is_named_as_the_cause(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    client = connect("http://endpoint.invalid")
    for error in (failure(client), reaching(client)):
        assert error.sentence == (
            "The proxy could not be reached, or does not connect to endpoint.invalid: "
            "Connection refused."
        )


def test_a_delivery_goes_through_a_proxy_that_is_encrypted_itself(
    serve: Serve,
    connect: Connect,
    trusted_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, endpoint = serve(tunnel, trusted_tls), serve(always(DONE), trusted_tls)
    monkeypatch.setenv("https_proxy", proxy.url)
    client = connect(endpoint.url)
    for _ in range(2):
        assert deliver(client).confirmed
    assert (proxy.connections, endpoint.connections) == (1, 1)
    assert all("Bearer" in head for head in endpoint.heads)
