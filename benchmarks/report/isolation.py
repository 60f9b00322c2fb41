"""The isolation benchmark as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.isolation.rows import BESIDE, QUEUES, ROWS
from benchmarks.report.tables import NOTHING, markdown_table, pick

if TYPE_CHECKING:
    from benchmarks.isolation.scenario import Results
    from benchmarks.report.tables import Rows


def troubles(rows: Rows) -> str:
    """Each trouble, what must hold and what was reached."""
    results = _by_name(rows)
    table = []
    for row in ROWS:
        if all(each.name in results for each in row.scenarios):
            reached, holds = row.judge(results)
            table.append((row.trouble, row.must, reached, "yes" if holds else "**no**"))
    return markdown_table(("trouble", "must hold", "reached", "holds"), table)


def beside(rows: Rows) -> str:
    """The same runs by other queues."""
    results = _by_name(rows)
    table = []
    for row in BESIDE:
        cells = []
        for queue in QUEUES:
            own = row.by(queue)
            cells.append(own.judge(results)[0] if own.own.name in results else NOTHING)
        table.append((row.trouble, *cells))
    return markdown_table(("trouble", *(QUEUES[queue] for queue in QUEUES)), table)


def _by_name(rows: Rows) -> Results:
    return {row["scenario"]: row for row in pick(rows, "run")}
