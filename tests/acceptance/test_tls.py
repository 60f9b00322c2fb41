"""Redis over TLS: client and worker check its certificate, and work."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trustme

from facelift import UploadClient
from facelift.errors import LedgerUnavailable
from sandbox.redis_server import RedisServer, RedisServerFailed
from tests.acceptance.world import COMMAND, WorkerProcess, eventually, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's certificate, and its authority's beside one of another."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return folder


@pytest.fixture(scope="module")
def url(redis_binary: Path, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(folder / "cert.pem"),
        "tls-key-file": str(folder / "key.pem"),
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-auth-clients": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    try:
        with RedisServer(folder / "redis", binary=redis_binary, arguments=arguments):
            yield f"rediss://127.0.0.1:{port}/0"
    except RedisServerFailed as failed:
        if "Bad directive" in str(failed):
            pytest.skip("this redis-server is built without TLS")
        raise


def test_client_and_worker_work_over_tls(
    url: str, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    trusting = f"{url}?ssl_ca_certs={folder}/ca.pem"
    with (
        UploadClient(trusting) as client,
        worker(tmp_path / "log", environment | {"FACELIFT_REDIS_URL": trusting}),
    ):
        job = client.enqueue("bot-tls", "media:good.png")
        assert client.wait(job.id, 30).outcome == "delivered"


@pytest.mark.parametrize("options", ["?ssl_ca_certs={folder}/other.pem", ""])
def test_client_refuses_a_certificate_of_another_authority(
    url: str, folder: Path, options: str
) -> None:
    with (
        UploadClient(url + options.format(folder=folder)) as client,
        pytest.raises(LedgerUnavailable, match="certificate verify failed"),
    ):
        client.enqueue("bot", "media:good.png")


def test_worker_refuses_a_certificate_of_another_authority_and_says_so(
    url: str, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    other = environment | {"FACELIFT_REDIS_URL": f"{url}?ssl_ca_certs={folder}/other.pem"}
    process = WorkerProcess(COMMAND, other, tmp_path / "log")
    try:
        eventually(lambda: "certificate verify failed" in process.log, process.log)
        assert "ready:" not in process.log
        assert "Traceback" not in process.log
    finally:
        process.kill()
