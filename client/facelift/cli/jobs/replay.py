"""`facelift replay`: repeat one job that has ended, or all that match filters.

A second run replays nothing twice: a job that another job replays is left out, and the new job's
id is derived from the old one's, so that even two runs at once make one replay.
"""

import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from facelift.cli.draw.console import counted, print_json, say, warn
from facelift.cli.draw.record import print_jobs, print_new
from facelift.cli.options import complete_job, filters, json_option, value
from facelift.client import UploadClient
from facelift.codes import JobState
from facelift.errors import FaceliftError, InvalidJob, JobNotFound
from facelift.record import JobRecord
from facelift.text import printable
from facelift.units import Rate

_IDS = uuid.UUID("5d1c2b0e-6f1d-4e36-9a54-1f6f3a1f0c77")
_PAGE = 1_000
_DEFAULT_STATES = (JobState.FAILED, JobState.EXPIRED)


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False, shell_complete=complete_job)
@filters
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The most jobs to replay.")
@click.option("--dry-run", is_flag=True, help="List what would be replayed, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before many are replayed.")
@click.option(
    "--pace",
    type=value("rate", Rate.parse),
    default="100/1s",
    show_default=True,
    metavar="RATE",
    help="Enqueue no faster; workers keep to the accounts' rates in any case.",
)
@json_option
def replay(
    job_id: str | None,
    *,
    limit: int | None,
    dry_run: bool,
    yes: bool,
    pace: Rate,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - handed on as they are
) -> None:
    """Repeat jobs that have ended.

    Enqueues JOB again as a new job, or all jobs that match the options, and prints each
    new id; of many, followed by a tab and the old id. With --json it prints each new
    record, and with --dry-run each record that would be replayed, one a line.

    Of many, only failed and expired jobs are replayed unless --state or --code is given.
    Left out are jobs that were replayed before, and outdated images: of each chatbot the
    newest job is replayed, and none if a newer image was delivered or is on its way. An
    interrupted run prints the option that continues it. A replay that fails may be
    replayed by a later run.

    \b
    Examples:
      facelift replay 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift replay --code retries_exhausted --since 6h --dry-run
      facelift replay --account acme-eu --code unauthorized --yes
    """  # noqa: D301 - click wants the escape, not the backslash
    chosen = {name: wish for name, wish in asked.items() if wish is not None}
    if (job_id is None) != bool(chosen):
        raise click.UsageError("name one JOB, or choose jobs by options such as --code")
    with UploadClient.from_env() as client:
        if job_id is not None and dry_run:
            _preview([client.status(job_id)], as_json=as_json)
        elif job_id is not None:
            print_new(client.replay(job_id), as_json=as_json)
        else:
            selection = select(client, limit=limit, **asked)
            if not as_json:
                say(selection.summary, err=True)
            if dry_run:
                _preview(selection.jobs, as_json=as_json)
            elif selection.jobs:
                _confirm(len(selection.jobs), yes=yes)
                _replay_all(client, selection, pace, as_json=as_json)


@dataclass
class Selection:
    """The jobs to replay, oldest first, chosen `at` (Unix seconds), and how many are left out."""

    at: float
    jobs: list[JobRecord] = field(default_factory=list)
    replayed: int = 0  # before
    outdated: int = 0  # as a newer image is delivered or on its way

    @property
    def summary(self) -> str:
        """The numbers, for a person."""
        left = [(self.replayed, "replayed before"), (self.outdated, "outdated")]
        parts = [f"{count} left out: {why}" for count, why in left if count]
        return "; ".join([f"{counted(len(self.jobs), 'job')} to replay", *parts])


def select(client: UploadClient, *, limit: int | None, **asked: Any) -> Selection:  # noqa: ANN401 - handed on as they are
    """Search for the jobs to replay, then read all jobs down to the oldest of them."""
    selection, replayed = Selection(client.pool(events=1).at), set[str]()
    newer = set[tuple[str, str]]()  # of a chatbot and asset
    states = None if asked["state"] or asked["code"] else _DEFAULT_STATES
    wanted = {
        record.id
        for record in _search(client, **asked)
        if record.state.is_terminal and (states is None or record.state in states)
    }
    # Jobs of other states and accounts show which images are outdated.
    for record in _search(client, chatbot_id=asked["chatbot_id"], since=asked["since"]):
        if not wanted or len(selection.jobs) == limit:
            break
        target = (record.chatbot_id, record.asset)
        if record.replay_of:
            replayed.add(record.replay_of)
        if record.id in wanted:
            wanted.remove(record.id)
            if record.id in replayed:
                selection.replayed += 1
            elif target in newer:
                selection.outdated += 1
            else:
                selection.jobs.append(record)
                newer.add(target)
        if record.state is JobState.SUCCEEDED or not record.state.is_terminal:
            newer.add(target)
    selection.jobs.reverse()
    return selection


def _search(client: UploadClient, **asked: Any) -> Iterator[JobRecord]:  # noqa: ANN401 - handed on as they are
    """All jobs that `find` finds, newest first."""
    page = client.find(limit=_PAGE, **asked)
    yield from page.records
    while page.cursor:
        page = client.find(limit=_PAGE, cursor=page.cursor, **asked)
        yield from page.records


def _confirm(count: int, *, yes: bool) -> None:
    if yes or count == 1:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"give --yes to replay {count} jobs, or --dry-run to see them")
    click.confirm("Replay them?", abort=True, err=True)


def _replay_all(client: UploadClient, selection: Selection, pace: Rate, *, as_json: bool) -> None:
    done = 0
    try:
        for record in selection.jobs:
            if done and done % pace.requests == 0:
                time.sleep(pace.seconds)
            try:
                new = client.replay(record.id, new_id=str(uuid.uuid5(_IDS, record.id)))
            except (InvalidJob, JobNotFound) as error:  # it never could be, or has gone since
                warn(f"{record.id} left out: {error}")
                continue
            if as_json:
                print_json(new.as_dict())
            else:
                click.echo("\t".join(map(printable, (new.id, record.id))))
            done += 1
    except (FaceliftError, KeyboardInterrupt):
        say(
            f"{done} of {len(selection.jobs)} replayed; to continue, repeat the command with "
            f"--before {selection.at:.3f}",
            err=True,
        )
        raise
    if not as_json:
        say(f"{done} replayed.", err=True)


def _preview(jobs: Sequence[JobRecord], *, as_json: bool) -> None:
    if not as_json:
        print_jobs(jobs)
        return
    for record in jobs:
        print_json(record.as_dict())
