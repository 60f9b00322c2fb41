"""What a supervisor tells the ledger about processes that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from facelift.errors import LedgerUnavailable
from worker.runtime.lost_processes import LostProcesses
from worker.runtime.supervisor import EX_SETTINGS, Ended
from worker.runtime.watchdog import EX_STUCK

if TYPE_CHECKING:
    from facelift.ledger.pool import Pool


class Reports:
    """A pool of which only `gone` is asked; it fails so often at first."""

    def __init__(self) -> None:
        self.gone_ones: list[str] = []
        self.failures = 0

    def gone(self, worker: str) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailable("Redis is gone")
        self.gone_ones.append(worker)


@pytest.fixture
def pool() -> Reports:
    return Reports()


@pytest.fixture
def lost(pool: Reports) -> LostProcesses:
    return LostProcesses(cast("Pool", pool), "host:{}".format)


def test_killed_process_is_reported_by_its_name(pool: Reports, lost: LostProcesses) -> None:
    for pid, code in ((1, 137), (2, 1), (3, 139)):
        lost.report(Ended(0, pid, code))
    lost.run_once()
    assert pool.gone_ones == ["host:1", "host:2", "host:3"]


@pytest.mark.parametrize("code", [0, EX_SETTINGS, EX_STUCK])
def test_process_that_ended_in_good_order_is_not(
    pool: Reports, lost: LostProcesses, code: int
) -> None:
    lost.report(Ended(0, 1, code))
    lost.run_once()
    assert pool.gone_ones == []


def test_report_that_redis_did_not_take_is_repeated(pool: Reports, lost: LostProcesses) -> None:
    pool.failures = 1
    lost.report(Ended(0, 1, 137))
    with pytest.raises(LedgerUnavailable):
        lost.run_once()
    lost.run_once()
    assert pool.gone_ones == ["host:1"]
