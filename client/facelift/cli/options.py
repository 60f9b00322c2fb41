"""Options and arguments that several commands share, and how a shell completes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from facelift.cli.values import read_moment_or_ago, value
from facelift.client import UploadClient
from facelift.codes import JobState, OutcomeCode
from facelift.errors import FaceliftError
from facelift.job import Fit

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., object]")

_COMPLETED = 100  # newest jobs whose ids are completed


def complete_job(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click passes them
    """The ids of the newest jobs that begin so; none if Redis does not answer."""
    try:
        with UploadClient.from_env() as client:
            found = client.find(limit=_COMPLETED).records
    except FaceliftError:
        return []
    return [record.id for record in found if record.id.startswith(incomplete)]


def complete_account(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click passes them
    """The known accounts whose names begin so; none if Redis does not answer."""
    try:
        with UploadClient.from_env() as client:
            accounts = client.pool(events=1).accounts
    except FaceliftError:
        return []
    return [account.name for account in accounts if account.name.startswith(incomplete)]


fit_option = click.option(
    "--fit",
    type=click.Choice([fit.value for fit in Fit]),
    default=Fit.STRICT.value,
    show_default=True,
    help="Whether an image that would be refused is cropped or padded instead.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
job_argument = click.argument("job_id", metavar="JOB", shell_complete=complete_job)


def timeout_option(default: float | None, goes_on: str = "the job goes on") -> Callable[[_F], _F]:
    """Seconds to wait at most; None to wait as long as it takes."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=default,
        show_default="until it has ended" if default is None else True,
        metavar="SECONDS",
        help=f"Wait no longer than this; {goes_on}.",
    )


def filters(command: _F) -> _F:
    """The options by which `list` and `replay` choose jobs."""
    when = value("time", read_moment_or_ago)
    for option in reversed(
        (
            click.option(
                "--state",
                type=click.Choice([state.value for state in JobState]),
                metavar="STATE",
                help=f"Jobs in this state: {', '.join(JobState)}.",
            ),
            click.option(
                "--account", help="Jobs of this account.", shell_complete=complete_account
            ),
            click.option("--chatbot", "chatbot_id", metavar="ID", help="Jobs of this chatbot."),
            click.option(
                "--code",
                type=click.Choice([code.value for code in OutcomeCode]),
                metavar="CODE",
                help="Jobs with this outcome code, such as image_not_square.",
            ),
            click.option("--batch", metavar="NAME", help="Jobs of this batch."),
            click.option(
                "--since",
                type=when,
                help="Enqueued then or later: 2h for two hours ago, Unix seconds or ISO 8601.",
            ),
            click.option("--before", type=when, help="Enqueued before then; as --since."),
        )
    ):
        command = option(command)
    return command
