"""The `facelift` command against a real Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift.cli.exits import Exit
from facelift.cli.group import cli
from facelift.codes import JobState, OutcomeCode
from facelift.ledger.replies import Lease
from facelift.ledger.store import JobStore
from tests.ledger.driver import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from sandbox.redis_server import RedisServer


COMMAND = [sys.executable, "-m", "facelift.cli"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Facelift = Callable[..., Said]


@pytest.fixture
def decode_responses() -> bool:
    return True


@pytest.fixture
def environment(
    redis_server: RedisServer,
    real_redis: Redis,  # noqa: ARG001 - it empties the server
    monkeypatch: pytest.MonkeyPatch,
) -> pytest.MonkeyPatch:
    """Says where Redis is, and nothing else of ours."""
    for name in list(os.environ):
        if name.startswith("FACELIFT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FACELIFT_REDIS_URL", redis_server.url)
    return monkeypatch


@pytest.fixture
def facelift(environment: pytest.MonkeyPatch) -> Facelift:  # noqa: ARG001 - the command reads it
    """The command, within this process: what it says and how it ends."""

    def run(*arguments: str) -> Said:
        done = CliRunner().invoke(cli, arguments, prog_name="facelift")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return Said(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def process(environment: pytest.MonkeyPatch, traced: dict[str, str]) -> Facelift:  # noqa: ARG001 - the same
    """The command as a process of its own, for what may differ: its start, argv, its exit code."""

    def run(*arguments: str | bytes) -> Said:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=os.environ | traced,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def worker(real_redis: Redis) -> Ledger:
    """Ends jobs as a worker would."""
    ledger = Ledger(real_redis)
    ledger.store = JobStore(real_redis)
    return ledger


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound and not listening: nobody else can take it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def delivered(worker: Ledger) -> str:
    job = worker.enqueue()
    worker.deliver(worker.acquire_with_permit(job))
    return job


def failed(worker: Ledger) -> str:
    job = worker.enqueue()
    worker.fail(worker.acquire_with_permit(job))
    return job


def expired(worker: Ledger) -> str:
    job = worker.enqueue(expires_at=1_700_000_000)
    worker.store.acquire(Lease(job, "t"), 15, "worker-1")
    return job


def cancelled(worker: Ledger) -> str:
    job = worker.enqueue()
    worker.store.cancel(job)
    return job


def superseded(worker: Ledger) -> str:
    older = worker.enqueue()
    delivered(worker)
    return older


def queued(worker: Ledger) -> str:
    return worker.enqueue()


def waiting(worker: Ledger) -> str:
    return worker.enqueue(not_before=4_000_000_000)


def running(worker: Ledger) -> str:
    job = worker.enqueue()
    worker.acquire(job)
    return job


def test_enqueue_prints_the_jobs_id_and_nothing_else(process: Facelift, worker: Ledger) -> None:
    said = process("enqueue", "bot", "media:a.png", "--account", "shop")
    assert (said.code, said.err) == (0, "")
    record = worker.get(said.out.removesuffix("\n"))
    assert (record.chatbot_id, record.image, record.account) == ("bot", "media:a.png", "shop")


def test_enqueue_prints_the_record_as_json(facelift: Facelift, worker: Ledger) -> None:
    said = facelift("enqueue", "bot", "media:a.png", "--job-id", "mine", "--json")
    assert said.code == 0
    assert json.loads(said.out) == json.loads(json.dumps(worker.get("mine").as_dict()))


def test_enqueue_takes_every_field_of_a_job(facelift: Facelift, worker: Ledger) -> None:
    options = {
        "--account": "shop",
        "--idempotency-key": "k",
        "--sha256": "AB" * 32,
        "--not-before": "2100-01-01T00:00:00+02:00",
        "--expires-at": "4102531200",
        "--job-id": "mine",
        "--fit": "crop",
        "--batch": "spring",
        "--priority": "high",
        "--fairness-key": "customer-42",
    }
    said = facelift("enqueue", "bot", "media:a.png", *(part for o in options.items() for part in o))
    assert said.out == "mine\n"
    record = worker.get("mine")
    assert (record.account, record.idempotency_key, record.sha256) == ("shop", "k", "ab" * 32)
    assert (record.not_before, record.expires_at) == (4_102_437_600, 4_102_531_200)
    assert (record.fit, record.batch) == ("crop", "spring")
    assert (record.priority, record.fairness_key) == ("high", "customer-42")
    described = facelift("status", "mine").out
    assert "Priority  high\nFairness  customer-42\nBatch     spring\n" in described


def test_enqueue_that_waits_prints_where_the_job_stands(facelift: Facelift) -> None:
    said = facelift("enqueue", "bot", "media:a.png", "--wait", "--timeout", "0")
    assert said.code == Exit.PENDING
    assert "State     queued" in said.out
    assert "is still queued after 0 s" in said.err


def test_status_shows_a_person_the_outcome_of_a_job(facelift: Facelift, worker: Ledger) -> None:
    job = worker.enqueue(chatbot="bot-1", image="media:a.png")
    worker.deliver(worker.acquire_with_permit(job))
    lines = facelift("status", job).out.splitlines()
    assert lines[:5] == [
        f"Job       {job}",
        "State     succeeded (delivered)",
        "          Done.",
        "Chatbot   bot-1 (account default)",
        "Image     media:a.png",
    ]


def test_show_shows_a_person_what_happened_to_a_job(facelift: Facelift, worker: Ledger) -> None:
    job = worker.enqueue()
    worker.retry_later(worker.acquire_with_permit(job), 5)
    worker.run_once(5)
    worker.deliver(worker.acquire_with_permit(job))
    said = facelift("show", job)
    assert said.code == 0
    shown = said.out.partition("Timeline\n")[2].splitlines()
    assert shown[0].endswith("  enqueued")
    assert "attempt 1, 0.10 s: 500 server_error: Because. Next" in shown[1]
    assert any("attempt 2, 0.10 s: 200 delivered: Because." in line for line in shown[2:])
    assert shown[-1].endswith("  ended: succeeded")


def test_watch_ends_with_the_job_and_its_exit_code(facelift: Facelift, worker: Ledger) -> None:
    job = failed(worker)
    said = facelift("watch", job)
    assert said.code == Exit.FAILED
    assert "  failed (chatbot_not_found): No.\n" in said.out
    assert f"then: facelift replay {job}" in said.out


@pytest.mark.usefixtures("environment")
def test_watch_shows_each_change_as_it_comes(traced: dict[str, str], worker: Ledger) -> None:
    job = queued(worker)
    with subprocess.Popen(
        [*COMMAND, "watch", job],
        env=os.environ | traced,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        assert "  queued: " in watching.stdout.readline()
        lease = worker.acquire_with_permit(job)
        assert "  running: " in watching.stdout.readline()
        worker.deliver(lease)
        assert "  succeeded (delivered): " in watching.stdout.readline()
        assert watching.wait(30) == Exit.OK


def test_watch_that_times_out_shows_how_far_the_job_came(
    facelift: Facelift, worker: Ledger
) -> None:
    job = queued(worker)
    said = facelift("watch", job, "--timeout", "0.1", "--json")
    assert said.code == Exit.PENDING
    assert [json.loads(line)["state"] for line in said.out.splitlines()] == ["queued"]
    assert said.err == f"facelift: job {job} is still queued after 0.1 s\n"


@pytest.mark.usefixtures("environment")
def test_a_shell_completes_job_ids_from_the_ledger(traced: dict[str, str], worker: Ledger) -> None:
    for job in ("mine-1", "mine-2", "other"):
        worker.enqueue(job_id=job)
    asked = {
        "_FACELIFT_COMPLETE": "bash_complete",
        "COMP_WORDS": "facelift\nshow\nmi",
        "COMP_CWORD": "2",
    }
    said = subprocess.run(
        [sys.executable, "-c", "from facelift.cli import main; main()"],
        env=os.environ | traced | asked,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert said.stdout.splitlines() == ["plain,mine-2", "plain,mine-1"]


def test_status_shows_a_person_what_a_job_waits_for(facelift: Facelift, worker: Ledger) -> None:
    said = facelift("status", waiting(worker))
    assert "State     waiting (scheduled, until " in said.out


def test_a_letter_that_the_terminal_lacks_does_not_fail_the_command(
    process: Facelift, environment: pytest.MonkeyPatch, worker: Ledger
) -> None:
    environment.setenv("PYTHONIOENCODING", "ascii")
    said = process("status", worker.enqueue(image="media:ü.png"))
    assert said.code == Exit.PENDING
    assert "Image     media:?.png\n" in said.out


@pytest.mark.parametrize(
    ("situation", "state", "code"),
    [
        (delivered, JobState.SUCCEEDED, 0),
        (failed, JobState.FAILED, 3),
        (expired, JobState.EXPIRED, 3),
        (queued, JobState.QUEUED, 6),
        (waiting, JobState.WAITING, 6),
        (running, JobState.RUNNING, 6),
        (superseded, JobState.SUPERSEDED, 7),
        (cancelled, JobState.CANCELLED, 7),
    ],
)
def test_the_exit_code_shows_how_a_job_stands(
    facelift: Facelift,
    worker: Ledger,
    situation: Callable[[Ledger], str],
    state: JobState,
    code: int,
) -> None:
    said = facelift("status", situation(worker), "--json")
    assert json.loads(said.out)["state"] == state
    assert (said.code, said.err) == (code, "")


def test_wait_ends_with_the_jobs_outcome(process: Facelift, worker: Ledger) -> None:
    said = process("wait", failed(worker), "--json")
    assert said.code == 3
    assert json.loads(said.out)["outcome"] == OutcomeCode.CHATBOT_NOT_FOUND


def test_wait_in_vain_prints_where_the_job_stands(facelift: Facelift, worker: Ledger) -> None:
    job = queued(worker)
    said = facelift("wait", job, "--timeout", "0.1", "--json")
    assert said.code == 6
    assert json.loads(said.out)["state"] == "queued"
    assert said.err == f"facelift: job {job} is still queued after 0.1 s\n"


@pytest.mark.parametrize("command", ["status", "wait"])
def test_a_job_that_nobody_knows_is_reported(facelift: Facelift, command: str) -> None:
    said = facelift(command, "nobody")
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        "facelift: no job 'nobody': it was never enqueued here, or its record expired\n"
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["enqueue", " ", "media:a.png"], "facelift: chatbot_id: must not be blank"),
        (["enqueue", "bot", "a.png"], "facelift: image: must be <store>:<path>"),
        (["enqueue", "bot", "m:a", "--account", "A"], "facelift: account: must be 1 to 40"),
        (["enqueue", "bot", "m:a", "--sha256", "x"], "facelift: sha256: must be 64 hex"),
        (["enqueue", "bot", "m:a", "--job-id", "a b"], "facelift: job_id: must be 1 to 64"),
        (["enqueue", "bot", "m:a", "--not-before", "nan"], "facelift: not_before: must be Unix"),
        (["enqueue", "bot", "m:a", "--not-before", "soon"], "Invalid value for '--not-before'"),
        (["enqueue", "bot"], "Missing argument 'STORE:PATH'"),
        (["status", "a b"], "facelift: job_id: must be 1 to 64"),
        (["wait", "mine", "--timeout", "-1"], "Invalid value for '--timeout'"),
        (["dance"], "No such command 'dance'"),
    ],
)
def test_bad_input_names_what_is_wrong(
    facelift: Facelift, worker: Ledger, arguments: list[str], shown: str
) -> None:
    said = facelift(*arguments)
    assert (said.code, said.out) == (2, "")
    assert shown in said.err
    assert worker.redis.keys("*") == []


def test_an_argument_that_is_no_text_is_bad_input(process: Facelift, worker: Ledger) -> None:
    said = process("enqueue", "bot", b"media:\xff.png")
    assert (said.code, said.out) == (2, "")
    assert "facelift: image: must hold no control" in said.err
    assert worker.redis.keys("*") == []


def test_an_id_that_means_something_else_is_a_conflict(facelift: Facelift, worker: Ledger) -> None:
    worker.enqueue(job_id="mine", image="media:a.png")
    said = facelift("enqueue", "bot", "media:b.png", "--job-id", "mine")
    assert said.code == 2
    assert said.err.startswith("facelift: image: 'media:b.png' differs from 'media:a.png' of job")


def test_an_absent_redis_is_reported(
    process: Facelift, environment: pytest.MonkeyPatch, closed_port: int
) -> None:
    environment.setenv("FACELIFT_REDIS_URL", f"redis://127.0.0.1:{closed_port}/0")
    said = process("status", "mine")
    assert said.code == 5
    assert said.err.startswith("facelift: Redis cannot be reached: ")
    assert said.err.count("\n") == 1


def test_a_redis_that_refuses_is_reported(facelift: Facelift, real_redis: Any) -> None:
    real_redis.set("{facelift}:job:mine", "no record")
    said = facelift("enqueue", "bot", "media:a.png", "--job-id", "mine")
    assert said.code == 5
    assert said.err.startswith("facelift: Redis refused: WRONGTYPE")


def test_every_wrong_setting_is_reported_and_no_value_shown(
    facelift: Facelift, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("FACELIFT_REDIS_URL", "redis://:canary@localhost/0?foo=1")
    environment.setenv("FACELIFT_KEY_PREFIX", "{canary}")
    environment.setenv("FACELIFT_DEADLINE", "canary")
    said = facelift("status", "mine")
    assert said.code == 2
    assert [line.split()[:2] for line in said.err.splitlines()] == [
        ["facelift:", "FACELIFT_REDIS_URL"],
        ["facelift:", "FACELIFT_KEY_PREFIX"],
        ["facelift:", "FACELIFT_DEADLINE"],
    ]
    assert "canary" not in said.err


def test_help_lists_every_command_and_exit_code(process: Facelift) -> None:
    said = process("--help")
    assert said.code == 0
    for command in ("enqueue", "status", "wait", "pause", "resume", "worker", "endpoint", "demo"):
        assert f"\n  {command} " in said.out
    shown = " ".join(said.out.split())
    for code in Exit:
        assert f"{code.value} {code.meaning}" in shown
