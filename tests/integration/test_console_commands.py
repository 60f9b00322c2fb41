"""An operator lists jobs, replays many, and looks at the pool, by the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from facelift import AssetName, UploadClient, UploadJob
from facelift.cli.draw.record import table_of_jobs
from facelift.cli.group import cli
from facelift.codes import JobState, OutcomeCode
from facelift.ledger.pool import BreakerPolicy, Registration
from facelift.operations.enqueue import IdempotencyConflict
from tests.drawing import drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.ledger.driver import Ledger


BROKEN = OutcomeCode.RETRIES_EXHAUSTED


@pytest.fixture
def facelift(client: UploadClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, on the same Redis."""
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    monkeypatch.setattr(client, "close", lambda: None)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def fail(
    client: UploadClient,
    worker: Ledger,
    chatbot: str,
    code: OutcomeCode = BROKEN,
    asset: AssetName = "profile_picture",
) -> str:
    wanted = UploadJob(chatbot_id=chatbot, image="media:a.png", asset=asset)
    [job] = (each.record.id for each in client.enqueue_many([wanted]))
    worker.fail(worker.acquire_with_permit(job), code)
    return job


def deliver(client: UploadClient, worker: Ledger, chatbot: str) -> str:
    job = client.enqueue(chatbot, "media:a.png").id
    worker.deliver(worker.acquire_with_permit(job))
    return job


def replayed(said: Result) -> list[str]:
    """The jobs that the command says were replayed."""
    assert said.exit_code == 0, said.output
    return [line.split("\t")[1] for line in said.stdout.splitlines()]


def test_in_a_pipe_a_job_is_a_line_with_tabs(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    failed = fail(client, worker, "bot-1")
    queued = client.enqueue("bot-2", "media:b.png", account="shop").id
    rows = [line.split("\t") for line in facelift("list").stdout.splitlines()]
    assert [row[:1] + row[2:] for row in rows] == [
        [queued, "queued", "", "bot-2", "shop", "media:b.png"],
        [failed, "failed", "retries_exhausted", "bot-1", "default", "media:a.png"],
    ]


def enqueue_icon_and_removal(client: UploadClient) -> tuple[str, str]:
    icon = UploadJob(chatbot_id="bot-1", image="media:i.png", asset="icon")
    removal = UploadJob(chatbot_id="bot-1", action="remove")
    first, second = client.enqueue_many([icon, removal])
    return first.record.id, second.record.id


def test_in_a_pipe_asset_and_action_follow_unless_a_picture_is_set(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    enqueue_icon_and_removal(client)
    rows = [line.split("\t")[4:] for line in facelift("list").stdout.splitlines()]
    assert rows == [
        ["bot-1", "default", "", "profile_picture", "remove"],
        ["bot-1", "default", "media:i.png", "icon", "set"],
    ]


def test_table_names_an_icon_and_what_was_removed(client: UploadClient) -> None:
    enqueue_icon_and_removal(client)
    pending = client.find().records
    done = replace(pending[0], state=JobState.SUCCEEDED, outcome=OutcomeCode.REMOVED)
    records = (*pending, done)
    rows = drawn(table_of_jobs(records, 140, records[0].created_at), width=140)[1:]
    assert [re.split(" {2,}", row)[3] for row in rows] == [
        "remove the picture of bot-1",
        "icon of bot-1",
        "removed the picture of bot-1",
    ]
    assert "  succeeded  " in rows[-1]


def test_status_and_show_say_what_is_done_unless_a_picture_is_set(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    icon, removal = enqueue_icon_and_removal(client)
    picture = client.enqueue("bot-1", "media:a.png").id
    for command in ("status", "show"):
        of_icon, of_removal, of_picture = (
            facelift(command, job).stdout for job in (icon, removal, picture)
        )
        assert "Action    set the icon: media:i.png\n" in of_icon
        assert "Action    remove the profile picture\n" in of_removal
        assert "Image " not in of_icon + of_removal
        assert "Image     media:a.png\n" in of_picture
        assert "Action" not in of_picture


def test_replay_of_many_takes_the_newest_of_each_asset(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    fail(client, worker, "bot-1")
    newest = [fail(client, worker, "bot-1", asset=asset) for asset in ("profile_picture", "icon")]
    assert replayed(facelift("replay", "--state", "failed", "--yes")) == newest


def test_list_takes_each_filter(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    failed = fail(client, worker, "bot-1")
    icon = UploadJob(chatbot_id="bot-2", image="media:b.png", account="shop", asset="icon")
    [queued] = (each.record.id for each in client.enqueue_many([icon]))
    for options, expected in (
        (("--state", "failed"), [failed]),
        (("--account", "shop"), [queued]),
        (("--chatbot", "bot-1"), [failed]),
        (("--code", "retries_exhausted"), [failed]),
        (("--since", "1h"), [queued, failed]),
        (("--before", "1h"), []),
        (("--asset", "icon"), [queued]),
        (("--action", "set"), [queued, failed]),
        (("--action", "remove"), []),
    ):
        found = json.loads(facelift("list", *options, "--json").stdout)["records"]
        assert [record["id"] for record in found] == expected, options


def test_a_page_leads_to_the_next(client: UploadClient, facelift: Callable[..., Result]) -> None:
    jobs = [client.enqueue(f"bot-{n}", "media:a.png").id for n in range(3)]
    first = json.loads(facelift("list", "--limit", "2", "--json").stdout)
    second = json.loads(
        facelift("list", "--limit", "2", "--cursor", first["cursor"], "--json").stdout
    )
    found = [record["id"] for page in (first, second) for record in page["records"]]
    assert found == jobs[::-1]
    assert second["cursor"] is None


def test_a_table_fits_80_columns_and_shortens_no_id(client: UploadClient, worker: Ledger) -> None:
    long = "5QHA6VB-DIAbBhxwqxfdi"
    fail(client, worker, long, OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED)
    records = client.find().records

    def lines(width: int) -> list[str]:
        return drawn(table_of_jobs(records, width, records[0].created_at), width=width)

    narrow = lines(80)
    assert max(map(len, narrow)) <= 80
    assert narrow[1].startswith(f"{records[0].id}  ")
    assert narrow[1].endswith("  failed image_format_not_allowed")
    assert narrow[2].split() == [long, "default"]
    assert len(lines(140)) == 2


def test_table_names_the_priority_of_pending_jobs_that_have_another(client: UploadClient) -> None:
    for priority in ("normal", "high", "low"):
        client.enqueue(f"bot-{priority}", "media:a.png", priority=priority)
    records = client.find().records
    rows = drawn(table_of_jobs(records, 140, records[0].created_at), width=140)[1:]
    assert [row.split()[2:4] for row in rows] == [
        ["queued", "(low)"],
        ["queued", "(high)"],
        ["queued", "bot-normal"],
    ]


def test_many_are_replayed_once_however_often_it_is_asked_for(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    jobs = [fail(client, worker, f"bot-{n}") for n in range(3)]
    said = facelift("replay", "--code", "retries_exhausted", "--yes")
    assert replayed(said) == jobs
    assert replayed(facelift("replay", "--code", "retries_exhausted", "--yes")) == []
    replays = client.find(state="queued").records
    assert [record.replay_of for record in replays] == jobs[::-1]
    for record in replays:  # so that nothing newer stands in the way of the old jobs
        worker.fail(worker.acquire_with_permit(record.id), OutcomeCode.IMAGE_EMPTY)
    assert replayed(facelift("replay", "--code", "retries_exhausted", "--yes")) == []


def test_two_runs_at_once_make_one_replay(
    client: UploadClient,
    worker: Ledger,
    facelift: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = fail(client, worker, "bot")
    replay = client.replay

    def after_another_run(old: str, **options: str) -> object:
        monkeypatch.setattr(client, "replay", replay)
        assert replayed(facelift("replay", "--state", "failed")) == [old]
        return replay(old, **options)

    monkeypatch.setattr(client, "replay", after_another_run)
    assert replayed(facelift("replay", "--state", "failed")) == [job]
    assert len(client.find().records) == 2


def test_an_interrupted_run_prints_how_to_continue(
    client: UploadClient,
    worker: Ledger,
    facelift: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [fail(client, worker, f"bot-{n}") for n in range(3)]
    replay = client.replay

    def be_cut(job: str, **options: str) -> object:
        if job == jobs[1]:
            raise KeyboardInterrupt
        return replay(job, **options)

    monkeypatch.setattr(client, "replay", be_cut)
    cut = facelift("replay", "--state", "failed", "--yes")
    assert cut.exit_code == 1
    assert "1 of 3 replayed; to continue, repeat the command with --before " in cut.stderr
    monkeypatch.setattr(client, "replay", replay)
    new = next(record for record in client.find().records if record.replay_of == jobs[0])
    worker.fail(worker.acquire_with_permit(new.id), BROKEN)  # is not done a second time
    before = cut.stderr.partition("--before ")[2].split()[0]
    again = facelift("replay", "--state", "failed", "--yes", "--before", before)
    assert replayed(again) == jobs[1:]


def test_an_outdated_image_is_not_replayed(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    fail(client, worker, "delivered-since")
    deliver(client, worker, "delivered-since")
    fail(client, worker, "on-its-way")
    client.enqueue("on-its-way", "media:b.png")
    fail(client, worker, "failed-twice")
    newest = fail(client, worker, "failed-twice")
    older = fail(client, worker, "newer-is-bad")
    fail(client, worker, "newer-is-bad", OutcomeCode.IMAGE_EMPTY)
    said = facelift("replay", "--code", "retries_exhausted", "--yes")
    assert replayed(said) == [newest, older]
    assert "2 jobs to replay; 3 left out: outdated\n" in said.stderr


def test_only_what_failed_is_replayed_unless_it_is_said(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    delivered = deliver(client, worker, "bot-1")
    failed = fail(client, worker, "bot-2")
    client.enqueue("bot-3", "media:a.png")
    assert replayed(facelift("replay", "--since", "1h")) == [failed]
    assert replayed(facelift("replay", "--state", "succeeded")) == [delivered]


def test_a_dry_run_lists_and_does_nothing(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    job = fail(client, worker, "bot")
    said = facelift("replay", "--account", "default", "--dry-run", "--json")
    assert [json.loads(line)["id"] for line in said.stdout.splitlines()] == [job]
    assert len(client.find().records) == 1


def test_replay_finds_the_jobs_of_an_account_as_list_does(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    job = client.enqueue("bot", "media:a.png", account="acme-eu").id
    worker.fail(worker.acquire(job))
    for command in (["list"], ["replay", "--dry-run"]):
        said = facelift(*command, "--account", "acme_eu")
        assert [line.split("\t")[0] for line in said.stdout.splitlines()] == [job]


def test_replay_reads_page_after_page(
    client: UploadClient,
    worker: Ledger,
    facelift: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [fail(client, worker, f"bot-{n}") for n in range(3)]
    monkeypatch.setattr("facelift.cli.jobs.replay._PAGE", 2)
    assert replayed(facelift("replay", "--state", "failed", "--limit", "1")) == jobs[2:]
    assert replayed(facelift("replay", "--state", "failed", "--yes")) == jobs[:2]


def test_many_are_not_replayed_unasked(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    for n in range(2):
        fail(client, worker, f"bot-{n}")
    said = facelift("replay", "--state", "failed")
    assert said.exit_code == 2
    assert "give --yes to replay 2 jobs, or --dry-run to see them" in said.stderr
    assert len(client.find().records) == 2


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["replay"], "name one JOB, or choose jobs by options such as --code"),
        (["replay", "mine", "--state", "failed"], "name one JOB, or choose jobs by options"),
        (["replay", "--state", "failed", "--pace", "fast"], "'fast' must be requests/duration"),
        (["replay", "--account", "A"], "facelift: account: must be"),
        (["list", "--since", "yesterday"], "is neither a duration such as 2h, nor Unix seconds"),
        (["list", "--state", "done"], "Invalid value for '--state'"),
        (["list", "--limit", "1001"], "Invalid value for '--limit'"),
        (["list", "--cursor", "x"], "facelift: cursor: must be that of a page"),
        (["top", "--every", "0s"], "'0s' is no duration from 0.2s to 1h"),
        (["completion", "tcsh"], "is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_bad_input_names_what_is_wrong(
    facelift: Callable[..., Result], arguments: list[str], shown: str
) -> None:
    said = facelift(*arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert shown in said.stderr


def test_a_new_id_is_not_taken_for_another_replay(client: UploadClient, worker: Ledger) -> None:
    jobs = [fail(client, worker, "bot") for _ in range(2)]
    client.replay(jobs[0], new_id="mine")
    assert client.replay(jobs[0], new_id="mine").id == "mine"
    with pytest.raises(IdempotencyConflict, match="replay_of"):
        client.replay(jobs[1], new_id="mine")


def test_show_as_json_says_what_to_do(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    job = fail(client, worker, "bot", OutcomeCode.IMAGE_EMPTY)
    said = facelift("show", job, "--json")
    assert said.exit_code == 3
    assert json.loads(said.stdout)["advice"] == "store it again"


def test_show_shows_what_a_job_waits_for_and_until_when(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    job = client.enqueue("bot", "media:a.png", not_before=4_000_000_000, expires_at=4_100_000_000)
    shown = facelift("show", job.id).stdout
    assert "State     waiting (scheduled, until 2096-10-02 07:06:40 UTC)" in shown
    assert "now: waiting (scheduled), for " in shown


def test_pauses_are_reported_as_json(client: UploadClient, facelift: Callable[..., Result]) -> None:
    client.ledger.pool.register(BreakerPolicy(), [Registration("shop", None, "key")])
    paused = json.loads(facelift("pause", "shop", "--by", "ana", "--json").stdout)
    assert (paused["account"], paused["paused_before"]) == ("shop", False)
    assert paused["pause"]["by"] == "ana"
    resumed = json.loads(facelift("resume", "shop", "--json").stdout)
    assert resumed == {"account": "shop", "paused_before": True, "pause": None}


def test_top_in_a_pipe_is_one_frame(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    deliver(client, worker, "bot")
    said = facelift("top")
    assert said.exit_code == 0
    assert "Ended     1 job in 5 min, 1 delivered" in said.stdout
    assert "\x1b" not in said.stdout


def test_top_as_json_is_one_object(
    client: UploadClient, worker: Ledger, facelift: Callable[..., Result]
) -> None:
    deliver(client, worker, "bot-1")
    fail(client, worker, "bot-2")
    shown = json.loads(facelift("top", "--json").stdout)
    assert (shown["ended"], shown["delivered"]) == (2, 1)
    assert shown["throughput"][-1] == pytest.approx(2 / 5)
    assert shown["pool"]["breaker"] == "closed"


def test_icon_is_enqueued_and_either_removed(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    asked = [
        ("enqueue", "bot", "media:a.png", "--asset", "icon"),
        ("remove", "bot"),
        ("remove", "bot", "--asset", "icon", "--account", "acme", "--job-id", "mine"),
    ]
    done = [facelift(*arguments) for arguments in asked]
    assert [each.exit_code for each in done] == [0, 0, 0]
    records = [client.status(each.stdout.strip()) for each in done]
    assert [(each.asset, each.action) for each in records] == [
        ("icon", "set"),
        ("profile_picture", "remove"),
        ("icon", "remove"),
    ]
    assert (records[2].account, records[2].id) == ("acme", "mine")
    cancelled = facelift("cancel", "mine")
    assert cancelled.stdout == "Cancelled; it will not be carried out.\n"
    assert facelift("remove", "bot", "media:a.png").exit_code == 2
