"""The measurements as Markdown tables."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.pacing.window import CONTESTANTS
from benchmarks.peers import FACELIFT, LOOP, PEERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MB = 1e6
_TEXTS = {"", "command", "tuned", "by", "the endpoint", "trouble", "must hold", "reached", "holds"}
NOTHING = "\N{EN DASH}"
Rows = list[dict[str, Any]]


def pick(rows: Rows, what: str, **labels: object) -> Rows:
    """The measurements of this kind, with these labels."""
    return [
        row
        for row in rows
        if row["what"] == what and all(row[name] == value for name, value in labels.items())
    ]


def middle(rows: Rows, value: str) -> float | None:
    """The median over repeats; None if it was not measured."""
    found = [row[value] for row in rows if row.get(value) is not None]
    return median(found) if found else None


def conditions(found: dict[str, Any]) -> str:
    """The machine and the versions, in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['cores']} cores ({found['cpu']}), {found['memory'] / 2**30:.0f} GiB, "
        f"{found['system']}; Python {found['python']}, redis-server {found['redis-server']}; "
        f"{versions}."
    )


def speed(rows: Rows) -> str:
    """The main table: medians, and the spread of what matters most."""
    table = []
    for peer in PEERS:
        runs = pick(rows, "throughput", peer=peer.name)
        if not runs:
            continue
        waits = pick(rows, "latency", peer=peer.name)
        table.append(
            [
                peer.name,
                _typical(runs, "rate", 0),
                _typical(runs, "cpu", 2),
                _number(middle(runs, "redis_cpu"), 2) if peer.queue else NOTHING,
                f"{max(run['rss'] for run in runs) / _MB:,.0f}",
                _number(middle(runs, "enqueue"), 0),
                _number(middle(pick(rows, "enqueue_many", peer=peer.name), "rate"), 0),
                _number(middle(waits, "p50"), 1),
                _number(middle(waits, "p99"), 1),
                f"{sum(run['missing'] for run in runs + waits):,}",
                f"{sum(run['repeated'] for run in runs):,}",
            ]
        )
    head = (
        *("", "jobs/s", "CPU ms/job", "Redis CPU ms/job", "memory, MB"),
        *("enqueue/s", "enqueue/s, many", "latency p50, ms", "p99, ms", "not sent", "sent twice"),
    )
    return markdown_table(head, table)


def turns(rows: Rows) -> str:
    """Facelift as a multiple of the loop: of the medians, and in each turn that has both."""
    runs, loops = (pick(rows, "turn", peer=peer.name) for peer in (FACELIFT, LOOP))
    taken = {row["turn"]: row["cpu"] for row in loops}
    ratios = [{"ratio": run["cpu"] / taken[run["turn"]]} for run in runs if run["turn"] in taken]
    if not ratios:
        return ""
    of_medians = median(run["cpu"] for run in runs) / median(taken.values())
    ratio = _typical(ratios, "ratio", 2)
    return markdown_table(
        ("", "CPU ms/job", "times the loop's", "turn by turn"),
        (
            (FACELIFT.name, _typical(runs, "cpu", 2), f"{of_medians:.2f}", ratio),
            (LOOP.name, _typical(loops, "cpu", 2), "1", "1"),
        ),
    )


def tuning(rows: Rows) -> str:
    """How each peer was run."""
    measured = {row["peer"] for row in rows}
    return markdown_table(
        ("", "command", "tuned"),
        [
            [peer.name, f"`{peer.command.replace('benchmarks.', '')}`", peer.tuned]
            for peer in PEERS
            if peer.name in measured
        ],
    )


def window(rows: Rows) -> str:
    """One account and its rate limit."""
    processes = sorted({row["processes"] for row in pick(rows, "window")})
    table = []
    for contestant in CONTESTANTS:
        cells = []
        for number in processes:
            runs = pick(rows, "window", contestant=contestant.name, processes=number)
            cells += (
                [f"{100 * runs[0]['share']:.1f} %", f"{runs[0]['refused']:,}"]
                if runs
                else [NOTHING, NOTHING]
            )
        table.append([contestant.name, *cells, contestant.how])
    head = [cell for number in processes for cell in (f"{number} proc.: used", "refused")]
    return markdown_table(("", *head, "by"), table)


def neighbours(rows: Rows) -> str:
    """The delays of the quiet account."""
    return markdown_table(
        ("backlog of the other account", "p50, ms", "p99, ms", "not sent"),
        [
            [
                f"{row['backlog']:,}",
                _number(row.get("p50"), 1),
                _number(row.get("p99"), 1),
                str(row["missing"]),
            ]
            for row in pick(rows, "neighbours")
        ],
    )


def outages(rows: Rows) -> str:
    """The outages of the endpoint."""
    table = [
        [
            f"{row['kind']}, {row['seconds']:g} s, {row['jobs']:,} jobs",
            f"{row['requests']:,}",
            f"{row['requests_later']:,}",
            f"{row['attempts']:,}",
            f"{row['rss_before'] / _MB:,.0f} → {row['rss_after'] / _MB:,.0f}",
            _number(row["first"], 1),
            f"{100 * row['rate']:.0f} %",
            f"{row['refused']:,}",
        ]
        for row in pick(rows, "outage")
    ]
    head = (
        *("the endpoint", "requests meanwhile", "after its first 5 s", "attempts used"),
        *("worker memory, MB", "first delivery after, s", "rate in the next 30 s", "refused"),
    )
    return markdown_table(head, table)


def growth(rows: Rows) -> str:
    """The ledger by size."""
    table = [
        [
            f"{row['finished']:,}",
            f"{row['waiting']:,}",
            f"{row['queued']:,}",
            _number(row["bytes_per_job"], 0),
            *(
                _number(row.get(f"{name}_{cut}"), 2)
                for name in ("status", "acquire", "schedule")
                for cut in ("p50", "p99")
            ),
            _number(row["rss"] / _MB if "rss" in row else None, 0),
        ]
        for row in pick(rows, "ledger")
    ]
    head = (
        *("finished", "waiting", "queued", "bytes of each added"),
        *("status p50, ms", "p99", "acquire p50", "p99", "schedule run of 100 p50", "p99"),
        "worker, MB",
    )
    return markdown_table(head, table)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def _typical(rows: Rows, value: str, digits: int) -> str:
    """The median, and the spread if there are repeats."""
    found = [row[value] for row in rows]
    spread = f" ({min(found):.{digits}f} to {max(found):.{digits}f})" if len(found) > 1 else ""
    return f"{_number(median(found), digits)}{spread}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns of numbers are aligned to the right."""
    rule = ["---" if name in _TEXTS else "---:" for name in head]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
