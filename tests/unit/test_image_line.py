"""Few threads work at a time; light work passes heavy work, and neither starves."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from worker.errors import Interrupted, WorkerBusy
from worker.images.line import Line


def refuse() -> None:
    raise Interrupted


class Worker(threading.Thread):
    """Waits for its turn, and holds it until it is told to leave."""

    def __init__(self, line: Line, *, is_heavy: bool = False) -> None:
        super().__init__(daemon=True)
        self._line = line
        self._is_heavy = is_heavy
        self.waits, self.works, self.leaves = (threading.Event() for _ in range(3))
        self.start()
        while not (self.works.wait(0.01) or self.waits.is_set()):
            pass

    def run(self) -> None:
        with self._line.turn(self.waits.set, is_heavy=self._is_heavy):
            self.works.set()
            self.leaves.wait(10)

    def leave(self) -> None:
        self.leaves.set()
        self.join(10)


def test_light_work_passes_heavy_work_and_leaves_it_one_place() -> None:
    line = Line(2)
    heavy = [Worker(line, is_heavy=True) for _ in range(2)]
    light = [Worker(line) for _ in range(2)]
    assert [each.works.is_set() for each in (*heavy, *light)] == [True, False, True, False]
    light[0].leave()
    assert light[1].works.wait(10)
    assert not heavy[1].works.is_set()
    heavy[0].leave()
    assert heavy[1].works.wait(10)
    for each in (*heavy, *light):
        each.leave()


def test_heavy_work_gets_the_next_place_though_light_work_came_first() -> None:
    line = Line(2)
    first, second, third = Worker(line), Worker(line), Worker(line)
    heavy = Worker(line, is_heavy=True)
    assert [each.works.is_set() for each in (second, third, heavy)] == [True, False, False]
    first.leave()
    assert heavy.works.wait(10)
    assert not third.works.is_set()
    for each in (second, third, heavy):
        each.leave()


def test_a_line_that_is_full_turns_others_away() -> None:
    line = Line(1, longest=1, longest_heavy=0)
    working = Worker(line)
    waiting = Worker(line)
    for is_heavy in (False, True):
        with pytest.raises(WorkerBusy), line.turn(lambda: None, is_heavy=is_heavy):
            pytest.fail("it had no place")
    working.leave()
    assert waiting.works.wait(10)
    waiting.leave()
    with line.turn(refuse, is_heavy=True):
        pass


def test_who_stops_waiting_leaves_no_gap() -> None:
    line = Line(1)
    with ExitStack() as stack:
        stack.enter_context(line.turn(refuse))
        with pytest.raises(Interrupted), line.turn(refuse):
            pytest.fail("it had no place")
    with line.turn(refuse):
        pass


def test_a_place_is_free_again_after_an_error() -> None:
    line = Line(1)
    with pytest.raises(ZeroDivisionError), line.turn(refuse):
        1 / 0  # noqa: B018 - it is what fails
    with line.turn(refuse):
        pass
