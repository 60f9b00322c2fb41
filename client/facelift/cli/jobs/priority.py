"""`facelift priority`: move jobs, or the rest of a batch, to another priority."""

import sys
from collections import Counter
from collections.abc import Mapping

import click

from facelift.cli.draw.console import answer, counted, say
from facelift.cli.exits import Exit
from facelift.cli.options import complete_job, json_option
from facelift.client import UploadClient
from facelift.codes import PriorityChange
from facelift.errors import JobNotFound
from facelift.job import Priority


@click.command()
@click.argument("priority", type=click.Choice([each.value for each in Priority]))
@click.argument("job_ids", metavar="[JOB]...", nargs=-1, shell_complete=complete_job)
@click.option("--batch", metavar="NAME", help="The jobs of this batch that have not ended.")
@click.option("--yes", is_flag=True, help="Do not ask before the jobs of a batch are moved.")
@json_option
def priority(
    priority: str, job_ids: tuple[str, ...], *, batch: str | None, yes: bool, as_json: bool
) -> None:
    """Move jobs to another priority.

    A flow of jobs with priority high gets twice the requests of one with normal, and that
    twice those of one with low, as long as all of them have jobs waiting. Running uploads
    go on; jobs that join the batch later keep their own priority. Exits with 0 if each
    JOB has the priority now, with 1 if one has ended, and with 4 if one is unknown.

    \b
    Examples:
      facelift priority high 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift priority low --batch logos-2026
    """  # noqa: D301 - click wants the escape, not the backslash
    if bool(job_ids) == (batch is not None):
        raise click.UsageError("name each JOB, or one --batch")
    wanted = Priority(priority)
    with UploadClient.from_env() as client:
        if batch is not None:
            _confirm(client.batch(batch).pending, batch, yes=yes)
            moved = client.set_batch_priority(batch, wanted)
            value: dict[str, object] = {"priority": priority, "batch": batch, "moved": moved}
            answer(value, f"{counted(moved, 'job')} moved to {priority}.", as_json=as_json)
            return
        changes = {job_id: _move(client, job_id, wanted) for job_id in job_ids}
    answer({"priority": priority, "jobs": changes}, _summary(changes, priority), as_json=as_json)
    if None in changes.values():
        sys.exit(Exit.NOT_FOUND)
    sys.exit(Exit.ERROR if PriorityChange.ENDED in changes.values() else Exit.OK)


def _move(client: UploadClient, job_id: str, priority: Priority) -> PriorityChange | None:
    """Move one job; None, and a line on standard error, if there is no such job."""
    try:
        return client.set_priority(job_id, priority)
    except JobNotFound as error:
        say(f"facelift: {error}", err=True)
        return None


def _confirm(count: int, batch: str, *, yes: bool) -> None:
    if yes or count <= 1:
        return
    jobs = f"{count} jobs of batch {batch}"
    if not sys.stdin.isatty():
        raise click.UsageError(f"give --yes to move {jobs}")
    click.confirm(f"Move {jobs}?", abort=True, err=True)


def _summary(changes: Mapping[str, PriorityChange | None], priority: str) -> str:
    counts = Counter(changes.values())
    parts = [f"{counted(counts[PriorityChange.SET], 'job')} moved to {priority}"]
    if had := counts[PriorityChange.UNCHANGED]:
        parts.append(f"{had} had it before")
    if ended := counts[PriorityChange.ENDED]:
        parts.append(f"{ended} ended before")
    return f"{'; '.join(parts)}."
