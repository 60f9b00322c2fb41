"""Histories of past runs are judged as they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.history.checker import judge
from tests.history.events import History, NoHistory, from_line, read, to_line

KEPT = sorted((Path(__file__).parent / "kept").glob("*.jsonl"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_promises_held_in_a_past_run(path: Path) -> None:
    history = read(path)
    assert history.recorded
    assert history.requests
    assert history.faults
    assert judge(history) == []


def test_lines_of_a_history_are_read_as_they_were_written() -> None:
    for line in KEPT[0].read_text("utf-8").splitlines():
        assert to_line(from_line(line)) == line


_COMMAND = """
import sys
from tests.history.__main__ import main
try:
    main()
finally:
    assert not {"facelift", "worker", "tasks", "redis"} & set(sys.modules)
"""


def command(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def test_command_judges_without_the_product(tmp_path: Path) -> None:
    kept = command(KEPT[0])
    assert (kept.returncode, kept.stderr) == (0, "")
    assert "every promise was kept" in kept.stdout
    lines = KEPT[0].read_text("utf-8").splitlines()
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(each for each in lines if "recorded" not in each), "utf-8")
    broken = command(path)
    assert (broken.returncode, broken.stderr) == (1, "")
    assert "PROBLEM: job-0 was accepted, but has no record" in broken.stdout


@pytest.mark.parametrize(
    "lines",
    ["", "no json", "[1]", '{"event":"unknown"}', '{"event":"frozen"}', '{"event":"run","seed":1}'],
)
def test_file_that_is_no_history_is_refused(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(lines, "utf-8")
    with pytest.raises(NoHistory):
        read(path)


def test_history_of_no_events_breaks_no_promise() -> None:
    assert judge(History()) == []
