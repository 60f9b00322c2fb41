"""`facelift status`, `show`, `wait` and `watch`: the state of a job, now or until it has ended."""

import sys
import time
from dataclasses import asdict

import click

from facelift.cli.draw.console import answer, console, show
from facelift.cli.draw.pool import describe_pool, describe_refused
from facelift.cli.draw.record import advice, describe, describe_change, describe_history
from facelift.cli.exits import exit_of
from facelift.cli.options import complete_job, job_argument, json_option, timeout_option
from facelift.client import UploadClient
from facelift.operations.observe import WaitTimeout


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False, shell_complete=complete_job)
@json_option
def status(job_id: str | None, *, as_json: bool) -> None:
    """Show the state of a job, or of the pool.

    With JOB: its state, and advice if it failed or waits. Without: the endpoint's
    circuit breaker, pauses, each account's rate and queue, and the workers.
    `facelift show` adds a job's history; `facelift top` watches the pool.

    \b
    Examples:
      facelift status 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift status
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        if job_id is None:
            pool = client.pool()
            refused = client.refused_messages()
            value = pool.as_dict() | {"refused_messages": [asdict(each) for each in refused]}
            answer(value, *describe_pool(pool), *describe_refused(refused), as_json=as_json)
            return
        record = client.status(job_id)
    answer(record.as_dict(), *describe(record), as_json=as_json)
    sys.exit(exit_of(record))


@click.command("show")
@job_argument
@json_option
def show_job(job_id: str, *, as_json: bool) -> None:
    """Show a job with its attempts, and what to do.

    With --json it prints the record, as `facelift status` does, with the field `advice`.

    \b
    Example:
      facelift show 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.status(job_id)
    value = record.as_dict() | {"advice": advice(record)}
    answer(value, *describe(record), "", *describe_history(record, time.time()), as_json=as_json)
    sys.exit(exit_of(record))


@click.command()
@job_argument
@timeout_option(60)
@json_option
def wait(job_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait until a job has ended, then show its outcome.

    What it waits for meanwhile is said on standard error, if there is something to do
    about it. `facelift watch` shows each change.

    \b
    Example:
      facelift wait 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --timeout 300
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        wait_for(client, job_id, timeout, as_json=as_json)


@click.command()
@job_argument
@timeout_option()
@json_option
def watch(job_id: str, *, timeout: float, as_json: bool) -> None:
    """Follow a job until it has ended: a line for each change.

    Then it prints the job's state, and exits with its code. With --json each line is
    the whole record at that time.

    \b
    Examples:
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --json | jq -r .state
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        for record in client.watch(job_id, timeout):
            answer(record.as_dict(), *describe_change(record), as_json=as_json)
    if not as_json:
        show("", *describe(record))
    sys.exit(exit_of(record))


def wait_for(client: UploadClient, job_id: str, timeout: float, *, as_json: bool) -> None:
    """Wait until a job has ended, print its record, and exit with its code."""
    said = None
    try:
        for record in client.watch(job_id, timeout):
            if record.wait_reason != said and advice(record) and not record.has_ended:
                show(*describe_change(record), to=console(err=True))
            said = record.wait_reason
    except WaitTimeout as error:
        answer(error.record.as_dict(), *describe(error.record), as_json=as_json)
        raise
    answer(record.as_dict(), *describe(record), as_json=as_json)
    sys.exit(exit_of(record))
