"""`facelift wait` and `facelift watch`: follow a job until it has ended."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING

import click

from facelift.cli.draw.console import show
from facelift.cli.draw.record import describe_change, print_record
from facelift.cli.exits import exit_of
from facelift.cli.options import job_argument, json_option, timeout_option
from facelift.client import UploadClient
from facelift.operations.observe import WaitTimeout

if TYPE_CHECKING:
    from facelift.record import JobRecord


@click.command()
@job_argument
@timeout_option(60)
@json_option
def wait(job_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait until a job has ended, then show its outcome.

    `facelift watch` shows each change meanwhile.

    \b
    Example:
      facelift wait 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --timeout 300
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        wait_for(client, job_id, timeout, as_json=as_json)


@click.command()
@job_argument
@timeout_option(None)
@json_option
def watch(job_id: str, *, timeout: float | None, as_json: bool) -> None:
    """Follow a job until it has ended: a line for each change.

    Then it prints the job's state, and exits with its code. With --json each line is
    the whole record at that time.

    \b
    Examples:
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --json | jq -r .state
    """  # noqa: D301 - click wants the escape, not the backslash

    def report(record: JobRecord) -> JobRecord:
        if as_json:
            print_record(record, as_json=True)
        else:
            show(describe_change(record, record.finished_at or time.time()))
        return record

    with UploadClient.from_env() as client:
        *_, record = map(report, client.watch(job_id, math.inf if timeout is None else timeout))
    if not as_json:
        show("")
        print_record(record, as_json=False)
    sys.exit(exit_of(record))


def wait_for(client: UploadClient, job_id: str, timeout: float, *, as_json: bool) -> None:
    """Wait until a job has ended, print its record, and exit with its code."""
    try:
        record = client.wait(job_id, timeout)
    except WaitTimeout as error:
        print_record(error.record, as_json=as_json)
        raise
    print_record(record, as_json=as_json)
    sys.exit(exit_of(record))
