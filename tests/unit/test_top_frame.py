"""What `facelift top` draws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facelift.cli.operations.figures import Figures
from facelift.cli.operations.frame import Frame
from facelift.status.pool import Event, EventKind, Pause
from facelift.status.worker import WorkerStatus
from tests.drawing import drawn
from tests.unit.test_pool_text import ACCOUNT, ACCOUNT_DOWN, DOWN, FAILING, NOW, POOL, failing

WORKER = WorkerStatus(
    name="host:1",
    host="host",
    pid=1,
    version="0.1.0",
    since=NOW - 60,
    seen_at=NOW - 1,
    last_poll_at=NOW - 2,
    slots=100,
    busy=3,
)
BUSY = replace(
    POOL,
    pause=Pause("operator", "word " * 40, "ana@host", NOW - 60, None),
    accounts=tuple(
        replace(ACCOUNT, name=f"account_{n}", waiting=n, pause=POOL.pause) for n in range(30)
    ),
    workers=tuple(replace(WORKER, name=f"host:{n}") for n in range(30)),
    events=tuple(Event(NOW - n, EventKind.ALL_PAUSED, "Because.", "ana", None) for n in range(50)),
)


def frame(view: Frame, width: int = 80, height: int | None = 24) -> list[str]:
    return drawn(view, width=width, height=height)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 60), (20, 5)])
def test_it_never_exceeds_the_terminal(width: int, height: int) -> None:
    worst = tuple(map(failing, range(30, 20, -1)))
    sick = tuple(replace(each, failing_chatbots=30, worst=worst) for each in BUSY.accounts)
    for pool in (BUSY, replace(DOWN, accounts=BUSY.accounts), replace(BUSY, accounts=sick)):
        lines = frame(Frame(pool, Figures(), "Redis cannot be reached: " + "x" * 99), width, height)
        assert len(lines) <= height
        assert max(map(len, lines)) <= width


def test_a_full_terminal_shows_a_part_of_every_table_and_says_how_much_is_missing() -> None:
    lines = frame(Frame(BUSY, Figures()), height=28)
    assert len(lines) == 28
    assert sum(line.startswith("account_") for line in lines) == 3
    assert sum(line.startswith("host:") for line in lines) == 3
    assert [line for line in lines if line.startswith("and ")] == [
        "and 27 more",
        "and 27 more",
        "and 47 more",
    ]


def test_small_terminal_shows_the_first_of_every_table() -> None:
    worst = tuple(map(failing, range(30, 20, -1)))
    sick = tuple(replace(each, failing_chatbots=30, worst=worst) for each in BUSY.accounts)
    lines = frame(Frame(replace(BUSY, accounts=sick), Figures()), height=23)
    assert len(lines) <= 23
    firsts = ("account_", "bot-", "host:", "16:00:00  everything paused")
    assert [sum(line.startswith(first) for line in lines) for first in firsts] == [1, 1, 1, 1]


def test_the_account_with_most_to_do_comes_first() -> None:
    lines = frame(Frame(BUSY, Figures()), height=None)
    rows = [line.split()[0] for line in lines if line.startswith("account_")]
    assert rows[:2] == ["account_29", "account_28"]
    assert len(rows) == 30


def test_account_in_trouble_comes_before_one_with_most_to_do() -> None:
    down = replace(ACCOUNT_DOWN.accounts[0], name="down", waiting=0)
    sick = replace(FAILING.accounts[0], name="sick", waiting=0)
    well = replace(ACCOUNT, name="well")
    lines = frame(Frame(replace(POOL, accounts=(well, sick, down)), Figures()))
    rows = [line.split()[0] for line in lines if "37 of 100" in line]
    assert rows == ["down", "sick", "well"]


def test_failing_chatbots_have_a_line_each() -> None:
    lines = frame(Frame(FAILING, Figures()))
    at = lines.index("Failing chatbot  Account  Failures  Since     Last error")
    assert [line.split()[0] for line in lines[at + 1 : at + 3]] == ["bot-7", "bot-3"]
    assert lines[at + 3] == ""
    assert "Failing chatbot" not in " ".join(frame(Frame(POOL, Figures())))


def test_failing_chatbots_that_nobody_lists_are_counted_too() -> None:
    worst = tuple(map(failing, range(30, 20, -1)))
    sick = replace(POOL, accounts=(replace(ACCOUNT, failing_chatbots=300, worst=worst),))
    for height, shown in ((None, 10), (24, 4)):
        lines = frame(Frame(sick, Figures()), height=height)
        assert sum(line.startswith("bot-") for line in lines) == shown
        assert f"and {300 - shown} more" in lines


def test_a_worker_that_does_not_consume_comes_first() -> None:
    ill = replace(WORKER, name="host:9", last_poll_at=NOW - 100)
    lines = frame(Frame(replace(POOL, workers=(WORKER, ill)), Figures()))
    rows = [line for line in lines if line.startswith("host:")]
    assert rows == [
        "host:9  3 of 100  has room, but asked for no job for 99 s",
        "host:1  3 of 100  2 s ago",
    ]


def test_a_pool_that_is_quiet_says_so() -> None:
    lines = frame(Frame(replace(POOL, accounts=(), workers=()), Figures()))
    assert lines[-5:] == [
        "No worker has registered an account yet.",
        "",
        "No worker is running.",
        "",
        "No recent events.",
    ]


def test_a_redis_that_is_away_is_reported_above_the_last_figures() -> None:
    lines = frame(Frame(POOL, Figures(), "Redis cannot be reached: Timeout."))
    assert lines[1:4] == [
        "Redis     cannot be reached: Timeout.",
        "          trying again; the figures are of 16:00:00",
        "Endpoint  breaker closed: requests are let through",
    ]


def test_a_redis_that_was_never_there_is_reported() -> None:
    assert frame(Frame(None, Figures(), "Redis cannot be reached: No.")) == [
        "facelift top",
        "Redis     cannot be reached: No.",
        "          trying again",
    ]
