"""`facelift status` and `facelift show`: the state of a job, and all of its history."""

from __future__ import annotations

import sys
import time

import click

from facelift.cli.draw.console import answer
from facelift.cli.draw.pool import describe_pool
from facelift.cli.draw.record import advice, describe_in_full, print_record
from facelift.cli.exits import exit_of
from facelift.cli.options import complete_job, job_argument, json_option
from facelift.client import UploadClient


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
            answer(pool.as_dict(), *describe_pool(pool), as_json=as_json)
            return
        record = client.status(job_id)
    print_record(record, as_json=as_json)
    sys.exit(exit_of(record))


@click.command()
@job_argument
@json_option
def show(job_id: str, *, as_json: bool) -> None:
    """Show a job with its attempts, and what to do.

    With --json it prints the record, as `facelift status` does, with the field `advice`.

    \b
    Example:
      facelift show 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.status(job_id)
    value = record.as_dict() | {"advice": advice(record)}
    answer(value, *describe_in_full(record, time.time()), as_json=as_json)
    sys.exit(exit_of(record))
