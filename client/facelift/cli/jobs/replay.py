"""`facelift replay`: one ended job once more, or all that a filter chooses.

Why a run that is repeated replays nothing twice: a job that any other job replays is left out,
and the new job's id follows from the old one's, so that even two runs at once make one.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from facelift.cli.draw.output import print_new
from facelift.cli.draw.table import is_for_person, job_lines
from facelift.cli.options import complete_job, filters, json_option
from facelift.cli.values import Read
from facelift.client import UploadClient
from facelift.codes import JobState
from facelift.errors import FaceliftError, InvalidJob, JobNotFound
from facelift.units import Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facelift.record import JobRecord

_IDS = uuid.UUID("5d1c2b0e-6f1d-4e36-9a54-1f6f3a1f0c77")
_PAGE = 1_000
_UNASKED = (JobState.FAILED, JobState.EXPIRED)
"""What is replayed if neither a state nor a code was asked for."""


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False, shell_complete=complete_job)
@filters
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--dry-run", is_flag=True, help="List what would be replayed, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before many are replayed.")
@click.option(
    "--pace",
    type=Read("rate", Rate.parse),
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

    It enqueues what JOB was about, or all jobs that the options choose, and prints the
    id of each new job; of many, with the old one's behind a tab. With --json it prints
    each new record, and with --dry-run each record that would be replayed, one a line.

    Of many, only jobs that have ended are taken, and only failed and expired ones
    unless --state or --code says otherwise. Left out are jobs that were replayed
    before, and pictures that are out of date: of each chatbot the newest job is taken,
    and none if a newer picture was delivered or is on its way. A run that was cut tells
    how to go on. A replay that fails may be replayed in turn, by a later run.

    \b
    Examples:
      facelift replay 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift replay --code retries_exhausted --since 6h --dry-run
      facelift replay --account acme-eu --code unauthorized --yes
    """  # noqa: D301 - click wants the escape, not the backslash
    chosen = {name: value for name, value in asked.items() if value is not None}
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
                click.echo(selection.sentence, err=True)
            if dry_run:
                _preview(selection.jobs, as_json=as_json)
            elif selection.jobs:
                _confirm(len(selection.jobs), yes=yes)
                _replay_all(client, selection, pace, as_json=as_json)


@dataclass
class Selection:
    """Which jobs are replayed, oldest first, and how many are not, by why.

    `at` is when they were chosen, in Unix seconds.
    """

    at: float
    jobs: list[JobRecord] = field(default_factory=list)
    replayed: int = 0
    outdated: int = 0

    @property
    def sentence(self) -> str:
        """The same for a person."""
        count = len(self.jobs)
        told = "1 job to replay" if count == 1 else f"{count or 'no'} jobs to replay"
        left = [(self.replayed, "replayed before"), (self.outdated, "out of date")]
        return "; ".join([told, *(f"{n} left out: {why}" for n, why in left if n)])


def select(
    client: UploadClient,
    *,
    state: str | None,
    account: str | None,
    chatbot_id: str | None,
    code: str | None,
    batch: str | None,
    since: float | None,
    before: float | None,
    limit: int | None,
) -> Selection:
    """Look through all jobs since then, the newest first, for those worth replaying."""
    # So that what cannot be looked for is refused in the same words as by `list`.
    client.find(state=state, account=account, code=code, batch=batch, before=before, limit=1)
    wanted = {"account": account, "code": code, "state": state, "batch": batch}
    selection, replayed, newer = Selection(client.pool(events=1).at), set[str](), set[str]()
    cursor: str | None = None
    while True:
        # Also those of other states and accounts: they tell which pictures are out of date.
        page = client.find(chatbot_id=chatbot_id, since=since, limit=_PAGE, cursor=cursor)
        for record in page.records:
            if record.replay_of:
                replayed.add(record.replay_of)
            if _matches(record, wanted, before):
                if record.id in replayed:
                    selection.replayed += 1
                elif record.chatbot_id in newer:
                    selection.outdated += 1
                else:
                    selection.jobs.append(record)
                    newer.add(record.chatbot_id)
            if record.state is JobState.SUCCEEDED or not record.state.is_terminal:
                newer.add(record.chatbot_id)
            if len(selection.jobs) == limit:
                break
        cursor = page.cursor
        if cursor is None or len(selection.jobs) == limit:
            break
    selection.jobs.reverse()
    return selection


def _matches(record: JobRecord, wanted: dict[str, str | None], before: float | None) -> bool:
    if not record.state.is_terminal or (before is not None and record.created_at >= before):
        return False
    if wanted["state"] is None and wanted["code"] is None and record.state not in _UNASKED:
        return False
    found = {
        "account": record.account,
        "code": record.outcome,
        "state": record.state,
        "batch": record.batch,
    }
    return all(want is None or found[name] == want for name, want in wanted.items())


def _confirm(count: int, *, yes: bool) -> None:
    if yes or count == 1:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"say --yes to replay {count} jobs, or --dry-run to see them")
    click.confirm("Replay them?", abort=True, err=True)


def _replay_all(
    client: UploadClient,
    selection: Selection,
    pace: Rate,
    *,
    as_json: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    done = 0
    try:
        for record in selection.jobs:
            if done and done % pace.requests == 0:
                sleep(pace.seconds)
            try:
                new = client.replay(record.id, new_id=str(uuid.uuid5(_IDS, record.id)))
            except (InvalidJob, JobNotFound) as error:  # it never could be, or has gone since
                click.echo(f"facelift: warning: {record.id} left out: {error}", err=True)
                continue
            click.echo(json.dumps(new.as_dict()) if as_json else f"{new.id}\t{record.id}")
            done += 1
    except (FaceliftError, KeyboardInterrupt):
        click.echo(
            f"{done} of {len(selection.jobs)} replayed; for the others, "
            f"the same with --before {selection.at:.3f}",
            err=True,
        )
        raise
    if not as_json:
        click.echo(f"{done} replayed.", err=True)


def _preview(jobs: Sequence[JobRecord], *, as_json: bool) -> None:
    if as_json:
        lines = [json.dumps(record.as_dict()) for record in jobs]
    else:
        lines = list(job_lines(jobs, for_person=is_for_person(), now=time.time()))
    for line in lines:
        click.echo(line)
