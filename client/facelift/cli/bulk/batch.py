"""`facelift batch`: list batches, follow one, cancel the rest of one."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
)

from facelift.batch import BatchStatus
from facelift.cli.draw.console import (
    Paragraph,
    answer,
    console,
    date,
    fact,
    print_json,
    say,
    show,
    table,
)
from facelift.cli.exits import Exit, exit_of_batch
from facelift.cli.options import json_option, timeout_option
from facelift.client import UploadClient
from facelift.codes import JobState, OutcomeCode

_name = click.argument("batch_id", metavar="NAME")


@click.group()
def batch() -> None:
    """Follow the jobs of a batch, or cancel the rest of them.

    A job gets its batch from `facelift enqueue-many` or `facelift enqueue --batch NAME`.
    """


@batch.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=20,
    show_default=True,
    help="The most batches to list.",
)
@json_option
def list_batches(*, limit: int, as_json: bool) -> None:
    """List batches, newest first.

    A batch is listed until the records of its jobs expire.
    """
    with UploadClient.from_env() as client:
        found = client.batches(limit)
    rows = [
        (date(each.created_at), str(each.total), str(_ended(each)), str(_failed(each)), each.id)
        for each in found
    ]
    head = ("STARTED", "JOBS", "ENDED", "FAILED", "NAME")
    drawn = table(head, rows, right=head[1:4], whole=True) if found else "There are no batches."
    answer([status.as_dict() for status in found], drawn, as_json=as_json)


@batch.command("show")
@_name
@json_option
def show_batch(batch_id: str, *, as_json: bool) -> None:
    """Show how many jobs of a batch are in which state."""
    with UploadClient.from_env() as client:
        status = client.batch(batch_id)
    answer(status.as_dict(), *_facts(status), as_json=as_json)
    sys.exit(exit_of_batch(status))


@batch.command()
@_name
@timeout_option(goes_on="the jobs go on")
@json_option
def watch(batch_id: str, *, timeout: float, as_json: bool) -> None:
    """Show a batch's progress until all its jobs have ended.

    A bar on a terminal, else a line a second at most. Start it once all jobs are
    enqueued: it ends when no job that is there is left.
    """
    bar = _bar() if sys.stdout.isatty() and not as_json else None
    with UploadClient.from_env() as client, bar or nullcontext():
        for status in client.watch_batch(batch_id, timeout, every=0.2 if bar else 1.0):
            ended, failed = _ended(status), _failed(status)
            if bar:
                bar.update(bar.task_ids[0], total=status.total, completed=ended, failed=failed)
                continue
            line = f"{ended} of {status.total}  {100 * ended // status.total:>3}%"
            answer(status.as_dict(), line + f"  {failed} failed" * bool(failed), as_json=as_json)
    if not as_json:
        show(*_facts(status))
    sys.exit(exit_of_batch(status))


@batch.command()
@_name
@json_option
def cancel(batch_id: str, *, as_json: bool) -> None:
    """Cancel the jobs of a batch that have not ended.

    Running uploads may still be delivered. Exits with 0 if all jobs have ended now; with
    6 if workers run some.
    """
    with UploadClient.from_env() as client:
        done = client.cancel_batch(batch_id)
        status = client.batch(batch_id)
    if as_json:
        print_json(status.as_dict() | {"cancelled": done.cancelled, "requested": done.requested})
    else:
        say(f"{done.cancelled} cancelled.")
        if done.requested and not status.is_complete:
            say(f"{done.requested} running: their images may still be delivered.")
    sys.exit(Exit.OK if status.is_complete else Exit.PENDING)


def _bar() -> Progress:
    """A progress bar whose only task is the batch."""
    failed = TextColumn("{task.fields[failed]} failed")
    columns = (
        BarColumn(complete_style="cyan"),
        MofNCompleteColumn(" of "),
        TaskProgressColumn(),
        failed,
    )
    bar = Progress(*columns, console=console())
    bar.add_task("", failed=0)
    return bar


def _ended(status: BatchStatus) -> int:
    return status.total - status.pending


def _failed(status: BatchStatus) -> int:
    return sum(status.states.get(state, 0) for state in (JobState.FAILED, JobState.EXPIRED))


def _facts(status: BatchStatus) -> Iterator[Paragraph]:
    yield fact("Batch", status.id)
    yield fact("Jobs", f"{status.total}, of which {_ended(status)} have ended")
    yield fact("States", _counts(status.states))
    if status.codes:
        yield fact("Outcomes", _counts(status.codes))
    yield fact("Started", date(status.created_at))
    if status.finished_at is not None:
        after = status.finished_at - status.created_at
        yield fact("Ended", f"{date(status.finished_at)}, {after:.1f} s later")
    if JobState.FAILED in status.states:
        yield fact("See them", f"facelift list --batch {status.id} --state failed")


def _counts(counts: Mapping[JobState, int] | Mapping[OutcomeCode, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
