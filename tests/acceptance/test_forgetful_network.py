"""Uploads through a NAT that forgets connections which were idle for 8 seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sandbox.endpoint.process import EndpointProcess
from tests.acceptance.pool import api_keys, worker_pool
from tests.nat import Nat

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "acme"
FORGETS = 8.0
UPLOADS = 25


@pytest.mark.nightly
@pytest.mark.parametrize("resets", [True, False], ids=["resets", "silent"])
@pytest.mark.parametrize("pause", [4.0, FORGETS + 1], ids=["remembered", "forgotten"])
def test_a_pause_costs_uploads_neither_attempts_nor_time(
    environment: dict[str, str], tmp_path: Path, *, resets: bool, pause: float
) -> None:
    with (
        EndpointProcess(api_keys=[f"key-{ACCOUNT}"]) as endpoint,
        Nat(urlsplit(endpoint.url).port or 0, resets=resets, after=FORGETS) as nat,
    ):
        settings = environment | {
            "FACELIFT_KEY_PREFIX": f"nat-{resets:d}-{pause:.0f}",
            "FACELIFT_ENDPOINT_URL": nat.url,
            "FACELIFT_REQUEST_TIMEOUT": "30s",
            "FACELIFT_READ_TIMEOUT": "30s",
            "FACELIFT_CONCURRENCY": str(2 * UPLOADS),
            **api_keys(ACCOUNT),
        }
        with worker_pool(tmp_path, settings, endpoint, processes=1) as pool:
            pool.wait(pool.enqueue(ACCOUNT, UPLOADS))
            time.sleep(pause)
            began = time.monotonic()
            records = pool.wait(pool.enqueue(ACCOUNT, UPLOADS))
            assert time.monotonic() - began < 5
            assert {record.outcome for record in records} == {"delivered"}
            assert {len(record.attempts) for record in records} == {1}
            assert pool.status().breaker == "closed"
        assert endpoint.stats()["requests"] == 2 * UPLOADS
