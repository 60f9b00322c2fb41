"""A producer and its workers' side of the ledger, and servers that do what a test says.

The ledger is on the fake Redis and on the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facelift.client import UploadClient
from tests.integration.endpoint.wire import Server
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from redis import Redis

    from tests.integration.endpoint.wire import Serve, Talk


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def redis(redis_client: Redis) -> Any:
    return redis_client


@pytest.fixture
def client(redis: Any) -> UploadClient:
    return UploadClient(redis=redis)


@pytest.fixture
def worker(redis: Any, client: UploadClient) -> Ledger:
    """Claims and ends what the client enqueues."""
    ledger = Ledger(redis)
    ledger.store = client.ledger
    return ledger


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that do what a test says, byte by byte."""
    servers: list[Server] = []

    def serve(talk: Talk, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(talk, tls))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()
