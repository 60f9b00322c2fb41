"""`python -m benchmarks.isolation`: play scenarios, print what was reached.

`make bench ONLY=isolation` plays all of them and writes the table of docs/performance.md.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import click

from benchmarks.isolation.rows import ROWS, scenario_named
from benchmarks.isolation.sitting import PARALLEL, scenarios_of, sit

_ROOT = Path(__file__).parents[2]


@click.command()
@click.option(
    "--only",
    metavar="LIST",
    help="Names of scenarios, and of those that they are compared with; `poison*` for several, "
    "`poison300@celery` for another queue. [default: all]",
)
@click.option("--seconds", type=float, help="End each run after this time.")
@click.option(
    "--parallel", type=float, default=PARALLEL, show_default=True, help="Runs side by side."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the workers' logs and the endpoint's records.",
)
@click.option("--list", "listed", is_flag=True, help="Only name the scenarios.")
def main(
    *, only: str | None, seconds: float | None, parallel: float, keep: Path | None, listed: bool
) -> None:
    """Play scenarios; prints each result as a line of JSON, and what must hold as a table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is stopped
    os.chdir(_ROOT)
    wanted = only.split(",") if only else None
    rows = [row for row in ROWS if wanted is None or _is_named(row.own.name, wanted)]
    scenarios = scenarios_of(rows)
    for name in wanted or ():
        if "@" in name:
            scenarios[name] = scenario_named(name)
    if listed:
        for row in rows:
            click.echo(f"{row.own.name:<20} {row.trouble}")
        return
    results = {}
    for result in sit(scenarios.values(), seconds, keep, most=parallel):
        results[result["scenario"]] = result
        click.echo(json.dumps(result))
    for row in rows:
        try:
            reached, holds = row.judge(results)
        except KeyError:
            reached, holds = "not measured", False
        click.echo(f"{'ok  ' if holds else 'MISS'} {row.trouble}: {reached} (must: {row.must})")


def _is_named(name: str, wanted: list[str]) -> bool:
    return any(
        name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in wanted
    )


if __name__ == "__main__":
    main()
