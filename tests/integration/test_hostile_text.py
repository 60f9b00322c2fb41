"""Whatever Redis holds, no command prints what a terminal would act on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from fakeredis import FakeRedis, FakeServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facelift import UploadClient
from facelift.cli.draw.console import show
from facelift.cli.draw.record import table_of_jobs
from facelift.cli.group import COMMANDS, cli
from facelift.cli.options import complete_account, complete_job
from facelift.job import ENQUEUE_TASK
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.status.worker import WorkerReport
from facelift.text import is_hidden
from facelift.units import Rate
from tasks.message import TaskMessage
from worker.delivery.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORST = "\x1b]0;title\x07\x1b[2J\n\rforged\trow \u202eevil\u2066\u2028next\x9b31m\x7f\x00\u200bend"
HOSTILE = st.text(
    st.one_of(
        st.characters(categories=["Cc", "Cf", "Zl", "Zp"]),
        st.sampled_from("\x1b[31m\n\r\x7f\x9b\u202e\u2028 a"),
    ),
    min_size=1,
    max_size=30,
)
TEXTS = (
    *("chatbot_id", "image", "account", "fit", "sha256", "idempotency_key", "batch"),
    *("message", "outcome", "worker", "replay_of", "superseded_by", "image_sha256"),
)
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[hl]|\r?(\x1b\[(2K|1A))+")  # styles, a progress bar
# What they print is not of Redis, or they have other tests.
APART = {"worker", "demo", "endpoint", "completion", "check", "fit", "top"}


def acted_on(text: str, *, styled: bool) -> set[str]:
    """Which characters of an output a terminal would act on, or a person not see."""
    text = OURS.sub("", text) if styled else text
    return {each for each in text if is_hidden(each)} - {"\n", "\t"}


def fill(client: UploadClient, redis: Any, text: str) -> str:
    """Put `text` wherever the ledger holds text; returns the id of one of the jobs."""
    store, keys = client.ledger, client.ledger.keys
    store.pool.register(BreakerPolicy(), [Registration(text, Rate(1, 1), "fingerprint")])
    store.pool.pause(None, by=text, reason=text, until=None)
    store.pool.pause(text, by=text, reason=text, until=None)
    store.pool.heartbeat(
        WorkerReport(name=text, host=text, pid=1, version=text, slots=2, age=1, poll_age=99)
    )
    redis.hset(keys.endpoint, mapping={"breaker_reason": text, "breaker_since": "1.0"})
    of_job = dict.fromkeys(TEXTS, text)
    attempt = {
        "started_at": 1.0,
        "duration": 1.0,
        "code": text,
        "decision": text,
        "reason": text,
        "counted": False,
    }
    ended = {"state": "failed", "finished_at": "1764000009.0"}
    waits = {"state": "waiting", "wait_reason": text, "wait_until": "1764000009.0"}
    for job_id, state in (("ended", ended), ("waits", waits), ("third", ended)):
        client.enqueue(job_id, "media:a.png", job_id=job_id, batch="logos")
        redis.hset(keys.job(job_id), mapping={**of_job, "attempt:1": json.dumps(attempt), **state})
    redis.rename(keys.job("third"), keys.job(f"third {text}"))
    redis.xadd(keys.jobs, {"id": f"third {text}"})
    redis.hset(keys.batch("logos"), f"code:{text}", "1")
    redis.rename(keys.batch("logos"), keys.batch(text))
    redis.copy(keys.batch(text), keys.batch("logos"))
    redis.zadd(keys.batches, {text: 1.0})
    redis.lpush(
        keys.events,
        json.dumps({"at": 1.0, "what": text, "reason": text, "by": text, "account": text}),
    )
    return "ended"


def commands(job: str, jobs: Path) -> Iterator[list[str]]:
    """Each command that draws what Redis holds, or what files hold."""
    yield from (["status"], ["status", job], ["status", "waits"], ["show", job], ["show", "waits"])
    yield from (["list"], ["list", "--account", "shop"], ["wait", job], ["watch", job])
    yield from (["replay", "--state", "failed", "--dry-run"], ["replay", job])
    yield from (
        ["batch", "list"],
        ["batch", "show", "logos"],
        ["batch", "watch", "logos", "--timeout", "0"],
    )
    yield from (["doctor"], ["health"], ["top", "--once"], ["enqueue-many", str(jobs)])
    yield from (
        ["enqueue", "bot", "media:a.png"],
        ["remove", "bot"],
        ["pause", "shop"],
        ["resume", "nobody"],
        ["resume", "--all"],
    )
    yield from (["priority", "high", "waits", job], ["cancel", job], ["cancel", "waits"])


@pytest.mark.parametrize("styled", [False, True])
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=HOSTILE)
@example(text=WORST)
def test_no_command_prints_what_a_terminal_acts_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, styled: bool, text: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1" if styled else "")
    monkeypatch.setenv("TERM", "xterm")
    jobs = tmp_path / "jobs.csv"
    jobs.write_bytes(f"chatbot_id,image\n{text},media:{text}\n{text}\n".encode())
    with FakeRedis(server=FakeServer(), decode_responses=True) as redis:
        client = UploadClient(redis=redis)
        monkeypatch.setattr(UploadClient, "from_env", lambda: client)
        monkeypatch.setattr(client, "close", lambda: None)
        job = fill(client, redis, text)
        covered = set()
        for command in commands(job, jobs):
            covered.add(command[0])
            for options in ([], ["--json"]):
                said = CliRunner().invoke(cli, command + options)
                assert not acted_on(said.output, styled=styled), (command, said.output)
                if said.exception and not isinstance(said.exception, SystemExit):
                    raise said.exception
        for each in (*complete_job(None, None, ""), *complete_account(None, None, "")):
            assert each.isprintable()
    assert covered >= {name for group in COMMANDS.values() for name in group} - APART


def test_a_table_on_a_terminal_holds_nothing_that_it_acts_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with FakeRedis(server=FakeServer(), decode_responses=True) as redis:
        client = UploadClient(redis=redis)
        fill(client, redis, WORST)
        records = client.find().records
    assert len(records) == 3
    for width in (40, 400):
        show(table_of_jobs(records, width, 0.0))
    shown = capsys.readouterr().out
    assert "\\u202eevil" in shown
    assert not acted_on(shown, styled=True)


def test_plain_text_is_escaped_wherever_it_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    show(WORST)
    shown = capsys.readouterr().out
    assert "\\x1b]0;title" in shown
    assert not acted_on(shown, styled=False)


@given(text=HOSTILE)
@example(text=WORST)
@settings(max_examples=5, deadline=None)
def test_the_record_of_a_refused_job_holds_no_hidden_character(text: str) -> None:
    with FakeRedis(server=FakeServer(), decode_responses=True) as redis:
        client = UploadClient(redis=redis)
        fields = ("chatbot_id", "image", "account", "batch", text)
        message = TaskMessage(ENQUEUE_TASK, "job", kwargs=dict.fromkeys(fields, text))
        Intake(client, client.ledger, print, print).receive(message)
        stored: Any = redis.hgetall(client.ledger.keys.job("job"))
    assert stored["outcome"] == "invalid_job"
    assert not {each for value in stored.values() for each in value if is_hidden(each)}
