from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from tests.ledger.driver import Ledger


def test_redis_that_forgets_scripts_again_and_again_carries_them_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    evalsha = ledger.redis.evalsha

    def forget_and_call(*call: Any) -> Any:
        ledger.redis.script_flush()
        return evalsha(*call)

    monkeypatch.setattr(ledger.redis, "evalsha", forget_and_call)
    job_id = ledger.enqueue()
    ledger.acquire_with_permit(job_id)
    assert ledger.store.records.get(job_id).state == "running"
