"""Names, connections and TLS: what stands between us and the endpoint."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import (
    DONE,
    IMPATIENT,
    LARGE,
    always,
    deliver,
    failure,
    reaching,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.endpoint.wire import Connect, Serve, Server


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
    serve: Serve, connect: Connect, trusted_tls: ssl.SSLContext
) -> None:
    server = serve(always(DONE), trusted_tls)
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
    trusted_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(always(DONE), trusted_tls)
    client = connect(server.url)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")  # it is read once
    assert deliver(client, LARGE).confirmed
    assert deliver(client).confirmed
    assert server.connections == 1


def test_the_total_limit_holds_over_tls(
    serve: Serve, connect: Connect, trusted_tls: ssl.SSLContext
) -> None:
    def talk(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        for byte in DONE:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    server = serve(talk, trusted_tls)
    client = connect(server.url, IMPATIENT)
    started = time.monotonic()
    for _ in range(2):
        assert failure(client).code is OutcomeCode.TIMEOUT
    assert time.monotonic() - started < 6
    assert server.connections == 2


def test_reaching_shakes_hands_and_sends_nothing(
    serve: Serve, connect: Connect, trusted_tls: ssl.SSLContext
) -> None:
    server = serve(always(DONE), trusted_tls)
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
