"""What commands print of a job."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from facelift.cli.draw.record import describe

if TYPE_CHECKING:
    from facelift.record import JobRecord


def print_record(record: JobRecord, *, as_json: bool) -> None:
    """Where a job stands."""
    click.echo(json.dumps(record.as_dict()) if as_json else describe(record))


def print_new(record: JobRecord, *, as_json: bool) -> None:
    """The id of a job that was enqueued."""
    if as_json:
        print_record(record, as_json=True)
        return
    click.echo(record.id)
    if sys.stderr.isatty():
        click.echo(f"To follow it: facelift watch {record.id}", err=True)
