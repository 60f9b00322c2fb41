"""`facelift enqueue-many`, on the fake Redis and on the real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from facelift import UploadClient
from facelift.cli.group import cli
from tests.conftest import real_by_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

GOOD = "".join(f"bot-{number},media:{number}.png\n" for number in range(210))
MIDDLE = GOOD.index("bot-100,")
BAD = "bot-x,nowhere\n"


@pytest.fixture
def facelift(
    client: UploadClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    monkeypatch.setattr(UploadClient, "from_env", lambda: client)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments, **given: runner.invoke(cli, ("enqueue-many", *arguments), **given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """210 good lines, and two bad ones between."""
    path = tmp_path / "logos.csv"
    path.write_text(f"chatbot_id,image\n{GOOD[:MIDDLE]}{BAD}{GOOD[MIDDLE:]}{BAD}")
    return path


def shown(done: Result) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_good_lines_are_enqueued_and_bad_ones_written_to_rejects(
    client: UploadClient, facelift: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "logos.csv").write_text(f"chatbot_id,image\n{GOOD}{BAD}bot,media:a.png\n{BAD}")
    options = ("--account", "acme", "--fit", "pad", "--priority", "low", "--fairness-key", "ana")
    done = facelift("logos.csv", "--batch", "logos", *options)
    assert done.exit_code == 2
    reason = "image: must be <store>:<path>, such as media:bots/42.png, not 'nowhere'"
    assert done.stderr == (f"logos.csv: line 212: {reason}\nlogos.csv: line 214: {reason}\n")
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "Batch     logos",
        "Jobs      211 enqueued",
        "Bad lines 2, written to logos.csv.rejects",
    ]
    assert lines[3].endswith(" s in all")
    assert lines[4:] == ["Follow    facelift batch watch logos"]
    assert (tmp_path / "logos.csv.rejects").read_text() == f"chatbot_id,image\n{BAD}{BAD}"
    assert client.batch("logos").total == 211
    newest = client.find(batch="logos", limit=1).records[0]
    assert (newest.image, newest.account, newest.fit) == ("media:a.png", "acme", "pad")
    assert (newest.priority, newest.fairness_key) == ("low", "ana")


def test_file_without_bad_lines_leaves_nothing_behind(
    facelift: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "logos.csv").write_text(f"chatbot_id,image\n{GOOD[:MIDDLE]}")
    done = facelift("logos.csv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["logos.csv"]


@real_by_day
def test_the_same_file_again_is_the_same_batch_and_doubles_nothing(
    client: UploadClient, facelift: Callable[..., Result], file: Path
) -> None:
    first = shown(facelift(str(file), "--json"))
    again = shown(facelift(str(file), "--json"))
    assert (first["enqueued"], first["known"], first["bad"]) == (210, 0, 2)
    assert (again["enqueued"], again["known"], again["bad"]) == (0, 210, 2)
    assert first["batch"] == again["batch"]
    assert first["batch"].startswith("logos-")
    assert client.batch(first["batch"]).total == 210
    with file.open("a") as more:
        more.write("bot-y,media:y.png\n")
    assert shown(facelift(str(file), "--json"))["batch"] != first["batch"]


def test_set_aside_lines_that_were_mended_join_the_batch(
    client: UploadClient, facelift: Callable[..., Result], file: Path
) -> None:
    facelift(str(file), "--batch", "logos")
    aside = file.with_name("logos.csv.rejects")
    aside.write_text(aside.read_text().replace("nowhere", "media:x.png"))
    done = facelift(str(aside), "--batch", "logos")
    assert done.exit_code == 0
    assert client.batch("logos").total == 212


def test_dry_run_enqueues_and_writes_nothing(
    facelift: Callable[..., Result], file: Path, redis: Any
) -> None:
    done = facelift(str(file), "--dry-run")
    assert done.exit_code == 2
    assert done.stderr.count("nowhere") == 2
    assert done.stdout.splitlines()[1:] == ["Jobs      210 would be enqueued", "Bad lines 2"]
    assert [path.name for path in file.parent.iterdir()] == ["logos.csv"]
    assert redis.keys("*") == []


def test_standard_input_is_read_and_its_batch_printed(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    lines = '{"chatbot_id": "a", "image": "media:a.png"}\n{"chatbot_id": "b"}\n'
    done = facelift("-", "--json", "--rejects", "bad.jsonl", input=lines)
    assert done.exit_code == 2
    assert done.stderr == "standard input: line 2: image: is missing\n"
    answer = shown(done)
    assert answer["rejects"] == "bad.jsonl"
    assert client.batch(answer["batch"]).total == 1


def test_line_whose_key_was_used_for_something_else_is_bad(
    client: UploadClient, facelift: Callable[..., Result]
) -> None:
    client.enqueue("a", "media:other.png", idempotency_key="k")
    lines = "chatbot_id,image,idempotency_key\na,media:a.png,k\nb,media:b.png,\n"
    done = facelift("-", "--json", input=lines)
    assert done.exit_code == 2
    assert "line 2: image: 'media:a.png' differs from 'media:other.png'" in done.stderr
    assert (shown(done)["enqueued"], shown(done)["bad"]) == (1, 1)


def test_images_of_a_folder_are_enqueued(
    client: UploadClient, facelift: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    (folder / "more.png").mkdir(parents=True)
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png"):
        (folder / name).touch()
    done = facelift("images", "--store", "media", "--prefix", "bots/", "--batch", "logos")
    assert done.exit_code == 0
    assert "Jobs      2 enqueued\nSkipped   1 without the suffix of an image\n" in done.stdout
    found = [(each.chatbot_id, each.image) for each in client.find(batch="logos").records]
    assert found == [("b", "media:bots/b.PNG"), ("a", "media:bots/a.jpg")]


def test_when_redis_goes_it_says_so_and_that_it_can_be_repeated(
    facelift: Callable[..., Result], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with UploadClient("redis://127.0.0.1:1") as lost:
        monkeypatch.setattr(UploadClient, "from_env", lambda: lost)
        done = facelift(str(file))
    assert done.exit_code == 5
    assert "Not finished. Repeat it: no job is enqueued twice.\n" in done.stderr
    assert "facelift: Redis cannot be reached" in done.stderr
    assert "Jobs      0 enqueued" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["missing.csv"], "'missing.csv' does not exist"),
        (["."], "a folder needs --store"),
        (["logos.csv", "--store", "media"], "--store is for a folder"),
        (["logos.csv", "--rejects", "./logos.csv"], "--rejects must be another file"),
        (["logos.csv", "--batch", "a b"], "batch: must be 1 to 64 of letters, digits, _ and -"),
        (["logos.csv", "--account", "A"], "account: must be 1 to 40"),
        (["logos.csv", "--fairness-key", "a b"], "fairness_key: must be 1 to 64 of letters"),
        ([".", "--store", "media", "--rejects", "no/where"], "no/where"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    facelift: Callable[..., Result],
    file: Path,
    redis: Any,
    arguments: list[str],
    problem: str,
) -> None:
    for name in ("a.png", "a.jpg"):
        file.with_name(name).touch()
    done = facelift(*arguments)
    assert done.exit_code in {1, 2}
    assert problem in done.stderr
    assert redis.keys("*") == []
