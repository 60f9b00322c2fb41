"""Names, connections, TLS and proxies: what stands between us and the endpoint."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
import traceback
from typing import TYPE_CHECKING

import pytest
from requests.exceptions import InvalidSchema

from tasks.codes import OutcomeCode
from tests.integration.endpoint.wire import DONE, IMPATIENT, LARGE, always, deliver, failure
from worker.endpoint.limits import RequestLimits
from worker.endpoint.transport import Environment, Way
from worker.errors import DeliveryFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.endpoint.wire import Connect, Serve, Server
    from worker.endpoint import EndpointClient


def test_a_refused_connection_has_failed(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(connect(f"http://127.0.0.1:{port}"))
    assert error.code is OutcomeCode.CONNECTION_FAILED
    assert error.sentence == "No connection to 127.0.0.1 could be made: Connection refused."


def test_an_unknown_host_is_a_dns_failure(connect: Connect) -> None:
    error = failure(connect("http://no-such-host.invalid"))
    assert error.code is OutcomeCode.DNS_FAILED
    assert error.sentence.startswith("The name no-such-host.invalid could not be resolved")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its private key."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {path} -out {path}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_name("certificate.pem.crt").read_bytes())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_is_not_trusted_is_a_tls_failure(
    serve: Serve, connect: Connect, tls: ssl.SSLContext
) -> None:
    server = serve(always(DONE), tls)
    error = failure(connect(server.url))
    assert error.code is OutcomeCode.TLS_FAILED
    assert error.sentence == (
        "No trusted TLS connection to 127.0.0.1 could be made: self-signed certificate."
    )
    assert server.heads == []


def test_a_certificate_for_another_host_is_a_tls_failure(
    serve: Serve,
    connect: Connect,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(always(DONE), tls)
    error = failure(connect(server.url.replace("127.0.0.1", "localhost")))
    assert error.code is OutcomeCode.TLS_FAILED
    assert error.sentence == (
        "No trusted TLS connection to localhost could be made: "
        "Hostname mismatch, certificate is not valid for 'localhost'."
    )
    assert server.heads == []


def test_a_certificate_that_has_expired_is_a_tls_failure(
    serve: Serve,
    connect: Connect,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expired = tmp_path / "expired.pem"
    command = f"openssl x509 -in {certificate} -signkey {certificate} -days -1 -out {expired}"
    subprocess.run(command.split(), check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(expired, keyfile=certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(expired))
    server = serve(always(DONE), tls)
    error = failure(connect(server.url))
    assert error.code is OutcomeCode.TLS_FAILED
    assert error.sentence == (
        "No trusted TLS connection to 127.0.0.1 could be made: certificate has expired."
    )
    assert server.heads == []


def test_a_server_that_speaks_no_tls_is_a_tls_failure(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, connection: connection.sendall(b"HTTP/1.1 400 No\r\n\r\n"))
    error = failure(connect(server.url.replace("http:", "https:")))
    assert error.code is OutcomeCode.TLS_FAILED
    assert server.connections == 1  # tried once


def test_the_environments_certificates_are_trusted(
    serve: Serve,
    connect: Connect,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(always(DONE), tls)
    client = connect(server.url)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")  # it is read once
    assert deliver(client, LARGE).confirmed
    assert deliver(client).confirmed
    assert server.connections == 1


def test_the_total_limit_holds_over_tls(
    serve: Serve,
    connect: Connect,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        for byte in DONE:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(talk, tls)
    client = connect(server.url, IMPATIENT)
    started = time.monotonic()
    for _ in range(2):
        assert failure(client).code is OutcomeCode.TIMEOUT
    assert time.monotonic() - started < 6
    assert server.connections == 2


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


def test_a_proxy_whose_connections_cannot_be_watched_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "socks5h://127.0.0.1:1080")
    url = "http://endpoint.invalid"
    with pytest.raises(InvalidSchema, match="watched"):
        Way(url, Environment.read(url), RequestLimits())


def reaching(client: EndpointClient) -> DeliveryFailed:
    """Why there is no way to the endpoint."""
    with pytest.raises(DeliveryFailed) as caught:
        client.reach()
    return caught.value


def test_reaching_shakes_hands_and_sends_nothing(
    serve: Serve,
    connect: Connect,
    tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(always(DONE), tls)
    connect(server.url).reach()
    assert (server.connections, server.heads) == (1, [])


def test_reaching_finds_what_a_delivery_would_find(
    serve: Serve, connect: Connect, tls: ssl.SSLContext
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    clients = [
        connect(url)
        for url in (
            serve(always(DONE), tls).url,
            f"http://127.0.0.1:{port}",
            "http://no-such-host.invalid",
        )
    ]
    for client in clients:
        found, delivered = reaching(client), failure(client)
        assert (found.code, found.sentence) == (delivered.code, delivered.sentence)


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
