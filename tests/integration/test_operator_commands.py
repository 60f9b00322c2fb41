"""An operator pauses, resumes and looks at the pool, by the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from facelift import UploadClient
from facelift.cli.group import cli
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.units import Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.ledger.driver import Ledger


@pytest.fixture
def facelift(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, on the same Redis, where a worker has registered two accounts."""
    register(client, "default", "shop")
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def register(
    client: UploadClient, *accounts: str, rate: Rate | None = None, age: float = 60.0
) -> None:
    shown = [Registration(account, rate or Rate(20, 2), f"key-{account}") for account in accounts]
    client.ledger.pool.register(BreakerPolicy(), shown, age=age)


def test_command_pauses_and_shows_who_since_when_and_why(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    done = facelift("pause", "shop", "--by", "ana", "--reason", "new key")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert done.stdout.startswith("Account shop is paused by ana since ")
    assert done.stdout.endswith(": new key\n")
    found = client.pool().account("shop")
    assert found is not None
    assert found.pause is not None
    assert "shop     0 of 20 in 2s        0  paused by ana since" in facelift("status").stdout


def test_command_says_that_it_was_paused_before(facelift: Callable[..., Result]) -> None:
    facelift("pause", "--all", "--by", "ana")
    again = facelift("pause", "--all", "--by", "bob")
    assert again.exit_code == 0
    assert "Everything is paused by bob since" in again.stdout
    assert "It replaces an earlier pause." in again.stdout


def test_command_pauses_for_a_time(client: UploadClient, facelift: Callable[..., Result]) -> None:
    done = facelift("pause", "--all", "--for", "90s")
    pause = client.pool().pause
    assert pause is not None
    assert pause.until is not None
    assert 85 < pause.until - pause.at <= 90
    assert ", until " in done.stdout


def test_command_refuses_to_pause_an_account_that_no_worker_knows(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    done = facelift("pause", "shpo")
    assert done.exit_code == 2
    assert done.stderr == (
        "facelift: account: no worker has an API key of shpo; did you mean shop? "
        "known are default, shop\n"
    )
    assert client.pool().account("shpo") is None
    assert "shpo" not in facelift("status").stdout


def test_command_refuses_to_resume_an_account_that_nobody_named(
    facelift: Callable[..., Result],
) -> None:
    done = facelift("resume", "elsewhere")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "no account 'elsewhere' is known; known are default, shop" in done.stderr


def test_command_resumes_and_says_whether_there_was_a_pause(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    client.pause("shop")
    done = facelift("resume", "shop")
    assert (done.exit_code, done.output) == (0, "Account shop is resumed.\n")
    again = facelift("resume", "shop")
    assert (again.exit_code, again.output) == (0, "There was no pause to end.\n")


def test_command_warns_of_the_pauses_that_remain(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    client.pause(by="ana")
    client.pause("shop")
    client.pause("default")
    assert "warning: Everything is paused by ana since" in facelift("resume", "shop").stderr
    done = facelift("resume", "--all")
    assert done.stdout == "Everything is resumed.\n"
    assert done.stderr == "facelift: warning: still paused by name: default\n"


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "name one ACCOUNT, or give --all"),
        (["shop", "--all"], "name one ACCOUNT, or give --all"),
        (["", "--all"], "name one ACCOUNT, or give --all"),
        (["Shop"], "account: must be 1 to 40 of a-z, 0-9, _ and -, in lower case"),
        ([""], "account: must not be blank"),
        (["shop", "--by", ""], "by: must not be blank"),
    ],
)
def test_commands_name_what_is_wrong_and_do_nothing(
    client: UploadClient,
    facelift: Callable[..., Result],
    command: str,
    arguments: list[str],
    shown: str,
) -> None:
    done = facelift(command, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert shown in done.stderr
    assert client.pool().events == ()


@pytest.mark.parametrize("duration", ["soon", "0s", "366d", "-5s"])
def test_command_takes_no_time_that_is_none(facelift: Callable[..., Result], duration: str) -> None:
    done = facelift("pause", "shop", f"--for={duration}")
    assert done.exit_code == 2
    assert f"'{duration}' is no duration from 1s to 365d, such as 30min" in done.stderr


def test_status_without_a_job_shows_the_pool(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    client.enqueue("bot", "media:a.png")
    done = facelift("status")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Pool      2")
    assert lines[2].startswith("Queue     1 message; the oldest job that waits for its turn is ")
    assert lines[1:2] + lines[3:] == [
        "Endpoint  breaker closed: requests are let through",
        "Running   0 jobs",
        "Waiting   0 jobs",
        "",
        "Account  Used           Waiting  State",
        "default  1 of 20 in 2s        0  ok",
        "shop     0 of 20 in 2s        0  ok",
        "",
        "No worker is running.",
    ]


def test_status_prints_the_pool_as_json(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    client.pause("shop", by="ana")
    shown = json.loads(facelift("status", "--json").stdout)
    assert shown == json.loads(json.dumps(client.pool().as_dict())) | {
        "at": shown["at"],
        "refused_messages": [],
    }
    assert shown["accounts"][1]["pause"]["by"] == "ana"


def test_status_of_a_job_with_a_blank_name_is_not_that_of_the_pool(
    facelift: Callable[..., Result],
) -> None:
    done = facelift("status", "")
    assert done.exit_code == 2
    assert "job_id: must be 1 to 64" in done.stderr


def test_status_shows_what_a_job_waits_for_now_and_about_how_long(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    register(client, "default", rate=Rate(1, 60), age=0.0)
    worker.acquire_with_permit(client.enqueue("bot-0", "media:a.png").id)
    for _ in range(8):
        worker.redis.lpush(client.ledger.keys.queue, "{}")
    first, second = (client.enqueue(f"bot-{n}", "media:a.png").id for n in (1, 2))
    assert "State     waiting (rate_limited, about " in facelift("status", first).stdout
    shown = facelift("status", second).stdout
    assert "State     waiting (backlog, about " in shown
    assert "1 other job" in shown
    client.pause("default", by="ana", reason="new key")
    shown = facelift("status", second).stdout
    assert "State     waiting (account_paused)\n" in shown
    assert "The account default is paused by ana: new key" in shown
    for command in ("wait", "watch"):
        waited = facelift(command, second, "--timeout", "0.1")
        said = " ".join((waited.stderr if command == "wait" else waited.stdout).split())
        assert "account_paused" in said
        assert "give the workers one that works" in said
    client.pause(by="bob", until=client.pool().at + 60)
    assert "State     waiting (all_paused, until " in facelift("status", second).stdout
