"""Ledgers that released versions recorded, and the ledger of this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.record import FOLDER, restore
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from redis import Redis

RELEASES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def ledger(redis_client: Redis) -> Ledger:
    return Ledger(redis_client)


@pytest.fixture(params=RELEASES)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a release recorded; see `record.py`."""
    text = (FOLDER / f"{request.param}.json").read_text("utf-8")
    recorded: dict[str, Any] = json.loads(text)
    return recorded


@pytest.fixture
def restored(ledger: Ledger, recorded: dict[str, Any]) -> Ledger:
    """Its ledger again, at the same time."""
    restore(ledger.redis, recorded["keys"])
    ledger.now = recorded["at"]
    return ledger
