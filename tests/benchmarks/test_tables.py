"""The tables of the benchmarks."""

from __future__ import annotations

from benchmarks.peers import FACELIFT, LOOP
from benchmarks.report import tables


def turn(number: int, facelift: float, loop: float | None) -> tables.Rows:
    rows = [{"what": "turn", "peer": FACELIFT.name, "turn": number, "cpu": facelift}]
    if loop is not None:
        rows.append({"what": "turn", "peer": LOOP.name, "turn": number, "cpu": loop})
    return rows


def test_turns_show_the_ratio_of_medians_and_of_each_turn() -> None:
    table = tables.turns([*turn(0, 3.0, 2.0), *turn(1, 2.8, 2.8), *turn(2, 4.2, 3.0)])
    facelift, loop = table.splitlines()[2:]
    assert facelift == "| Facelift | 3.00 (2.80 to 4.20) | 1.07 | 1.40 (1.00 to 1.50) |"
    assert loop.startswith(f"| {LOOP.name} | 2.80 (2.00 to 3.00) |")


def test_turn_whose_loop_failed_has_no_ratio() -> None:
    table = tables.turns([*turn(0, 3.0, 2.0), *turn(1, 9.0, None)])
    assert "| 1.50 |\n" in table


def test_turns_that_all_failed_make_no_table() -> None:
    assert tables.turns([]) == ""
