"""`python -m benchmarks`: measure, and write the report. `make bench` runs it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.growth.ledger import grow
from benchmarks.images import write_images
from benchmarks.isolation.rows import BESIDE, QUEUES, ROWS
from benchmarks.isolation.sitting import scenarios_of, sit
from benchmarks.pacing.neighbours import quiet_account
from benchmarks.pacing.outage import Kind, outage
from benchmarks.pacing.window import CONTESTANTS, one_account
from benchmarks.peers import FACELIFT, LOOP, PEERS
from benchmarks.plan import FULL, SHORT, Plan
from benchmarks.report.page import write_page
from benchmarks.results import Results
from benchmarks.speed import PeerStuck, enqueue_many, latency, throughput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROOT = Path(__file__).parent.parent
_KINDS = ("peers", "turns", "pacing", "isolation", "growth")


class Bench:
    """One run: measures by a plan and keeps the results.

    Args:
        plan: how much.
        media: the folder of images.
        folder: where results go.
        match: only peers and contestants whose name contains this.
    """

    def __init__(self, plan: Plan, media: Path, folder: Path, match: str) -> None:
        self._plan = plan
        self._media = media
        self._folder = folder
        self._peers = [peer for peer in PEERS if match.lower() in peer.name.lower()]
        self._contestants = [each for each in CONTESTANTS if match.lower() in each.name.lower()]

    def peers(self) -> None:
        """Speed: the peers in turn, several times."""
        plan, results = self._plan, Results(self._folder, "peers")
        for repeat, peer in product(range(plan.repeats), self._peers):
            labels = {
                "peer": peer.name,
                "processes": peer.processes,
                "concurrency": plan.concurrency,
                "repeat": repeat,
            }
            jobs = max(plan.fewest_jobs, int(plan.jobs * peer.speed))
            _measure(
                *(results, "throughput", labels),
                lambda peer=peer, jobs=jobs: throughput(
                    peer,
                    self._media,
                    processes=peer.processes,
                    concurrency=plan.concurrency,
                    jobs=jobs,
                ),
            )
            if not peer.queue:
                continue
            _measure(
                *(results, "enqueue_many", labels),
                lambda peer=peer: {"rate": enqueue_many(peer, self._media, plan.jobs)},
            )
            if repeat < plan.latency_repeats:
                _measure(
                    *(results, "latency", labels),
                    lambda peer=peer: latency(
                        peer,
                        self._media,
                        concurrency=plan.concurrency,
                        jobs=plan.latency_jobs,
                        every=peer.every,
                    ),
                )
        for repeat, (processes, concurrency), peer in product(
            range(plan.scale_repeats), plan.scale, self._peers
        ):
            if peer.scales:
                labels = {"peer": peer.name, "processes": processes, "concurrency": concurrency}
                _measure(
                    *(results, "scaling", labels | {"repeat": repeat}),
                    lambda peer=peer, processes=processes, concurrency=concurrency: throughput(
                        peer,
                        self._media,
                        processes=processes,
                        concurrency=concurrency,
                        jobs=plan.scale_jobs,
                    ),
                )

    def turns(self) -> None:
        """The cost of a queue: Facelift and the loop without one, in turns."""
        plan, results = self._plan, Results(self._folder, "turns")
        for turn, peer in product(range(plan.turns), (FACELIFT, LOOP)):
            _measure(
                *(results, "turn", {"peer": peer.name, "turn": turn}),
                lambda peer=peer: throughput(
                    peer, self._media, processes=1, concurrency=plan.concurrency, jobs=plan.jobs
                ),
            )

    def pacing(self) -> None:
        """The rate limit, two accounts, outages."""
        plan, results = self._plan, Results(self._folder, "pacing")
        for processes, contestant in product(plan.pacing_processes, self._contestants):
            _measure(
                *(results, "window", {"contestant": contestant.name, "processes": processes}),
                lambda contestant=contestant, processes=processes: one_account(
                    contestant, self._media, processes=processes, seconds=plan.pacing_seconds
                ),
            )
        for backlog in (0, plan.backlog):
            _measure(
                *(results, "neighbours", {"backlog": backlog}),
                lambda backlog=backlog: quiet_account(
                    self._media, processes=2, backlog=backlog, seconds=plan.pacing_seconds
                ),
            )
        for kind in Kind:
            labels = {"kind": kind, "jobs": plan.outage_jobs, "seconds": plan.outage_seconds}
            _measure(
                *(results, "outage", labels),
                lambda kind=kind: outage(
                    kind,
                    self._media,
                    processes=2,
                    jobs=plan.outage_jobs,
                    seconds=plan.outage_seconds,
                ),
            )

    def isolation(self) -> None:
        """Good uploads beside trouble."""
        plan, results = self._plan, Results(self._folder, "isolation")
        rows = [row for row in ROWS if not plan.isolation or row.own.name in plan.isolation]
        rows += [row.by(queue) for row in BESIDE for queue in QUEUES if not plan.isolation]
        scenarios = scenarios_of(rows).values()
        for result in sit(scenarios, plan.isolation_seconds, self._folder / "isolation"):
            results.add("run", {}, result)
            click.echo(f"isolation {result['scenario']}: {result['delivered']}", err=True)

    def growth(self) -> None:
        """A growing ledger."""
        plan, results = self._plan, Results(self._folder, "growth")
        for row in grow(
            self._media, steps=plan.finished, waiting=plan.waiting, deliveries=plan.deliveries
        ):
            results.add("ledger", {}, row)
            click.echo(f"growth {_shown(row)}", err=True)


def _measure(
    results: Results,
    what: str,
    labels: Mapping[str, object],
    measure: Callable[[], Mapping[str, object]],
) -> None:
    """Measure and save; report a failed measurement and leave it out."""
    name = " ".join(str(each) for each in labels.values())
    try:
        values = measure()
    except (PeerStuck, RuntimeError) as error:
        click.echo(f"{what} {name}: failed, {error}", err=True)
        return
    results.add(what, labels, values)
    click.echo(f"{what} {name}: {_shown(values)}", err=True)


def _shown(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


@click.command()
@click.option(
    "--short/--full", envvar="SHORT", help="Minutes instead of over an hour. [env: SHORT]"
)
@click.option(
    "--only",
    envvar="ONLY",
    default=",".join(_KINDS),
    metavar="LIST",
    help="Of peers,turns,pacing,isolation,growth; `report` measures nothing. [env: ONLY]",
)
@click.option(
    "--match", envvar="MATCH", default="", help="Only those named like this. [env: MATCH]"
)
@click.option(
    "--out",
    envvar="OUT",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where performance.md is written to. [default: docs, or build/bench if short; env: OUT]",
)
@click.option(
    "--results",
    envvar="RESULTS",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the raw figures are kept. [default: build/bench/full or short; env: RESULTS]",
)
def main(*, short: bool, only: str, match: str, out: Path | None, results: Path | None) -> None:
    """Measure Facelift beside other queues, and write docs/performance.md.

    The full form takes over an hour on two cores; the machine should do nothing else.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is stopped
    kinds = [kind for kind in only.split(",") if kind]
    if wrong := set(kinds) - {*_KINDS, "report"}:
        raise click.UsageError(f"--only: there is no {', '.join(sorted(wrong))}")
    os.chdir(_ROOT)
    folder = results or Path("build/bench", "short" if short else "full")
    with tempfile.TemporaryDirectory(prefix="facelift-bench-") as media:
        write_images(Path(media))
        bench = Bench(SHORT if short else FULL, Path(media), folder, match)
        for kind in _KINDS:
            if kind in kinds:
                getattr(bench, kind)()
    page = write_page(folder, out or (Path("build/bench") if short else Path("docs")))
    click.echo(f"written: {page}")


if __name__ == "__main__":
    main()
