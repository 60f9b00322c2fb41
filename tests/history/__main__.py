"""`python -m tests.history FILE...`: judge the promises from the histories of runs."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from tests.history.checker import count_overlaps, judge
from tests.history.events import NoHistory, read


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Judge the promises from the histories in FILES; exit with 1 if one is broken."""
    broken = 0
    for path in files:
        try:
            history = read(path)
        except (NoHistory, OSError) as error:
            raise click.ClickException(f"{path}: {error}") from error
        states = Counter(job.state for job in history.recorded)
        counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
        overlaps = sum(count_overlaps(history.requests).values())
        click.echo(
            f"{path.name}: {len(history.recorded)} jobs ({counts}), "
            f"{len(history.requests)} requests, {len(history.faults)} faults, "
            f"{overlaps} overlaps at the endpoint"
        )
        problems = judge(history)
        for problem in problems:
            click.echo(f"  PROBLEM: {problem}")
        click.echo(f"  {f'{len(problems)} problems' if problems else 'every promise was kept'}")
        broken += bool(problems)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
