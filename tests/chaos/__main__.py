"""`python -m tests.chaos`: run the long form of the chaos test."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

import click

from tests.chaos.run import Plan, run


@click.command()
@click.option("--seed", type=int, envvar="SEED", help="Seed of all chance.  [default: random]")
@click.option("--jobs", type=click.IntRange(10, 5000), envvar="JOBS", default=900)
@click.option("--seconds", type=click.IntRange(5, 1800), default=180)
@click.option("--workers", type=click.IntRange(2, 16), default=3)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep logs and data in this folder.")
def main(seed: int | None, jobs: int, seconds: int, workers: int, keep: Path | None) -> None:
    """Run Facelift under random faults, and check its promises."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is stopped
    logging.basicConfig(level=logging.WARNING)
    plan = Plan(
        seed=SystemRandom().randrange(10**6) if seed is None else seed,
        jobs=jobs,
        chatbots=max(10, jobs // 8),
        workers=workers,
        seconds=seconds,
    )
    click.echo(f"faults for {seconds} s, then recovery; seed {plan.seed}", err=True)
    with tempfile.TemporaryDirectory(prefix="facelift-chaos-") as temporary:
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
        report = run(plan, keep or Path(temporary))
    click.echo(str(report))
    sys.exit(bool(report.problems))


if __name__ == "__main__":
    main()
