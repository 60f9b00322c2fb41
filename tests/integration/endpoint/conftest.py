"""What the tests of the client on the wire share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.endpoint.wire import LIMITS
from worker.endpoint import EndpointClient, RequestLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

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
