"""`facelift batch`: how many jobs under one name stand, and cancelling the rest."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import click

from facelift.cli.bulk.batch_text import describe_batch, progress, table_of_batches
from facelift.cli.draw.layout import WIDTH
from facelift.cli.exits import Exit, exit_of_batch
from facelift.cli.options import json_option, timeout_option
from facelift.client import UploadClient
from facelift.operations.batches import BatchTimeout

if TYPE_CHECKING:
    from facelift.batch import BatchStatus

_name = click.argument("batch_id", metavar="NAME")


@click.group()
def batch() -> None:
    """Follow the jobs of a batch, or cancel the rest of them.

    Jobs get it by `facelift enqueue-many` or `facelift enqueue --batch NAME`.
    """


@batch.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many."
)
@json_option
def list_batches(*, limit: int, as_json: bool) -> None:
    """List the batches, those that began last first.

    A batch is forgotten when the records of its jobs are.
    """
    with UploadClient.from_env() as client:
        found = client.batches(limit)
    if as_json:
        click.echo(json.dumps([status.as_dict() for status in found]))
    else:
        click.echo(table_of_batches(found) if found else "No job was enqueued in a batch of late.")


@batch.command()
@_name
@json_option
def show(batch_id: str, *, as_json: bool) -> None:
    """Show how many jobs of a batch are where."""
    with UploadClient.from_env() as client:
        status = client.batch(batch_id)
    _print(status, as_json=as_json)
    sys.exit(exit_of_batch(status))


@batch.command()
@_name
@timeout_option(None, "the jobs go on")
@json_option
def watch(batch_id: str, *, timeout: float | None, as_json: bool) -> None:
    """Show how far a batch is until all its jobs have ended.

    On a terminal that is a bar, else a line a second at most. Begin once all its jobs are
    enqueued: it ends when none of those that are there is left.
    """
    is_bar = sys.stdout.isatty() and not as_json
    seconds = math.inf if timeout is None else timeout
    status: BatchStatus | None = None
    with UploadClient.from_env() as client:
        try:
            for status in client.watch_batch(batch_id, seconds, every=0.2 if is_bar else 1.0):
                if as_json:
                    click.echo(json.dumps(status.as_dict()))
                elif is_bar:
                    click.echo(f"\r{progress(status):<{WIDTH - 1}}", nl=False)
                else:
                    click.echo(progress(status))
        except (BatchTimeout, KeyboardInterrupt):
            if is_bar:
                click.echo()
            raise
    if status is not None:
        if not as_json:
            click.echo(("\n" if is_bar else "") + describe_batch(status))
        sys.exit(exit_of_batch(status))


@batch.command()
@_name
@json_option
def cancel(batch_id: str, *, as_json: bool) -> None:
    """Cancel the jobs of a batch that have not ended.

    Exits with 0 if all have ended now; with 6 if workers run some, so that their
    pictures may still be delivered.
    """
    with UploadClient.from_env() as client:
        done = client.cancel_batch(batch_id)
        status = client.batch(batch_id)
    if as_json:
        told = {"cancelled": done.cancelled, "requested": done.requested}
        click.echo(json.dumps(status.as_dict() | told))
    else:
        click.echo(f"{done.cancelled} cancelled.")
        if done.requested and not status.is_complete:
            click.echo(f"{done.requested} with a worker: their pictures may still be delivered.")
    sys.exit(Exit.OK if status.is_complete else Exit.PENDING)


def _print(status: BatchStatus, *, as_json: bool) -> None:
    click.echo(json.dumps(status.as_dict()) if as_json else describe_batch(status))
