"""`facelift enqueue-many`: enqueue the jobs of a file or folder."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from facelift.cli.bulk.lines import Defaults, Line
from facelift.cli.bulk.source import Source, batch_of, open_file, open_folder
from facelift.cli.draw.console import Paragraph, answer, cell, console, fact, say
from facelift.cli.exits import Exit
from facelift.cli.options import (
    asset_option,
    fairness_key_option,
    fit_option,
    json_option,
    priority_option,
)
from facelift.client import UploadClient
from facelift.errors import LedgerRefused, LedgerUnavailable
from facelift.job import check_account, check_batch, check_fairness_key
from facelift.operations.enqueue import Enqueued, EnqueueInterrupted

_AT_ONCE = 200  # lines
_SHOWN = 20  # bad lines on a terminal; more would push all else out of sight


class _Run:
    """Enqueues lines, and reports bad ones.

    Args:
        name: of the file or folder, for a person.
        source: its lines.
        rejects: the file of bad lines; None for none.
        client: None to check only.

    Attributes:
        tally: how many lines were `enqueued`, `known` from before, or `bad`.
    """

    def __init__(
        self, name: str, source: Source, rejects: IO[bytes] | None, client: UploadClient | None
    ) -> None:
        self.tally = {"enqueued": 0, "known": 0, "bad": 0}
        self._name = name
        self._source = source
        self._rejects = rejects
        self._client = client
        self._console = console(err=True)

    def take_all(self) -> None:
        """Take every line; draw a progress bar on a terminal if the source's size is known.

        Raises:
            LedgerUnavailable, LedgerRefused: Redis went away or refused halfway.
        """
        bar = Progress(
            TextColumn("Enqueuing"),
            BarColumn(complete_style="cyan"),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not (self._console.is_terminal and self._source.size),
        )
        task = bar.add_task("", total=self._source.size)
        with bar:
            lines = iter(self._source.lines)
            while some := list(islice(lines, _AT_ONCE)):
                self._take(some)
                bar.advance(task, sum(line.size for line in some))

    def _take(self, lines: list[Line]) -> None:
        good = [line for line in lines if line.job]
        for line in lines:
            if line.job is None:
                self._refuse(line, line.problem)
        if self._client is None:
            self.tally["enqueued"] += len(good)
            return
        try:
            done = self._client.enqueue_many(
                [line.job for line in good if line.job], job_ids=[line.job_id for line in good]
            )
        except EnqueueInterrupted as error:
            self._count(good, error.done)
            if isinstance(error.__cause__, LedgerUnavailable | LedgerRefused):
                raise error.__cause__ from None  # its place in these lines means nothing here
            raise
        self._count(good, done)

    def _count(self, lines: list[Line], done: list[Enqueued]) -> None:
        for line, each in zip(lines, done, strict=False):
            if each.conflict:
                self._refuse(line, str(each.conflict))
            else:
                self.tally["enqueued" if each.is_new else "known"] += 1

    def _refuse(self, line: Line, problem: str) -> None:
        self.tally["bad"] += 1
        if self._rejects is not None:
            if self.tally["bad"] == 1:
                self._rejects.write(self._source.header)
            self._rejects.write(line.raw.rstrip(b"\r\n") + b"\n")
        message = f"{self._name}: {line.place}: {problem}"
        if not self._console.is_terminal:
            say(message, err=True)
        elif self.tally["bad"] <= _SHOWN:
            self._console.print(cell(message))
            if self.tally["bad"] == _SHOWN:
                self._console.print("Further bad lines are only counted.")


@click.command("enqueue-many")
@click.argument(
    "source", metavar="FILE|FOLDER|-", type=click.Path(exists=True, readable=True, allow_dash=True)
)
@click.option(
    "--batch",
    metavar="NAME",
    help="The name under which to follow them.  [default: derived from the file's name]",
)
@click.option("--account", default="default", show_default=True, help="Whose API key to use.")
@asset_option
@fit_option
@priority_option
@fairness_key_option
@click.option("--store", metavar="NAME", help="For a folder: the workers' store that holds it.")
@click.option(
    "--prefix", default="", metavar="PATH/", help="For a folder: its path within the store."
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where to write bad lines.  [default: FILE.rejects]",
)
@click.option("--dry-run", is_flag=True, help="Check every line, enqueue nothing.")
@json_option
def enqueue_many(
    source: str,
    *,
    batch: str | None,
    account: str,
    asset: str,
    fit: str,
    priority: str,
    fairness_key: str | None,
    store: str | None,
    prefix: str,
    rejects: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Enqueue the jobs of a file or folder.

    A file, or standard input (-), is CSV, its first line naming the columns, or JSON
    Lines. The fields are chatbot_id and image, and optionally account, asset, action, fit,
    fit_focus, sha256, idempotency_key, not_before, expires_at, priority, fairness_key and
    job_id. With the action remove there is no image. In a folder, 42.png is the image of
    chatbot 42.

    Repeating it is safe, also after Ctrl-C or an error: each line becomes one job. Bad
    lines are reported and written to --rejects while the others are enqueued; then it
    exits with 2.

    \b
    Examples:
      facelift enqueue-many logos.csv
      facelift enqueue-many images/ --store media --prefix bots/
      export-logos | facelift enqueue-many - --batch logos-2026
    """  # noqa: D301 - click wants the escape, not the backslash
    path = None if source == "-" else Path(source)
    folder = path if path and path.is_dir() else None
    name = source if path else "standard input"
    check_account(account)
    if fairness_key is not None:
        check_fairness_key(fairness_key)
    defaults = Defaults(
        batch_of(path) if batch is None else check_batch(batch),
        account=account,
        asset=asset,
        fit=fit,
        priority=priority,
        fairness_key=fairness_key,
    )
    if path and not folder:
        rejects = _where_rejects_go(path, rejects)
    if folder and store is None:
        raise click.UsageError("a folder needs --store: the workers' name of where its files are")
    if store is not None and not folder:
        raise click.UsageError("--store is for a folder; a file names the store of each image")
    began = time.monotonic()
    with ExitStack() as stack:
        if folder and store is not None:
            read = open_folder(folder, store, prefix, defaults)
        else:
            read = open_file(path, stack, defaults)
        client = aside = None
        if not dry_run:
            client = stack.enter_context(UploadClient.from_env())
            if rejects is not None:  # made with the first bad line
                aside = stack.enter_context(click.open_file(str(rejects), "wb", lazy=True))
        run = _Run(name, read, aside, client)
        problem: BaseException | None = None
        try:
            run.take_all()
        except (KeyboardInterrupt, LedgerUnavailable, LedgerRefused) as error:
            problem = error
    result = {
        "batch": defaults.batch,
        **run.tally,
        "left_alone": read.left_alone,
        "rejects": str(rejects) if aside is not None and run.tally["bad"] else None,
        "dry_run": dry_run,
        "is_finished": problem is None,
        "seconds": round(time.monotonic() - began, 3),
    }
    answer(result, *_summary(result), as_json=as_json)
    if problem is not None:
        under = f" with --batch {defaults.batch}" if source == "-" and batch is None else ""
        say(f"Not finished. Repeat it{under}: no job is enqueued twice.", err=True)
        raise problem
    sys.exit(Exit.USAGE if run.tally["bad"] else Exit.OK)


def _where_rejects_go(path: Path, asked: Path | None) -> Path:
    if asked is None:
        return path.with_name(f"{path.name}.rejects")
    if asked.resolve() == path.resolve():
        raise click.UsageError("--rejects must be another file than the one that is read")
    return asked


def _summary(result: dict[str, Any]) -> Iterator[Paragraph]:
    yield fact("Batch", result["batch"])
    known = f", {result['known']} enqueued before" if result["known"] else ""
    done = "would be enqueued" if result["dry_run"] else "enqueued"
    yield fact("Jobs", f"{result['enqueued']} {done}{known}")
    if result["bad"]:
        where = f", written to {result['rejects']}" if result["rejects"] else ""
        yield fact("Bad lines", f"{result['bad']}{where}")
    if result["left_alone"]:
        yield fact("Skipped", f"{result['left_alone']} without the suffix of an image")
    jobs = result["enqueued"] + result["known"]
    if jobs and not result["dry_run"]:
        rate = jobs / max(result["seconds"], 0.001)
        yield fact("Rate", f"{rate:.0f} jobs/s, {result['seconds']:.1f} s in all")
        yield fact("Follow", f"facelift batch watch {result['batch']}")
