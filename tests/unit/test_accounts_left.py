"""The log names an account that is left to other workers once, however many of its jobs are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from worker.monitoring.logs import Text
from worker.runtime.accounts_left import AccountsLeft

if TYPE_CHECKING:
    import pytest


def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    left = AccountsLeft()
    for _ in range(3):
        left.add("Acme-EU")
    left.replace(["acme_eu", "shop"])
    left.replace(["shop"])
    assert [Text().format(each).split("account=")[1] for each in caplog.records] == [
        "acme_eu",
        "shop",
        "acme_eu",
    ]
    assert [each.levelname for each in caplog.records] == ["WARNING", "WARNING", "INFO"]
