"""The producer's commands: enqueue, status, wait, cancel, replay.

`status` without a job shows the pool; what else operators do is in `operator.py`.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from tasks.cli.exits import exit_of, exit_of_cancelling
from tasks.cli.options import Moment, fit_option, json_option, timeout_option
from tasks.cli.pool_text import describe_pool
from tasks.cli.text import describe, describe_cancellation
from tasks.client import UploadClient
from tasks.errors import WaitTimeout

if TYPE_CHECKING:
    from tasks.record import JobRecord


@click.command()
@click.argument("chatbot_id")
@click.argument("image", metavar="STORE:PATH")
@click.option("--account", default="default", show_default=True, help="Whose API key to use.")
@click.option("--idempotency-key", help="The same key again gives the same job.")
@click.option("--sha256", help="What the image's bytes must hash to.")
@fit_option
@click.option(
    "--not-before",
    type=Moment(),
    help="Start no earlier. Unix seconds or ISO 8601 (UTC unless it says).",
)
@click.option(
    "--expires-at",
    type=Moment(),
    help="Give up then. Unix seconds or ISO 8601 (UTC unless it says).",
)
@click.option("--batch", metavar="NAME", help="A name for many jobs, to follow them as one.")
@click.option("--job-id", help="A name of your own; enqueueing it again is harmless.")
@click.option("--wait", is_flag=True, help="Wait for the outcome, as `facelift wait` does.")
@timeout_option(60)
@json_option
def enqueue(
    chatbot_id: str,
    image: str,
    *,
    wait: bool,
    timeout: float,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - handed on as they are
) -> None:
    """Have a stored image put onto a chatbot. Prints the job's id.

    \b
    Example:
      facelift enqueue 5QHA6VB-DIAbBhxwqxfdi media:bots/42.png --wait
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.enqueue(chatbot_id, image, **options)
        if wait:
            _wait(client, record.id, timeout, as_json=as_json)
    _print_new(record, as_json=as_json)


@click.command()
@click.argument("job_id", required=False)
@json_option
def status(job_id: str | None, *, as_json: bool) -> None:
    """Show where a job stands; without JOB_ID, the pool.

    Of a job it shows the attempts too; of the pool, whether the endpoint counts as
    down, what is paused, and what each account uses of its rate and has waiting.

    \b
    Examples:
      facelift status 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift status
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        if job_id is None:
            pool = client.pool()
            click.echo(json.dumps(pool.as_dict()) if as_json else describe_pool(pool))
            return
        record = client.status(job_id)
    _print(record, as_json=as_json)
    sys.exit(exit_of(record))


@click.command()
@click.argument("job_id")
@timeout_option(60)
@json_option
def wait(job_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait until a job has ended, then show it."""
    with UploadClient.from_env() as client:
        _wait(client, job_id, timeout, as_json=as_json)


@click.command()
@click.argument("job_id")
@json_option
def cancel(job_id: str, *, as_json: bool) -> None:
    """Have a job not delivered, if that is still possible.

    Exits with 0 if it is cancelled, now or before; with 6 if a worker runs it,
    so that its picture may still be delivered; with 1 if it has ended otherwise.
    """
    with UploadClient.from_env() as client:
        cancellation = client.cancel(job_id)
        record = client.status(job_id)
    if as_json:
        click.echo(json.dumps(record.as_dict() | {"cancellation": cancellation}))
    else:
        click.echo(describe_cancellation(cancellation, record))
    sys.exit(exit_of_cancelling(record))


@click.command()
@click.argument("job_id")
@json_option
def replay(job_id: str, *, as_json: bool) -> None:
    """Enqueue what an ended job was about once more. Prints the new job's id."""
    with UploadClient.from_env() as client:
        record = client.replay(job_id)
    _print_new(record, as_json=as_json)


COMMANDS = (enqueue, status, wait, cancel, replay)


def _wait(client: UploadClient, job_id: str, timeout: float, *, as_json: bool) -> None:
    try:
        record = client.wait(job_id, timeout)
    except WaitTimeout as error:
        _print(error.record, as_json=as_json)
        raise
    _print(record, as_json=as_json)
    sys.exit(exit_of(record))


def _print_new(record: JobRecord, *, as_json: bool) -> None:
    if as_json:
        _print(record, as_json=True)
        return
    click.echo(record.id)
    if sys.stderr.isatty():
        click.echo(f"Enqueued. To see what becomes of it: facelift wait {record.id}", err=True)


def _print(record: JobRecord, *, as_json: bool) -> None:
    click.echo(json.dumps(record.as_dict()) if as_json else describe(record))
