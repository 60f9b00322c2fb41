"""`facelift demo` as a person meets it: in a pipe, on a terminal, interrupted, without a Redis."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil  # type: ignore[import-untyped] # its stubs are a package that we do without
import pytest

from facelift import OutcomeCode
from sandbox.demo.plan import PlannedJob, deviations
from sandbox.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facelift import JobRecord
    from sandbox.endpoint.process import EndpointProcess

DEMO = [sys.executable, "-m", "facelift.cli", "demo"]
OUTCOMES = {
    OutcomeCode.DELIVERED: 8,
    OutcomeCode.REMOVED: 1,
    OutcomeCode.SUPERSEDED: 2,
    OutcomeCode.CHATBOT_NOT_FOUND: 1,
    OutcomeCode.IMAGE_NOT_SQUARE: 1,
    OutcomeCode.IMAGE_TOO_LARGE: 1,
    OutcomeCode.IMAGE_TRUNCATED: 1,
    OutcomeCode.IMAGE_NOT_AN_IMAGE: 1,
    OutcomeCode.IMAGE_EMPTY: 1,
    OutcomeCode.IMAGE_TOO_MANY_PIXELS: 1,
    OutcomeCode.IMAGE_ANIMATED: 1,
    OutcomeCode.IMAGE_FORMAT_NOT_ALLOWED: 1,
}


@pytest.fixture
def machine(redis_binary: Path, tmp_path: Path) -> dict[str, str]:
    """One in which whatever the demo leaves behind lies in `tmp_path`."""
    return machine_at(tmp_path, redis_binary)


def machine_at(folder: Path, redis_binary: Path) -> dict[str, str]:
    return os.environ | {"FACELIFT_REDIS_SERVER": str(redis_binary), "TMPDIR": str(folder)}


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class RunningDemo:
    """A demo in a session of its own, as a terminal has it, whose output is read as it comes."""

    def __init__(self, environment: dict[str, str], output: int, child_output: int) -> None:
        self._output = output
        self.said = ""
        self.process = subprocess.Popen(
            DEMO,
            env=environment,
            stdout=child_output,
            stderr=child_output,
            start_new_session=True,
        )
        os.close(child_output)

    def started(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def read_until(self, text: str) -> None:
        while text not in self.said:
            assert self._read(), self.said

    def end(self) -> int:
        """Wait for it; its exit code."""
        try:
            while self._read():
                pass
        except OSError:  # how a terminal says that its other end is closed
            pass
        return self.process.wait()

    def discard(self) -> None:
        if self.process.poll() is None:
            for each in [*self.started(), self.process]:
                each.kill()
            self.process.wait()
        os.close(self._output)

    def _read(self) -> bool:
        said = os.read(self._output, 4096)
        self.said += said.decode(errors="replace")
        return bool(said)


@pytest.fixture
def start(machine: dict[str, str], traced: dict[str, str]) -> Iterator[Callable[..., RunningDemo]]:
    demos: list[RunningDemo] = []

    def start_demo(channel: tuple[int, int], *, measured: bool = False) -> RunningDemo:
        demos.append(RunningDemo(machine | (traced if measured else {}), *channel))
        return demos[-1]

    yield start_demo
    for demo in demos:
        demo.discard()


@dataclass(frozen=True)
class Show:
    """A whole demo on a terminal of 80 columns: how it ended, and what it left."""

    code: int
    said: str
    seconds: float
    left: list[Path]


@pytest.fixture(scope="module")
def show(
    redis_binary: Path, traced: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Show]:
    folder = tmp_path_factory.mktemp("show")
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    began = time.monotonic()
    demo = RunningDemo(machine_at(folder, redis_binary) | traced, screen, terminal)
    try:
        code = demo.end()
        yield Show(code, demo.said, time.monotonic() - began, list(folder.iterdir()))
    finally:
        demo.discard()


def test_every_job_ends_as_it_should(show: Show) -> None:
    assert show.code == 0, show.said
    assert show.seconds < 60
    table = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", show.said).rpartition("Outcome")[2]
    found = {code: table.count(f"  {code}  ") for code in OutcomeCode}
    assert {code: count for code, count in found.items() if count} == OUTCOMES
    assert "3 (500, 500, 200)" in table
    assert "2 (401, 200)" in table
    assert re.search(r"icon sky.jpg +bakery +delivered +1 \(200\)", table)
    assert re.search(r"no picture +tavern +removed +1 \(200\)", table)
    assert "All 20 jobs ended as they should" in table
    assert "overlapping uploads: 0" in table
    assert show.left == []


@pytest.fixture(scope="module")
def json_run(redis_binary: Path) -> subprocess.CompletedProcess[str]:
    """On a machine that is set up for real work and asks for colours everywhere."""
    settings = {
        "FACELIFT_REDIS_SERVER": str(redis_binary),
        "FACELIFT_REDIS_URL": "redis://127.0.0.1:1",
        "FACELIFT_API_KEY": "a-real-key",
        "FACELIFT_API_KEY_FILE": "/run/secrets/a-real-key",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "FORCE_COLOR": "1",
    }
    return run("--json", environment=os.environ | settings)


@pytest.mark.nightly  # a demo that ends well is in every run
def test_json_is_the_records_and_nothing_else(json_run: subprocess.CompletedProcess[str]) -> None:
    records = json.loads(json_run.stdout)
    assert Counter(each["outcome"] for each in records) == OUTCOMES


def test_the_machines_own_settings_are_left_alone(
    json_run: subprocess.CompletedProcess[str],
) -> None:
    assert json_run.returncode == 0


def test_progress_in_a_pipe_is_plain_lines(json_run: subprocess.CompletedProcess[str]) -> None:
    lines = json_run.stderr.splitlines()
    assert any("gym      waiting     its API key was refused" in x for x in lines)
    assert any("peach.png     florist  succeeded   delivered after 500, 500" in x for x in lines)
    assert all(line.isprintable() and len(line) <= 80 for line in lines)


def test_on_a_terminal_of_80_columns_nothing_is_cut(show: Show) -> None:
    assert "\x1b[" in show.said
    assert "again in" in show.said
    assert "…" not in show.said


@pytest.mark.parametrize(
    ("when", "number", "kill"),
    [
        pytest.param("Drawing", signal.SIGTERM, os.kill, id="terminated at its start"),
        pytest.param(
            "Starting a sandbox",
            signal.SIGINT,
            os.killpg,
            id="Ctrl-C at the endpoint's start",
            marks=pytest.mark.nightly,
        ),
        pytest.param("Enqueueing", signal.SIGINT, os.killpg, id="Ctrl-C at the worker's start"),
        pytest.param(
            "waiting",
            signal.SIGTERM,
            os.kill,
            id="terminated in the middle",
            marks=pytest.mark.nightly,  # Ctrl-C there is in every run
        ),
    ],
)
def test_a_stopped_demo_leaves_nothing(
    start: Callable[..., RunningDemo],
    tmp_path: Path,
    when: str,
    number: signal.Signals,
    kill: Callable[[int, int], None],
) -> None:
    demo = start(os.pipe())
    demo.read_until(when)
    processes = demo.started()
    assert len(processes) >= (4 if when == "waiting" else 0)
    began = time.monotonic()
    kill(demo.process.pid, number)
    assert demo.end() == 128 + number, demo.said
    assert "Traceback" not in demo.said
    assert time.monotonic() - began < 10
    assert [each for each in processes if each.is_running()] == []
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_on_a_terminal_leaves_nothing_and_gives_the_cursor_back(
    start: Callable[..., RunningDemo], tmp_path: Path
) -> None:
    demo = start(pty.openpty(), measured=True)
    demo.read_until("waiting")
    processes = demo.started()
    os.killpg(demo.process.pid, signal.SIGINT)
    assert demo.end() == 130
    assert demo.said.rindex("\x1b[?25h") > demo.said.rindex("\x1b[?25l")
    assert [each for each in processes if each.is_running()] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly  # a stopped demo is in every run
def test_a_worker_that_dies_is_reported_and_nothing_is_left(
    start: Callable[..., RunningDemo], tmp_path: Path
) -> None:
    demo = start(os.pipe())
    demo.read_until("waiting")
    processes = demo.started()
    next(each for each in processes if "facelift.cli" in each.cmdline()).kill()
    assert demo.end() == 1
    assert "facelift: the worker ended with exit code -9; the end of its log:" in demo.said
    assert "attempt=" in demo.said
    assert [each for each in processes if each.is_running()] == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_redis_server_it_says_so_in_a_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "redis-server")
    ended = run(environment=os.environ | {"FACELIFT_REDIS_SERVER": missing})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("facelift: FACELIFT_REDIS_SERVER")
    assert ended.stderr.count("\n") == 1


IMAGES = {"old.png": b"old", "new.png": b"new"}
PLAN = [
    PlannedJob(Sample("old.png", OutcomeCode.DELIVERED), "bot", OutcomeCode.SUPERSEDED),
    PlannedJob(Sample("new.png", OutcomeCode.DELIVERED), "bot", OutcomeCode.DELIVERED, (200,)),
]
AS_PLANNED: dict[str, Any] = {
    "outcomes": [OutcomeCode.SUPERSEDED, OutcomeCode.DELIVERED],
    "answers": [200],
    "overlapped": 0,
    "image": b"new",
}


@pytest.mark.parametrize(
    ("other", "deviation"),
    [
        ({}, ""),
        ({"outcomes": [OutcomeCode.DELIVERED] * 2}, "old.png for bot should have ended as supers"),
        ({"answers": [200, 200]}, "should have answered [200] to bot, not [200, 200]"),
        ({"answers": []}, "should have answered [200] to bot, not []"),
        ({"overlapped": 2}, "2 uploads of a chatbot overlapped"),
        ({"image": b"old"}, "bot should have new.png"),
        ({"image": None}, "bot should have new.png"),
    ],
)
def test_what_differs_from_the_plan_is_reported(
    tmp_path: Path, other: dict[str, Any], deviation: str
) -> None:
    case = AS_PLANNED | other
    for name, data in IMAGES.items():
        (tmp_path / name).write_bytes(data)
    records = [SimpleNamespace(outcome=each, message="") for each in case["outcomes"]]
    endpoint = SimpleNamespace(
        arrivals=lambda: [
            SimpleNamespace(chatbot_id="bot", asset="profile_picture", status=each)
            for each in case["answers"]
        ],
        stats=lambda: {"overlapped": case["overlapped"]},
        image=lambda *_: case["image"],
    )
    found = deviations(
        PLAN, cast("list[JobRecord]", records), cast("EndpointProcess", endpoint), tmp_path
    )
    assert [deviation in each for each in found] == [True] * bool(deviation)
