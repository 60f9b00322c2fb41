"""The short form of the chaos test; `make chaos` runs the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.run import Plan, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("redis_binary")
def test_every_promise_is_kept_under_random_faults(tmp_path: Path) -> None:
    report = run(Plan(seed=20, jobs=200, chatbots=24, workers=3, seconds=18), tmp_path)
    assert not report.problems, str(report)
