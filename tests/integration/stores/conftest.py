"""What the tests of stores on the network share: who is trusted, and servers of their own."""

from __future__ import annotations

import logging
import os
import ssl
from typing import TYPE_CHECKING

import botocore.loaders
import botocore.session
import pytest
import trustme
from moto.core.authorization import enable_iam_authentication
from moto.server import ThreadedMotoServer

from tests.integration.stores.backends import (
    S3,
    Backend,
    Folder,
    Https,
    ImageServer,
    S3Server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def botocore_reads_its_models_once() -> Iterator[None]:
    """It reads them anew for each store, and most of a test's time is that."""
    with pytest.MonkeyPatch.context() as patch:
        loader = botocore.loaders.create_loader()
        patch.setattr(botocore.session, "create_loader", lambda *_: loader)
        yield


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's, for localhost and images.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "images.example").configure_cert(context)
    return context


@pytest.fixture(autouse=True)
def environment(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Nothing of this machine's, and the authority of the tests trusted."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws credentials"))
    return monkeypatch


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that speaks S3's language and IAM's."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    server = S3Server("http://{}:{}".format(*moto.get_host_and_port()))
    with enable_iam_authentication():
        yield server
    moto.stop()
    if moto._server:
        moto._server.server_close()


@pytest.fixture
def s3(s3_server: S3Server, environment: pytest.MonkeyPatch) -> S3:
    """A bucket of a user who may read it."""
    environment.setenv("AWS_ACCESS_KEY_ID", s3_server.reader[0])
    environment.setenv("AWS_SECRET_ACCESS_KEY", s3_server.reader[1])
    return S3(s3_server)


@pytest.fixture
def https(tls: ssl.SSLContext) -> Iterator[Https]:
    server = ImageServer(tls)
    yield Https(server)
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "media"
    root.mkdir()
    return Folder(root)


@pytest.fixture(params=["folder", "https", "s3"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """A place for images: the test runs on each kind."""
    found: Backend = request.getfixturevalue(request.param)
    return found
