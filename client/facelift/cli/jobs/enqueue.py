"""`facelift enqueue`, `remove` and `cancel`: begin a job, and stop it."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from facelift.asset import Action
from facelift.cli.draw.console import print_json, say
from facelift.cli.draw.record import print_new
from facelift.cli.exits import Exit
from facelift.cli.jobs.show import wait_for
from facelift.cli.options import (
    asset_option,
    complete_account,
    fairness_key_option,
    fit_focus_option,
    fit_option,
    job_argument,
    json_option,
    metadata_option,
    priority_option,
    read_moment,
    timeout_option,
    value,
)
from facelift.client import UploadClient
from facelift.codes import Cancellation, JobState

_F = TypeVar("_F", bound=Callable[..., object])

_OF_ANY_JOB = (
    click.option(
        "--account",
        default="default",
        show_default=True,
        help="The account whose API key to use.",
        shell_complete=complete_account,
    ),
    click.option("--idempotency-key", help="Enqueueing the same key again returns the same job."),
    click.option(
        "--not-before",
        type=value("time", read_moment),
        help="Start no earlier. Unix seconds or ISO 8601 (UTC unless it has a zone).",
    ),
    click.option(
        "--expires-at",
        type=value("time", read_moment),
        help="The deadline. Unix seconds or ISO 8601 (UTC unless it has a zone).",
    ),
    click.option("--batch", metavar="NAME", help="A name that many jobs share, to follow them."),
    priority_option,
    fairness_key_option,
    metadata_option,
    click.option("--job-id", help="An id of your own; enqueueing it again is safe."),
    click.option("--wait", is_flag=True, help="Wait for the outcome, as `facelift wait` does."),
    timeout_option(60),
    json_option,
)


def _of_any_job(command: _F) -> _F:
    """The options of a new job, whatever it does."""
    for option in reversed(_OF_ANY_JOB):
        command = option(command)
    return command


@click.command()
@click.argument("chatbot_id")
@click.argument("image", metavar="STORE:PATH")
@asset_option
@click.option("--sha256", help="The SHA-256 that the image's bytes must have.")
@fit_option
@fit_focus_option
@_of_any_job
def enqueue(
    chatbot_id: str,
    image: str,
    *,
    wait: bool,
    timeout: float,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - handed on as they are
) -> None:
    """Enqueue the upload of a stored image.

    Prints the job's id.

    \b
    Example:
      facelift enqueue 5QHA6VB-DIAbBhxwqxfdi media:bots/42.png --wait
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.enqueue(chatbot_id, image, **options)
        if wait:
            wait_for(client, record.id, timeout, as_json=as_json)
    print_new(record, as_json=as_json)


@click.command()
@click.argument("chatbot_id", metavar="CHATBOT")
@asset_option
@_of_any_job
def remove(
    chatbot_id: str,
    *,
    wait: bool,
    timeout: float,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - handed on as they are
) -> None:
    """Enqueue the removal of a picture or icon.

    It supersedes the chatbot's older images that have not been delivered, and a newer
    image supersedes it. Prints the job's id.

    \b
    Examples:
      facelift remove 5QHA6VB-DIAbBhxwqxfdi
      facelift remove 5QHA6VB-DIAbBhxwqxfdi --asset icon --wait
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        record = client.remove(chatbot_id, **options)
        if wait:
            wait_for(client, record.id, timeout, as_json=as_json)
    print_new(record, as_json=as_json)


@click.command()
@job_argument
@json_option
def cancel(job_id: str, *, as_json: bool) -> None:
    """Cancel a job unless it has ended.

    A running upload may still be delivered. Exits with 0 if the job is cancelled, now or
    before; with 6 if a worker runs it; with 1 if it has ended otherwise.

    \b
    Example:
      facelift cancel 7f0c1d5e-0d2c-4a51-9c33-5d7c4d8f4b0e
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        cancellation = client.cancel(job_id)
        record = client.status(job_id)
    what, done = "its image", "delivered"
    if record.action == Action.REMOVE:
        what, done = "it", "carried out"
    if as_json:
        print_json(record.as_dict() | {"cancellation": cancellation})
    elif cancellation is Cancellation.REQUESTED:
        say(f"A worker runs it: {what} may still be {done}, but no other attempt begins.")
    elif cancellation is Cancellation.ENDED:
        say(f"Too late: the job has ended before, as {record.state}.")
    else:
        say(f"Cancelled; {what} will not be {done}.")
    if record.state is JobState.CANCELLED:
        sys.exit(Exit.OK)
    sys.exit(Exit.ERROR if record.state.is_terminal else Exit.PENDING)
