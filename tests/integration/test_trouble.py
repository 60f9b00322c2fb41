"""Operators see which chatbots, which account, or whether the endpoint fails, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import OutcomeCode, UploadClient, WaitReason
from facelift.cli.group import cli
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.ledger.replies import Feedback, Permit, Quota
from facelift.units import Rate
from tests.ledger.driver import Ledger
from worker.monitoring.collectors import PoolCollector

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = Rate(1_000, 1)
ANSWERED = Feedback(Permit(), answered=True, fingerprint="key-default", quota=Quota())
ACCOUNTS = ("default", "shop", "acme", "studio")
BROKEN = "The endpoint answered 500: Internal server error."
NO_ANSWER = "No connection could be made: Connection refused."


@pytest.fixture
def ledger(redis: Any) -> Ledger:
    """Its workers have registered four accounts, each with a key of its own."""
    ledger = Ledger(redis)
    register(ledger, *((account, f"key-{account}") for account in ACCOUNTS))
    return ledger


@pytest.fixture
def facelift(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command prints, in one line."""
    monkeypatch.setattr(UploadClient, "from_env", lambda: UploadClient(ledger=ledger.store))

    def run(*arguments: str) -> str:
        return " ".join(CliRunner().invoke(cli, arguments).stdout.split())

    return run


def register(ledger: Ledger, *accounts: tuple[str, str], rate: Rate = RATE) -> None:
    found = [Registration(account, rate, fingerprint) for account, fingerprint in accounts]
    ledger.store.pool.register(BreakerPolicy(), found)


def fail(
    ledger: Ledger,
    chatbots: list[str],
    account: str = "default",
    *,
    code: OutcomeCode = OutcomeCode.SERVER_ERROR,
    sentence: str = BROKEN,
) -> list[str]:
    """Upload to each chatbot twice, seven seconds apart, and fail; the jobs wait to be retried."""
    jobs = [ledger.enqueue(chatbot, account=account) for chatbot in chatbots]
    for _ in range(2):
        fail_again(ledger, jobs, code, sentence)
    return jobs


def fail_again(
    ledger: Ledger,
    jobs: list[str],
    code: OutcomeCode = OutcomeCode.SERVER_ERROR,
    sentence: str = BROKEN,
) -> None:
    for lease in [ledger.acquire_with_permit(job) for job in jobs]:
        ledger.store.pool.report_failure(lease, code, sentence)
        ledger.retry_later(lease, 7)
    ledger.run_once(7)


def down(ledger: Ledger, account: str = "default", **why: Any) -> list[str]:
    return fail(ledger, [f"{account}-{number}" for number in range(6)], account, **why)


def check(facelift: Callable[..., str], name: str) -> list[tuple[str, str]]:
    """What `facelift doctor` finds: verdicts and messages."""
    found = json.loads(facelift("doctor", "--json"))
    return [(each["verdict"], each["message"]) for each in found if each["check"] == name]


def metrics(ledger: Ledger) -> dict[str, float]:
    return {
        "/".join(
            [sample.name.removeprefix("facelift_pool_"), *sample.labels.values()]
        ): sample.value
        for metric in PoolCollector(ledger.store.pool).collect()
        for sample in metric.samples
    }


def test_failing_chatbots_are_named_and_nothing_else_is_blamed(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    fail(ledger, ["bot-1", "bot-2"])
    ledger.deliver(ledger.acquire_with_permit(ledger.enqueue("bot-3")), ANSWERED)
    shown = facelift("status")
    assert "Endpoint breaker closed: requests are let through" in shown
    assert "2 chatbots fail" in shown
    assert f"bot-1 default 2 16:00:00 {BROKEN}" in shown
    assert "Advice 2 failing chatbots: check the chatbot at Chatbase" in shown
    assert "bot-1 default 2 16:00:00" in facelift("top", "--once")
    assert check(facelift, "Breakers") == [("OK", "closed: requests are let through")]
    ((verdict, message),) = check(facelift, "Chatbots")
    assert verdict == "WARN"
    assert message.startswith("2 failing chatbots of account default; those with the most")
    assert "bot-1 (2 server_error)" in message
    found = metrics(ledger)
    assert found["account_failing_chatbots/default"] == 2
    assert found["account_breaker_open/default"] == 0
    assert found["breaker/closed"] == 1


def test_chatbot_is_listed_no_longer_once_an_upload_succeeds(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    for job in fail(ledger, ["bot-1", "bot-2"]):
        ledger.deliver(ledger.acquire_with_permit(job), ANSWERED)
    assert "fail" not in facelift("status")
    assert check(facelift, "Chatbots") == [("OK", "none fails")]


def test_chatbot_that_failed_once_is_not_blamed(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    fail_again(ledger, [ledger.enqueue("bot-1")])
    assert "fail" not in facelift("status")
    assert metrics(ledger)["account_failing_chatbots/default"] == 0
    assert ledger.store.pool.snapshot().accounts[1].worst == ()


def test_failing_account_is_named_and_the_endpoint_is_not_said_to_be_down(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    down(ledger, "shop")
    shown = facelift("status")
    assert "Endpoint breaker closed: requests are let through" in shown
    assert (
        "breaker half open since 16:00:07: 7 s without a success, and 10 failures of 6 chatbots; "
        f"the last: {BROKEN} A probe is under way"
    ) in shown
    assert "Advice account shop: check the account at Chatbase" in shown
    assert "breaker of account shop opened" in shown
    assert "Failing chatbot" not in shown
    ((verdict, message),) = check(facelift, "Breakers")
    assert verdict == "WARN"
    assert message.startswith("of account shop: breaker half open since")
    found = metrics(ledger)
    assert [found[f"account_breaker_open/{account}"] for account in ("shop", "acme")] == [1, 0]
    assert found["breaker/closed"] == 1


def test_endpoint_that_is_down_is_blamed_for_all(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    down(ledger, code=OutcomeCode.CONNECTION_FAILED, sentence=NO_ANSWER)
    shown = facelift("status")
    assert "Endpoint breaker open since 16:00:07: No answer to 6 chatbots in" in shown
    assert "Advice check the endpoint; the jobs go on by themselves once it is back" in shown
    assert "Chatbase" not in shown
    ((verdict, message),) = check(facelift, "Breakers")
    assert verdict == "WARN"
    assert message.startswith("of the endpoint: breaker open since")
    assert metrics(ledger)["breaker/open"] == 1


def test_accounts_with_one_key_are_named_and_share_their_trouble(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    assert check(facelift, "API keys") == []
    register(ledger, ("shop", "key-shop"), ("studio", "key-shop"))
    down(ledger, "studio")
    shown = facelift("status")
    assert "has the API key of studio" in shown
    assert "has the API key of shop: see there" in shown
    assert check(facelift, "API keys") == [
        ("WARN", "shop, studio have one API key; they share its rate, breaker and pauses")
    ]
    found = metrics(ledger)
    assert [found[f"account_breaker_open/{account}"] for account in ("shop", "studio")] == [1, 1]


def test_accounts_that_no_worker_knows_have_no_metrics(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    for number in range(20):
        job = ledger.enqueue(f"bot-{number}", account=f"made-up-{number}")
        if ledger.messages():
            ledger.store.acquire(ledger.lease(ledger.take_message()), 15, "worker")
    assert ledger.get(job).wait_reason is WaitReason.UNKNOWN_ACCOUNT
    found = metrics(ledger)
    assert {name for name in found if "made" in name} == set()
    assert found["waiting_jobs/unknown_account"] == 20
    unknown = "20 jobs of unknown accounts (made-up-0, made-up-1, made-up-2, …)"
    assert check(facelift, "Accounts") == [("WARN", f"waiting: {unknown}")]
    assert f"Advice {unknown}: give the workers the account's API key" in facelift("status")
    shown = facelift("show", job)
    assert "waiting (unknown_account" in shown
    assert "Advice give the workers the account's API key" in shown


def test_waiting_job_explains_its_failing_account(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    *_, job = down(ledger, "shop")
    shown = facelift("show", job)
    assert "State waiting (account_failing, about 16:00:" in shown
    assert "Uploads of the account shop fail; it is probed every few seconds." in shown
    assert "Advice check the account at Chatbase; its jobs go on by themselves" in shown


def test_waiting_job_explains_its_failing_chatbot(
    ledger: Ledger, facelift: Callable[..., str]
) -> None:
    (job,) = fail(ledger, ["bot-1"])
    register(ledger, ("default", "key-default"), rate=Rate(1, 60))
    fail_again(ledger, [job])
    shown = facelift("show", job)
    assert "State waiting (chatbot_failing, about 16:0" in shown
    assert "Its chatbot's last upload failed" in shown
    assert "Advice check the chatbot at Chatbase; its jobs are retried" in shown
