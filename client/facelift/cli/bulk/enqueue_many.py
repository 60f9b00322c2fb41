"""`facelift enqueue-many`: the jobs of a file or a folder."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelift.cli.bulk.lines import Defaults
from facelift.cli.bulk.source import Rejects, Source
from facelift.cli.draw.layout import WIDTH, fact
from facelift.cli.exits import Exit
from facelift.cli.options import fit_option, json_option
from facelift.client import UploadClient
from facelift.errors import LedgerRefused, LedgerUnavailable
from facelift.job import check_account
from facelift.operations.enqueue import EnqueueInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from facelift.cli.bulk.lines import Line
    from facelift.operations.enqueue import Enqueued

_AT_ONCE = 200  # lines
_SHOWN = 20  # bad lines on a terminal, where more would push all else out of sight


@dataclass
class _Tally:
    """How many lines came to what."""

    enqueued: int = 0
    known: int = 0
    bad: int = 0


class _Run:
    """Enqueues lines, and tells of bad ones.

    Args:
        name: of what is read.
        rejects: where bad lines go.
        client: None to check only.
    """

    def __init__(self, name: str, rejects: Rejects, client: UploadClient | None) -> None:
        self.tally = _Tally()
        self._name = name
        self._rejects = rejects
        self._client = client
        self._is_terminal = sys.stderr.isatty()

    def take_all(self, lines: Iterable[Line], size: int) -> None:
        """Take every line, with a bar on a terminal if `size` is known.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis went or said no halfway.
        """
        with ExitStack() as stack:
            bar = None
            if self._is_terminal and size:
                shown = click.progressbar(length=size, file=sys.stderr, label="Enqueuing", width=28)
                bar = stack.enter_context(shown)
            lines = iter(lines)
            while some := list(islice(lines, _AT_ONCE)):
                self._take(some)
                if bar is not None:
                    bar.update(sum(line.size for line in some))

    def _take(self, lines: list[Line]) -> None:
        jobs = [(line, line.job) for line in lines if line.job]
        for line in lines:
            if line.job is None:
                self._refuse(line, line.problem)
        if self._client is None:
            self.tally.enqueued += len(jobs)
            return
        good = [line for line, _ in jobs]
        try:
            done = self._client.enqueue_many(
                (job for _, job in jobs), job_ids=[line.job_id for line in good]
            )
        except EnqueueInterrupted as error:
            self._count(good, error.done)
            if isinstance(error.__cause__, LedgerUnavailable | LedgerRefused):
                raise error.__cause__ from None  # how far it got in these lines says nothing
            raise
        self._count(good, done)

    def _count(self, lines: list[Line], done: list[Enqueued]) -> None:
        for line, each in zip(lines, done, strict=False):
            if each.conflict:
                self._refuse(line, str(each.conflict))
            elif each.is_new:
                self.tally.enqueued += 1
            else:
                self.tally.known += 1

    def _refuse(self, line: Line, problem: str) -> None:
        self.tally.bad += 1
        self._rejects.add(line)
        if self._is_terminal and self.tally.bad > _SHOWN:
            return
        if self._is_terminal:
            click.echo("\r" + " " * (WIDTH - 1) + "\r", nl=False, err=True)  # over the bar
        click.echo(f"{self._name}: {line.place}: {problem}", err=True)
        if self._is_terminal and self.tally.bad == _SHOWN:
            click.echo("Further bad lines are only counted.", err=True)


@click.command("enqueue-many")
@click.argument(
    "source", metavar="FILE|FOLDER|-", type=click.Path(exists=True, readable=True, allow_dash=True)
)
@click.option(
    "--batch",
    metavar="NAME",
    help="The name under which they are followed.  [default: one made of the file's name]",
)
@click.option("--account", default="default", show_default=True, help="Whose API key to use.")
@fit_option
@click.option("--store", metavar="NAME", help="Of a folder: what the workers call where it is.")
@click.option(
    "--prefix", default="", metavar="PATH/", help="Of a folder: what goes before the files' names."
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where bad lines are set aside.  [default: FILE.rejects]",
)
@click.option("--dry-run", is_flag=True, help="Check every line, enqueue nothing.")
@json_option
def enqueue_many(
    source: str,
    *,
    batch: str | None,
    account: str,
    fit: str,
    store: str | None,
    prefix: str,
    rejects: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Enqueue the jobs of a file or folder.

    A file, or standard input (-), is CSV, its first line naming the columns, or JSON
    Lines. The fields are chatbot_id and image, and if need be account, fit, sha256,
    idempotency_key, not_before, expires_at and job_id. In a folder, 42.png is the
    picture of chatbot 42.

    Repeat it safely, also after Ctrl-C or an error: each line becomes one job. Bad lines
    are told and set aside while the others are enqueued; it exits with 2 then.

    \b
    Examples:
      facelift enqueue-many logos.csv
      facelift enqueue-many pictures/ --store media --prefix bots/
      export-logos | facelift enqueue-many - --batch logos-2026
    """  # noqa: D301 - click wants the escape, not the backslash
    check_account(account)
    read = Source(source, batch)
    rejects = _where_rejects_go(read, rejects)
    if read.is_folder and store is None:
        raise click.UsageError("a folder needs --store: what the workers call where its files are")
    if store is not None and not read.is_folder:
        raise click.UsageError("--store is for a folder; a file names the store of each image")
    began = time.monotonic()
    with ExitStack() as stack:
        lines = read.lines(stack, store, prefix, Defaults(read.batch, account, fit))
        aside = stack.enter_context(Rejects(None if dry_run else rejects, read))
        client = None if dry_run else stack.enter_context(UploadClient.from_env())
        run = _Run(read.name, aside, client)
        problem: BaseException | None = None
        try:
            run.take_all(lines, read.size)
        except (KeyboardInterrupt, LedgerUnavailable, LedgerRefused) as error:
            problem = error
    told = {
        "batch": read.batch,
        **asdict(run.tally),
        "left_alone": read.left_alone,
        "rejects": str(aside.path) if aside.path and run.tally.bad else None,
        "dry_run": dry_run,
        "is_finished": problem is None,
        "seconds": round(time.monotonic() - began, 3),
    }
    click.echo(json.dumps(told) if as_json else "\n".join(_summary(told)))
    if problem is not None:
        under = f" with --batch {read.batch}" if source == "-" and batch is None else ""
        click.echo(f"Not finished. Repeat it{under}: what is enqueued is not doubled.", err=True)
        raise problem
    sys.exit(Exit.USAGE if run.tally.bad else Exit.OK)


def _where_rejects_go(source: Source, asked: Path | None) -> Path | None:
    if source.path is None or source.is_folder:
        return asked
    if asked is None:
        return source.path.with_name(f"{source.path.name}.rejects")
    if asked.resolve() == source.path.resolve():
        raise click.UsageError("--rejects must be another file than the one that is read")
    return asked


def _summary(told: dict[str, Any]) -> Iterator[str]:
    yield fact("Batch", told["batch"])
    known = f", {told['known']} known already" if told["known"] else ""
    done = "would be enqueued" if told["dry_run"] else "enqueued"
    yield fact("Jobs", f"{told['enqueued']} {done}{known}")
    if told["bad"]:
        where = f", set aside in {told['rejects']}" if told["rejects"] else ""
        yield fact("Bad lines", f"{told['bad']}{where}")
    if told["left_alone"]:
        yield fact("Skipped", f"{told['left_alone']} not named as a picture is")
    jobs = told["enqueued"] + told["known"]
    if jobs and not told["dry_run"]:
        rate = jobs / max(told["seconds"], 0.001)
        yield fact("Rate", f"{rate:.0f} jobs/s, {told['seconds']:.1f} s in all")
        yield fact("Follow", f"facelift batch watch {told['batch']}")
