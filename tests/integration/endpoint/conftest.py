"""What the tests of the client on the wire share."""

from __future__ import annotations

import os
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.endpoint.wire import LIMITS
from worker.endpoint import EndpointClient, RequestLimits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.endpoint.wire import Connect


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.endswith("CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[EndpointClient] = []

    def connect(url: str, limits: RequestLimits = LIMITS) -> EndpointClient:
        clients.append(EndpointClient(url, limits))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


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


@pytest.fixture
def trusted_tls(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> ssl.SSLContext:
    """The same, with a certificate that the environment tells to trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return tls
