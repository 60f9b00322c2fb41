"""The commands for one job: enqueue, status, wait, show, watch, cancel.

`status` without a job shows the pool; what else operators do is in `operator.py`.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from facelift.cli.exits import exit_of, exit_of_cancelling
from facelift.cli.options import (
    complete_account,
    complete_job,
    fit_option,
    job_argument,
    json_option,
    timeout_option,
)
from facelift.cli.output import print_new, print_record
from facelift.cli.pool_text import describe_pool
from facelift.cli.text import (
    describe_cancellation,
    describe_change,
    describe_in_full,
    remedy,
)
from facelift.cli.values import moment
from facelift.client import UploadClient
from facelift.operations.observe import WaitTimeout

if TYPE_CHECKING:
    from facelift.record import JobRecord


@click.command()
@click.argument("chatbot_id")
@click.argument("image", metavar="STORE:PATH")
@click.option(
    "--account",
    default="default",
    show_default=True,
    help="Whose API key to use.",
    shell_complete=complete_account,
)
@click.option("--idempotency-key", help="The same key again gives the same job.")
@click.option("--sha256", help="What the image's bytes must hash to.")
@fit_option
@click.option(
    "--not-before",
    type=moment(),
    help="Start no earlier. Unix seconds or ISO 8601 (UTC unless it says).",
)
@click.option(
    "--expires-at",
    type=moment(),
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
    print_new(record, as_json=as_json)


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False, shell_complete=complete_job)
@json_option
def status(job_id: str | None, *, as_json: bool) -> None:
    """Say where a job stands; without JOB, the pool.

    Of a job it tells what to do, of the pool whether the endpoint counts as down, what
    is paused, what each account uses of its rate and has waiting, and the workers.
    `facelift show` tells what happened to a job so far, `facelift top` watches the pool.

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
    print_record(record, as_json=as_json)
    sys.exit(exit_of(record))


@click.command()
@job_argument
@timeout_option(60)
@json_option
def wait(job_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait until a job has ended, then say how.

    `facelift watch` tells each step meanwhile.

    \b
    Example:
      facelift wait 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --timeout 300
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        _wait(client, job_id, timeout, as_json=as_json)


@click.command()
@job_argument
@json_option
def show(job_id: str, *, as_json: bool) -> None:
    """Tell all of a job: attempts, waits, what to do.

    With --json it is the record, as of `facelift status`, and `remedy`: what to do.

    \b
    Example:
      facelift show 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.status(job_id)
    if as_json:
        click.echo(json.dumps(record.as_dict() | {"remedy": remedy(record)}))
    else:
        click.echo(describe_in_full(record, time.time()))
    sys.exit(exit_of(record))


@click.command()
@job_argument
@timeout_option(None)
@json_option
def watch(job_id: str, *, timeout: float | None, as_json: bool) -> None:
    """Follow a job until it has ended: a line at each change.

    It ends with where the job stands, and the exit code says the same. With --json
    each line is the whole record as it then is.

    \b
    Examples:
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
      facelift watch 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e --json | jq -r .state
    """  # noqa: D301 - click wants the escape, not the backslash

    def tell(record: JobRecord) -> JobRecord:
        if as_json:
            print_record(record, as_json=True)
        else:
            click.echo(describe_change(record, record.finished_at or time.time()))
        return record

    with UploadClient.from_env() as client:
        *_, record = map(tell, client.watch(job_id, math.inf if timeout is None else timeout))
    if not as_json:
        click.echo()
        print_record(record, as_json=False)
    sys.exit(exit_of(record))


@click.command()
@job_argument
@json_option
def cancel(job_id: str, *, as_json: bool) -> None:
    """Have a job not delivered, if that is still possible.

    Exits with 0 if it is cancelled, now or before; with 6 if a worker runs it,
    so that its picture may still be delivered; with 1 if it has ended otherwise.

    \b
    Example:
      facelift cancel 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        cancellation = client.cancel(job_id)
        record = client.status(job_id)
    if as_json:
        click.echo(json.dumps(record.as_dict() | {"cancellation": cancellation}))
    else:
        click.echo(describe_cancellation(cancellation, record))
    sys.exit(exit_of_cancelling(record))


COMMANDS = (enqueue, status, wait, show, watch, cancel)


def _wait(client: UploadClient, job_id: str, timeout: float, *, as_json: bool) -> None:
    try:
        record = client.wait(job_id, timeout)
    except WaitTimeout as error:
        print_record(error.record, as_json=as_json)
        raise
    print_record(record, as_json=as_json)
    sys.exit(exit_of(record))
