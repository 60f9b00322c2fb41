"""The supervisor in a process of its own, with children that write down what happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from worker.runtime.supervisor import Ended, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOON = 10.0

SUPERVISE = """
import sys
from worker.monitoring import logs
from worker.runtime import supervisor

supervisor._LONG_ENOUGH, supervisor._LONGEST_PAUSE = 0.5, 0.4
logs.configure_logging()
child, story, processes, patience, first_pause = sys.argv[1:]
command = [sys.executable, "-S", "-c", child, story]
sys.exit(supervisor.Supervisor(
    command, int(processes), float(patience), first_pause=float(first_pause)
).run())
"""

CHILD = """
import os, signal, sys, time

def tell(what):
    with open(sys.argv[1], "a") as story:
        story.write(what + "\\n")

def on_term(action):
    signal.signal(signal.SIGTERM, lambda *_: (tell("term"), action()))

def rest():
    tell("start")
    time.sleep(30)
"""


class Supervised:
    """A supervisor at work."""

    def __init__(
        self, folder: Path, child: str, *, processes: int, patience: float, first_pause: float
    ) -> None:
        self._story = folder / "story"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", SUPERVISE, CHILD + textwrap.dedent(child)),
                    *(str(self._story), str(processes), str(patience), str(first_pause)),
                ],
                stdout=log,
                stderr=log,
            )

    @property
    def story(self) -> list[str]:
        """What the children wrote."""
        return self._story.read_text().splitlines() if self._story.exists() else []

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until(self, *story: str) -> None:
        """Wait until the children have written exactly this, in any order."""
        deadline = time.monotonic() + SOON
        while sorted(self.story) != sorted(story):
            assert time.monotonic() < deadline, (self.story, self.log)
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        return self.process.wait(SOON)


def pauses(supervised: Supervised) -> list[float]:
    """What it waited after each process that ended."""
    return [float(line.rpartition("pause=")[2]) for line in supervised.log.splitlines()]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    made: list[Supervised] = []

    def start(
        child: str, *, processes: int = 1, patience: float = 20, first_pause: float = 0.1
    ) -> Supervised:
        made.append(
            Supervised(
                tmp_path, child, processes=processes, patience=patience, first_pause=first_pause
            )
        )
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()


def test_it_starts_the_wanted_number_of_processes(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise("on_term(sys.exit); rest()", processes=3)
    supervised.until("start", "start", "start")
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(0)", 0), ("os.kill(os.getpid(), signal.SIGKILL)", 137)]
)
def test_process_that_ends_by_itself_is_replaced(
    supervise: Callable[..., Supervised], end: str, code: int
) -> None:
    supervised = supervise(
        f"""
        on_term(sys.exit)
        if not os.path.exists(sys.argv[1]):
            tell("ends")
            {end}
        rest()
        """
    )
    supervised.until("ends", "start")
    assert f"exit_code={code} pause=0.100" in supervised.log
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0


def test_pause_doubles_up_to_a_limit_while_processes_end_soon(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise("tell('ends'); sys.exit(1)")
    supervised.until(*["ends"] * 5)
    assert pauses(supervised)[:4] == [0.1, 0.2, 0.4, 0.4]


def test_pause_is_short_again_after_a_process_that_lived_long(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise(
        """
        tell("ends")
        time.sleep(0.8 * (open(sys.argv[1]).read().count("ends") == 3))
        sys.exit(1)
        """
    )
    supervised.until(*["ends"] * 4)
    assert pauses(supervised)[:3] == [0.1, 0.2, 0.1]


def test_process_that_cannot_start_because_of_its_settings_ends_them_all(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise(
        """
        on_term(sys.exit)
        try:
            os.mkdir(sys.argv[1] + ".first")
        except FileExistsError:
            while not os.path.exists(sys.argv[1]): pass
            sys.exit(2)
        rest()
        """,
        processes=2,
    )
    assert supervised.exit_code() == 2
    assert supervised.story == ["start", "term"]
    assert "another" not in supervised.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_is_passed_on_once_and_it_waits_for_the_processes(
    supervise: Callable[..., Supervised], number: int
) -> None:
    supervised = supervise(
        "on_term(lambda: (time.sleep(0.3), tell('done'), sys.exit())); rest()", processes=2
    )
    supervised.until("start", "start")
    supervised.signal(number)
    assert supervised.exit_code() == 0
    assert sorted(supervised.story) == ["done", "done", "start", "start", "term", "term"]


def test_second_signal_is_passed_on_too(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise(
        """
        on_term(lambda: open(sys.argv[1]).read().count("term") == 2 and sys.exit())
        rest()
        time.sleep(30)
        """
    )
    supervised.until("start")
    supervised.signal(signal.SIGTERM)
    supervised.until("start", "term")
    assert supervised.process.poll() is None
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0


def test_process_that_does_not_end_is_killed_when_patience_is_over(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise("on_term(int); rest(); time.sleep(30)", patience=0.3)
    supervised.until("start")
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 137
    assert "does not end; killed" in supervised.log


def test_exit_code_is_that_of_a_process_that_did_not_end_well(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise("on_term(lambda: sys.exit(7)); rest()")
    supervised.until("start")
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 7


def test_process_that_had_not_begun_to_work_ended_well(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise("rest()")  # without a handler, as while it starts
    supervised.until("start")
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0


def test_signal_during_a_pause_ends_it_without_starting_another(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise("tell('ends'); sys.exit(1)", first_pause=30)
    deadline = time.monotonic() + SOON
    while "pause=30.000" not in supervised.log:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    supervised.signal(signal.SIGTERM)
    assert supervised.exit_code() == 0
    assert supervised.story == ["ends"]


def test_each_place_has_its_environment_and_reports_its_end(tmp_path: Path) -> None:
    ended: list[Ended] = []
    child = "import os, sys; open(sys.argv[1] + os.environ['PLACE'], 'a'); sys.exit(0)"
    supervisor = Supervisor(
        (sys.executable, "-S", "-c", child, f"{tmp_path}/"),
        2,
        1.0,
        environment=lambda place: {"PLACE": str(place)},
        on_end=ended.append,
    )
    deadline = time.monotonic() + SOON
    while len(ended) < 2:
        assert time.monotonic() < deadline
        supervisor.check()
    assert [(each.place, each.code) for each in sorted(ended)] == [(0, 0), (1, 0)]
    assert all(each.pid and not each.is_lost for each in ended)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    assert (supervisor.wanted, supervisor.restarts) == (2, 2)


def test_running_processes_are_listed_until_a_signal_arrives() -> None:
    supervisor = Supervisor((sys.executable, "-S", "-c", "import time; time.sleep(60)"), 1, 1.0)
    before = supervisor.running
    assert before == ()
    supervisor.check()
    process = supervisor._places[0].process
    assert process is not None
    try:
        (child,) = supervisor.running
        assert child.pid == process.pid
        assert 0 <= child.age < SOON
        supervisor._on_signal()
        assert supervisor.running == ()
    finally:
        process.kill()
        process.wait()
