"""What a step of a job hands to the next; whole ways are in tests/acceptance."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from fakeredis import FakeRedis
from pydantic import SecretStr

from tests.ledger.driver import Ledger
from worker.accounts import Accounts
from worker.api_keys import AccountKeys
from worker.backoff import RetryPolicy
from worker.endpoint import Receipt
from worker.executor import Executor
from worker.image import ImageLimits
from worker.lease import LeaseKeeper
from worker.recorder import Recorder
from worker.run import Verdict

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


class Store:
    def read(self, path: str, limit: int) -> bytes:
        assert limit
        return {"good.png": PNG, "bots/42.png": PNG}[path]


class Endpoint:
    def __init__(self) -> None:
        self.names: list[str] = []

    def deliver(self, _: object, *, file_name: str, **__: Any) -> Receipt:
        self.names.append(file_name)
        return Receipt(200, "Done.", confirmed=True)


@pytest.mark.parametrize("path", ["good.png", "bots/42.png"])
def test_file_is_named_by_its_path_without_its_store(path: str) -> None:
    endpoint: Any = Endpoint()
    with FakeRedis(decode_responses=True) as redis:
        ledger = Ledger(redis)
        leases = LeaseKeeper(ledger.store, 15)
        executor = Executor(
            store=ledger.store,
            leases=leases,
            image_stores={"media": Store()},
            accounts=Accounts({"default": AccountKeys("", (SecretStr("key"),))}, grace=0),
            image_limits=ImageLimits(),
            endpoint=endpoint,
            recorder=Recorder(store=ledger.store, policy=RetryPolicy(), rng=Random(1)),
            longest_request=30,
            worker="w",
        )
        report = executor.run(ledger.enqueue(image=f"media:{path}"))
        leases.stop()
    assert report.verdict is Verdict.DELIVERED, report
    assert endpoint.names == [path]
